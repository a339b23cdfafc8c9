/** A model in the form that transformers computes: what the kit allows beyond it is written out. */
import * as tf from '@tensorflow/tfjs';
import { interleavedToHalves } from '../formats/rotary';
import type { Model } from './model';
import { variable } from './params';

type Config = Readonly<Record<string, unknown>>;

/** Classes of transformers with a head, by model_type. */
const CLASSIFIERS: Readonly<Record<string, string>> = {
  bert: 'BertForSequenceClassification',
  roberta: 'RobertaForSequenceClassification',
  'xlm-roberta': 'XLMRobertaForSequenceClassification',
  distilbert: 'DistilBertForSequenceClassification',
  vit: 'ViTForImageClassification',
  deit: 'DeiTForImageClassification',
  dinov2: 'Dinov2ForImageClassification',
};

/** Dimensions of an attention head. */
export const headSizeOf = (config: Config): number =>
  Number(config.head_dim ?? Number(config.hidden_size) / Number(config.num_attention_heads));

/** Whether rotary pairs are neighbours, as in llama2.c's checkpoints; transformers has no such models. */
export const isInterleaved = (config: Config): boolean => config.rope_interleaved === true;

/** The configuration with the classes of a head that was made for a task. */
function withHead(model: Model): Config {
  const last = model.head.find((name) => /^(classifier|classifier\.out_proj)\.weight$/.test(name));
  const type = String(model.config.model_type);
  if (!last || !Object.hasOwn(CLASSIFIERS, type)) return model.config;
  const outputs = model.params.get(last)?.shape[0] ?? 0;
  const names = Array.from({ length: outputs }, (_, i) => `LABEL_${i}`);
  return {
    ...model.config,
    architectures: [CLASSIFIERS[type]],
    id2label: Object.fromEntries(names.map((name, i) => [i, name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
    ...(outputs === 1 && { problem_type: 'regression' }),
  };
}

/**
 * The model as transformers has it: rows of q_proj and k_proj in its rotary order, a new head in the configuration.
 * Weights that change are new variables, the others are shared.
 * @returns the model to save, and what frees the new variables.
 */
export function huggingFaceForm(model: Model): { readonly model: Model; readonly release: () => void } {
  const made: tf.Variable[] = [];
  const release = () => {
    for (const one of made) one.dispose();
  };
  const { rope_interleaved: _, ...config } = withHead(model);
  if (!isInterleaved(model.config)) return { model: { ...model, config }, release };
  const size = headSizeOf(model.config);
  const turned = new Map<string, tf.Variable>();
  for (const { name, weight, bias } of model.linears) {
    if (!/(^|\.)[qk]_proj$/.test(name)) continue;
    for (const path of bias === null ? [weight] : [weight, bias]) {
      const value = model.params.get(path) as tf.Variable;
      const { data } = interleavedToHalves({ shape: value.shape, data: value.dataSync() as Float32Array }, size);
      const one = variable(tf.tensor(data, value.shape));
      made.push(one);
      turned.set(path, one);
    }
  }
  const params = new Map(Array.from(model.params, ([path, value]) => [path, turned.get(path) ?? value]));
  return { model: { ...model, config, params }, release };
}

/** A base with an adapter put to use: merged into a Hugging Face folder, scored on data, or writing text. */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { DType } from '../formats/dtypes';
import { checkNewFolder } from '../formats/whole-folder';
import { attachFolder, headIn } from '../methods/adapter-fit';
import { generateAnswers, generateBatch } from '../models/generate';
import { huggingFaceForm } from '../models/hugging-face';
import { type LoadedModel, loadModel } from '../models/load';
import type { Decoder, EncoderDecoder, Net } from '../models/model';
import { baseNet, countParams, disposeModel } from '../models/params';
import { saveModel } from '../models/save';
import type { Metrics } from '../tasks/task';
import { startBackend } from '../tensor/backend';
import { Random } from '../tensor/random';
import { endOf } from '../tokenizers';
import { openTask } from './open';
import { resolveSpec } from './spec';

/** Loads a model, with the head that the adapter brings, and runs `use` over base or adapted network. */
async function withAdapter<T>(
  source: string,
  adapter: string | undefined,
  dataDir: string | undefined,
  use: (loaded: LoadedModel, net: Net, merge: () => void) => Promise<T>,
): Promise<T> {
  await startBackend();
  const loaded = await loadModel(source, { dataDir, head: adapter === undefined ? undefined : headIn(adapter) });
  try {
    if (adapter === undefined) return await use(loaded, baseNet(loaded.model), () => {});
    const adapters = attachFolder(loaded.model, adapter);
    try {
      return await use(loaded, adapters.net, () => adapters.merge());
    } finally {
      adapters.dispose();
    }
  } finally {
    disposeModel(loaded.model);
  }
}

export interface MergeOptions {
  /** Stored element type; default F32. */
  readonly dtype?: Extract<DType, 'F32' | 'F16' | 'BF16'>;
  readonly dataDir?: string;
  /** Largest file of weights, bytes. */
  readonly maxShardBytes?: number;
}

export interface Merged {
  readonly folder: string;
  readonly parameters: number;
  readonly adapted: boolean;
}

/**
 * Writes base and adapter as one Hugging Face folder: configuration, weights, tokenizer. Weights of llama2.c's rotary order
 * are written in transformers'. Without an adapter it is the base alone.
 * @throws UserError when base and adapter do not fit, a merged weight is not finite, or the folder is there already.
 */
export async function mergeAdapter(
  source: string,
  adapter: string | undefined,
  folder: string,
  { dtype, dataDir, maxShardBytes }: MergeOptions = {},
): Promise<Merged> {
  checkNewFolder(folder);
  return withAdapter(source, adapter, dataDir, async ({ model, folder: from }, _net, merge) => {
    merge();
    const form = huggingFaceForm(model);
    try {
      await saveModel(form.model, folder, {
        ...(dtype && { dtype }),
        ...(maxShardBytes && { maxShardBytes }),
        from: from || undefined,
      });
    } finally {
      form.release();
    }
    return { folder, parameters: countParams(model), adapted: adapter !== undefined };
  });
}

export interface EvaluateRequest {
  readonly task: string;
  readonly model?: string;
  /** PEFT folder; none: the base alone. */
  readonly adapter?: string;
  /** Part of the data; default test. */
  readonly split?: 'test' | 'validation';
  readonly seed: number;
  /** Options of the task. */
  readonly set?: Readonly<Record<string, unknown>>;
}

export interface Evaluated {
  readonly model: string;
  readonly adapter: string | null;
  readonly split: 'test' | 'validation';
  readonly examples: number;
  readonly metrics: Metrics;
  /** Scores that tables show first. */
  readonly primary: string;
  /** The model's head was made for this task and nothing trained it. */
  readonly untrainedHead: boolean;
}

/** Scores a model, with or without an adapter. @throws UserError when request, model, data or adapter do not fit. */
export async function evaluateAdapter(request: EvaluateRequest, dataDir: string): Promise<Evaluated> {
  const { adapter, split = 'test', seed } = request;
  const spec = resolveSpec({ task: request.task, model: request.model, method: 'lora', seed, set: request.set });
  await startBackend();
  const task = await openTask(spec, dataDir, new Random(seed).fork('task'));
  try {
    const { model } = task;
    const brings = adapter !== undefined && headIn(adapter) !== undefined;
    const adapters = adapter === undefined ? null : attachFolder(model, adapter);
    try {
      const metrics = await task.evaluate(adapters?.net ?? baseNet(model), task[split]);
      return {
        model: spec.model,
        adapter: adapter ?? null,
        split,
        examples: task[split].size,
        metrics,
        primary: Object.keys(metrics)[0],
        untrainedHead: model.head.length > 0 && !brings,
      };
    } finally {
      adapters?.dispose();
    }
  } finally {
    disposeModel(task.model);
  }
}

export interface GenerateRequest {
  readonly model: string;
  readonly adapter?: string;
  readonly prompt: string;
  /** Most tokens after the prompt; default 64. */
  readonly maxNewTokens?: number;
  /** The prompt is what a user says, put into the model's chat template. */
  readonly chat?: boolean;
}

export interface Generated {
  /** What the model wrote after the prompt. */
  readonly text: string;
  readonly promptTokens: number;
  readonly tokens: number;
  /** Why it stopped. */
  readonly ended: 'end mark' | 'length';
}

/**
 * Writes with the likeliest token each time.
 * @throws UserError when the model writes no text, has no tokenizer or no chat template, or the prompt is empty or longer
 * than the model's context.
 */
export async function generateText(request: GenerateRequest, dataDir?: string): Promise<Generated> {
  const { model: source, adapter, prompt, maxNewTokens = 64, chat = false } = request;
  if (prompt === '') throw new UserError('the prompt is empty: give it some text');
  return withAdapter(source, adapter, dataDir, async ({ model, tokenizer, template }, net) => {
    if (model.kind !== 'causal' && model.kind !== 'seq2seq') {
      throw new UserError(`${source} writes no text (its kind is ${model.kind}); \`gora evaluate\` scores it`);
    }
    if (!tokenizer) {
      throw new UserError(`${source} has no tokenizer beside its weights: put its tokenizer.json into its folder`);
    }
    if (chat && !template) {
      throw new UserError(`${source} has no chat template, so it is no model for conversations: leave --chat out`);
    }
    const whole =
      chat && template ? template.render([{ role: 'user', content: prompt }], { addGenerationPrompt: true }) : prompt;
    if (model.kind === 'seq2seq') {
      const { ids } = tokenizer.encodeModel(whole);
      const batch = {
        tokens: tf.tensor2d([ids], undefined, 'int32'),
        tokenMask: tf.tensor2d([ids.map(() => 1)]),
      };
      try {
        const [written] = await generateAnswers(model as EncoderDecoder, net, batch, maxNewTokens);
        return result(tokenizer.decode(written), ids.length, written.length, maxNewTokens);
      } finally {
        tf.dispose([batch.tokens, batch.tokenMask]);
      }
    }
    const ids = chat ? tokenizer.encode(whole) : tokenizer.encodeModel(whole).ids;
    // a text that ends in an end mark would go on with the next one
    if (ids.length > 1 && ids[ids.length - 1] === tokenizer.eos && !chat) ids.pop();
    const decoder = model as Decoder;
    if (ids.length >= decoder.context) {
      throw new UserError(
        `the prompt has ${ids.length} tokens and ${source} sees ${decoder.context}: shorten it, so that there is room to write`,
      );
    }
    const stop = tokenizer.eos === null ? undefined : endOf(tokenizer);
    const [row] = await generateBatch(decoder, net, [ids], decoder.context, stop, 1, maxNewTokens);
    const written = row.slice(ids.length);
    const most = Math.min(maxNewTokens, decoder.context - ids.length);
    return result(tokenizer.decode(row).slice(tokenizer.decode(ids).length), ids.length, written.length, most);
  });
}

const result = (text: string, promptTokens: number, tokens: number, most: number): Generated => ({
  text,
  promptTokens,
  tokens,
  ended: tokens < most ? 'end mark' : 'length',
});

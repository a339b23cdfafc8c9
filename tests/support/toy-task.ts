/** A task small enough to run in a fraction of a second: a one-block encoder on noisy class patterns. */
import { z } from 'zod';
import { weightFileOf } from '../../src/formats/weights';
import { randomWeights } from '../../src/models/auto';
import { registerModel } from '../../src/models/cards';
import { classificationSet, evaluateClassifier, fitHeadByProbe } from '../../src/tasks/kinds/classify';
import type { Task } from '../../src/tasks/task';
import { Random } from '../../src/tensor/random';

const [TOKENS, FEATURES, CLASSES] = [4, 6, 3];
const SIZE = TOKENS * FEATURES;

const CONFIG = {
  model_type: 'kwt',
  num_tokens: TOKENS,
  num_features: FEATURES,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 32,
  num_labels: CLASSES,
  norm_first: true,
  qkv_bias: true,
};

registerModel({
  name: 'toy-encoder',
  title: 'Random encoder of one block',
  path: '',
  licence: '',
  make: () => ({
    config: CONFIG,
    weights: weightFileOf(randomWeights(CONFIG, new Random(1, 'base')), 'toy-encoder'),
  }),
});

const options = z.strictObject({
  noise: z.number().positive().default(1),
  examples: z.int().nonnegative().default(48),
});

export const toyTask: Task<z.infer<typeof options>> = {
  name: 'toy',
  title: 'Noisy patterns',
  kinds: ['features'],
  models: ['toy-encoder'],
  options,
  primary: { metric: 'accuracy', title: 'Accuracy (%)', higherIsBetter: true },
  training: { steps: 6, batch: 8 },
  open: async (o, { random }) => {
    const patterns = Array.from({ length: CLASSES }, (_, c) => new Random(1, `pattern ${c}`).normals(SIZE));
    const draw = (stream: Random, size: number) => {
      const labels = Int32Array.from({ length: size }, (_, i) => i % CLASSES);
      const features = new Float32Array(size * SIZE);
      labels.forEach((label, i) => {
        const noise = stream.normals(SIZE, 0, o.noise);
        features.set(
          patterns[label].map((v, j) => v + noise[j]),
          i * SIZE,
        );
      });
      return classificationSet(features, [TOKENS, FEATURES], labels);
    };
    const train = draw(random.fork('train'), o.examples);
    return {
      head: { labels: CLASSES, fresh: true },
      bind: async ({ model }) => {
        if (train.size > 0) await fitHeadByProbe(model, train);
        return {
          train,
          validation: draw(new Random(2, 'validation'), 30),
          test: draw(new Random(2, 'test'), 30),
          evaluate: (net, data) => evaluateClassifier(model, net, data),
          notes: {},
        };
      },
    };
  },
};

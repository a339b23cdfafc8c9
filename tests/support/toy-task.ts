/** A task small enough to run in a fraction of a second: a one-block encoder on noisy class patterns. */
import { z } from 'zod';
import { type EncoderConfig, encoderInit, makeEncoder } from '../../src/models/encoder';
import { classificationSet, evaluateClassifier, fitHeadByProbe } from '../../src/tasks/kinds/classify';
import type { Task } from '../../src/tasks/task';
import { Random } from '../../src/tensor/random';

const CONFIG: EncoderConfig = {
  ...{ tokens: 4, features: 6, dim: 16, depth: 1, heads: 2, mlp: 32, classes: 3 },
  norm: 'pre',
  qkvBias: true,
};
const SIZE = CONFIG.tokens * CONFIG.features;

const options = z.strictObject({
  noise: z.number().positive().default(1),
  examples: z.int().nonnegative().default(48),
});

export const toyTask: Task<z.infer<typeof options>> = {
  name: 'toy',
  title: 'Noisy patterns',
  models: ['toy-encoder'],
  options,
  primary: { metric: 'accuracy', title: 'Accuracy (%)', higherIsBetter: true },
  training: { steps: 6, batch: 8 },
  load: async (o, { random }) => {
    const patterns = Array.from({ length: CONFIG.classes }, (_, c) => new Random(1, `pattern ${c}`).normals(SIZE));
    const draw = (stream: Random, size: number) => {
      const labels = Int32Array.from({ length: size }, (_, i) => i % CONFIG.classes);
      const features = new Float32Array(size * SIZE);
      labels.forEach((label, i) => {
        const noise = stream.normals(SIZE, 0, o.noise);
        features.set(
          patterns[label].map((v, j) => v + noise[j]),
          i * SIZE,
        );
      });
      return classificationSet(features, [CONFIG.tokens, CONFIG.features], labels);
    };
    const weights = encoderInit(CONFIG, new Random(1, 'base'));
    const model = makeEncoder('toy-encoder', CONFIG, weights, 'toy', ['head.weight', 'head.bias']);
    const train = draw(random.fork('train'), o.examples);
    if (train.size > 0) await fitHeadByProbe(model, train);
    return {
      model,
      train,
      validation: draw(new Random(2, 'validation'), 30),
      test: draw(new Random(2, 'test'), 30),
      evaluate: (net, data) => evaluateClassifier(model, net, data),
      notes: {},
    };
  },
};

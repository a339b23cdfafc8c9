/**
 * Handwritten digits from few examples: a vision transformer pretrained on Fashion-MNIST adapts to MNIST.
 *
 * MNIST's 10,000 test images are split once, by a fixed seed, into a pool of 6000 for training, 1000 for validation and
 * 3000 for the test. A run's own seed draws `shots` images a digit from the pool. The new head is fitted by a linear
 * probe first.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { MNIST_CLASSES, readMnist } from '../data/mnist';
import { FEATURES, TOKENS } from '../data/pictures';
import { UserError } from '../errors';
import { Random } from '../tensor/random';
import { classificationSet, withNewHead } from './kinds/classify';
import type { Task } from './task';

const SPLIT_SEED = 2025;

const options = z.strictObject({
  shots: z.int().positive().default(50).describe('training images a digit'),
  probe: z.boolean().default(true).describe('fit the new head by a linear probe first'),
});

/** Indices of the three parts of n images, in the ratio 6 : 1 : 3. */
export function splitMnist(n: number): { pool: number[]; validation: number[]; test: number[] } {
  const order = new Random(SPLIT_SEED, 'mnist/split').permutation(n);
  const [first, second] = [Math.floor(0.6 * n), Math.floor(0.7 * n)];
  return { pool: order.slice(0, first), validation: order.slice(first, second), test: order.slice(second) };
}

/** `shots` images of every digit from the pool. */
function drawShots(labels: Int32Array, pool: readonly number[], shots: number, random: Random): number[] {
  return Array.from({ length: MNIST_CLASSES }, (_, digit) => {
    const all = pool.filter((i) => labels[i] === digit);
    if (shots > all.length) throw new UserError(`shots ${shots} is more than the ${all.length} images of ${digit}`);
    const order = random.fork(String(digit)).permutation(all.length);
    return order.slice(0, shots).map((k) => all[k]);
  }).flat();
}

export const mnist: Task<z.infer<typeof options>> = {
  name: 'mnist',
  title: 'Fashion-MNIST → handwritten digits, few images',
  kinds: ['features'],
  models: ['fashion-vit'],
  options,
  primary: { metric: 'accuracy', title: 'Test accuracy, digits (%)', higherIsBetter: true },
  training: { steps: 120, batch: 32, evalEvery: 30 },
  // from validation data with seed 100; data/fashion-vit/README.md has what was tried
  learningRates: { full: 2e-3, lora: 1e-2, gora: 3e-3 },
  open: async (o, { dataDir, random }) => {
    const { features, labels } = readMnist(join(dataDir, 'mnist'), 't10k');
    const split = splitMnist(labels.length);
    const set = (indices: readonly number[]) => classificationSet(features, [TOKENS, FEATURES], labels, indices);
    const train = set(drawShots(labels, split.pool, o.shots, random.fork('train')));
    const [validation, test] = [set(split.validation), set(split.test)];
    const notes = { trainImages: train.size, validationImages: validation.size, testImages: test.size };
    return {
      head: { labels: MNIST_CLASSES, fresh: true },
      bind: ({ model }) => withNewHead(model, { train, validation, test }, o.probe, notes),
    };
  },
};

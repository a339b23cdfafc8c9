/** The one loop that every score runs: each example once, in order, a batch at a time. */
import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../tensor/batch';
import { type Dataset, toEvaluate } from './dataset';

/**
 * Computes something of every batch and hands its values out.
 * @param compute runs inside a tidy; its result's values go to `take`.
 * @throws UserError when the set is empty.
 */
export async function overBatches(
  data: Dataset,
  batchSize: number,
  compute: (batch: Batch) => Tensor,
  take: (values: Float32Array, batch: Batch) => void | Promise<void>,
): Promise<void> {
  for (const batch of toEvaluate(data, batchSize)) {
    const result = tf.tidy(() => compute(batch));
    try {
      await take((await result.data()) as Float32Array, batch);
    } finally {
      tf.dispose([result, ...Object.values(batch)]);
    }
  }
}

/** Sums over the set of what `compute` stacks into [n]. */
export async function sumOver(data: Dataset, batchSize: number, compute: (batch: Batch) => Tensor): Promise<number[]> {
  let sums: number[] = [];
  await overBatches(data, batchSize, compute, (values) => {
    sums = Array.from(values, (value, i) => (sums[i] ?? 0) + value);
  });
  return sums;
}

const TITLES: Readonly<Record<string, string>> = {
  accuracy: 'Test accuracy (%)',
  f1: 'Test F1 (%)',
  macroF1: 'Test macro F1 (%)',
  matthews: "Test Matthews' correlation (×100)",
  pearson: "Test Pearson's correlation (×100)",
  spearman: "Test Spearman's correlation (×100)",
  loss: 'Test loss (nats a token)',
  perplexity: 'Test perplexity',
};

/** A score in words, with `where` before its unit: `Test accuracy, mrpc (%)`. */
export function scoreTitle(name: string, where: string): string {
  const title = TITLES[name] ?? name;
  return / \(/.test(title) ? title.replace(' (', `, ${where} (`) : `${title}, ${where}`;
}

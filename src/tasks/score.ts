/**
 * The one loop that every score runs: each example once, in order, a batch at a time. Batches of a shape that comes
 * often run as a graph; weights and adapters count as frozen for as long as the pass lasts.
 */
import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../tensor/batch';
import { jit } from '../tensor/jit/jit';
import { type Dataset, toEvaluate } from './dataset';

/** Batches of a shape that run eagerly before it gets a graph: the last, short one never gets one. */
const PATIENCE = 2;

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
  const pass = jit((batch: Batch) => ({ result: compute(batch) }), { patience: PATIENCE });
  try {
    for (const batch of toEvaluate(data, batchSize)) {
      const { result } = pass.run(batch);
      try {
        await take((await result.data()) as Float32Array, batch);
      } finally {
        tf.dispose([result, ...Object.values(batch)]);
      }
    }
  } finally {
    pass.dispose();
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

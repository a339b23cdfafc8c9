/** Examples by index, and batches of them in a seeded order. */
import type { Batch } from '../models/model';
import type { Random } from '../tensor/random';

export interface Dataset {
  readonly size: number;
  /** Tensors of these examples; the caller disposes. */
  batch(indices: readonly number[]): Batch;
}

/** Endless batches, reshuffled every epoch; a set smaller than the batch repeats within it. */
export function* batchesOf(data: Dataset, batch: number, random: Random): Generator<Batch, never> {
  let queue: number[] = [];
  while (true) {
    while (queue.length < batch) queue = queue.concat(random.permutation(data.size));
    yield data.batch(queue.slice(0, batch));
    queue = queue.slice(batch);
  }
}

/** Every example once, in order; the last batch may be short. */
export function* inOrder(data: Dataset, batch: number): Generator<Batch, void> {
  for (let from = 0; from < data.size; from += batch) {
    yield data.batch(Array.from({ length: Math.min(batch, data.size - from) }, (_, i) => from + i));
  }
}

/** Examples by index, and batches of them in a seeded order. */
import { UserError } from '../errors';
import { interruptible } from '../processes/interrupt';
import type { Batch } from '../tensor/batch';
import type { Random } from '../tensor/random';

export interface Dataset {
  readonly size: number;
  /** Tensors of these examples; the caller disposes. */
  batch(indices: readonly number[]): Batch;
  /** Examples of one batch after the other, endlessly; for sets whose examples do not all fit together. */
  order?(batch: number, random: Random): Generator<readonly number[], never>;
  /** Tokens of one pass over a set of texts: those that are text, and all places that its batches hold. */
  readonly fill?: { readonly tokens: number; readonly places: number };
}

/** Indices of endless batches, reshuffled every epoch; a set smaller than the batch repeats within it. */
function* shuffled(size: number, batch: number, random: Random): Generator<readonly number[], never> {
  let queue: number[] = [];
  while (true) {
    while (queue.length < batch) queue = queue.concat(random.permutation(size));
    yield queue.slice(0, batch);
    queue = queue.slice(batch);
  }
}

/** Endless batches in the set's own order, or shuffled. */
export function* batchesOf(data: Dataset, batch: number, random: Random): Generator<Batch, never> {
  const order = data.order?.(batch, random) ?? shuffled(data.size, batch, random);
  while (true) yield data.batch(order.next().value);
}

/** Every example once, in order; the last batch may be short. */
export function* inOrder(data: Dataset, batch: number): Generator<Batch, void> {
  for (let from = 0; from < data.size; from += batch) {
    interruptible();
    yield data.batch(Array.from({ length: Math.min(batch, data.size - from) }, (_, i) => from + i));
  }
}

/** As `inOrder`, for a score. @throws UserError when the set is empty. */
export function* toEvaluate(data: Dataset, batch: number): Generator<Batch, void> {
  if (data.size === 0) throw new UserError('cannot evaluate on an empty set: look at the sizes in the task’s options');
  yield* inOrder(data, batch);
}

/** Share of the places in a pass over the set that hold padding, 0 … 1; null for sets that are not texts. */
export function paddingWaste({ fill }: Dataset): number | null {
  return fill ? 1 - fill.tokens / fill.places : null;
}

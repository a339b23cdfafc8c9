/**
 * Length buckets: examples of similar length share a batch, padded to the length of their bucket. Batches then have
 * one of a few shapes, and each shape is compiled once.
 */
import { UserError } from '../../errors';
import type { Batch } from '../../tensor/batch';
import type { Random } from '../../tensor/random';
import type { Dataset } from '../dataset';

export interface BucketOptions<T> {
  /** Places that an example needs. */
  lengthOf(item: T): number;
  /** Lengths that batches are padded to, e.g. from `bucketLengths`. */
  readonly lengths: readonly number[];
  /** Tensors of the examples, padded to `length`. */
  batch(items: readonly T[], length: number): Batch;
}

/**
 * A set whose training batches hold examples of one bucket each. Every epoch is shuffled and dealt into the buckets;
 * a bucket gives a batch whenever it is full, and what is left over waits for the next epoch, so batches are never
 * short. `batch` of any examples pads to the bucket of the longest one.
 * @throws UserError when an example is longer than the longest bucket.
 */
export function bucketed<T>(items: readonly T[], options: BucketOptions<T>): Dataset {
  const lengths = [...options.lengths].sort((a, b) => a - b);
  const needs = items.map((item) => options.lengthOf(item));
  const bucketOf = (need: number): number => {
    const found = lengths.findIndex((length) => length >= need);
    if (found >= 0) return found;
    throw new UserError(`a text of ${need} tokens is longer than the longest bucket, ${lengths.at(-1) ?? 'none'}`);
  };
  const buckets = needs.map(bucketOf);
  return {
    size: items.length,
    fill: {
      tokens: needs.reduce((sum, need) => sum + need, 0),
      places: buckets.reduce((sum, bucket) => sum + lengths[bucket], 0),
    },
    batch: (indices) => {
      const longest = indices.reduce((most, i) => Math.max(most, buckets[i]), 0);
      return options.batch(
        indices.map((i) => items[i]),
        lengths[longest],
      );
    },
    order: (batch, random) => dealt(buckets, lengths.length, batch, random),
  };
}

/** Indices of endless batches, each from one bucket. */
function* dealt(
  buckets: readonly number[],
  count: number,
  batch: number,
  random: Random,
): Generator<readonly number[], never> {
  const waiting: number[][] = Array.from({ length: count }, () => []);
  while (true) {
    for (const index of random.permutation(buckets.length)) {
      const bucket = waiting[buckets[index]];
      bucket.push(index);
      if (bucket.length === batch) yield bucket.splice(0);
    }
  }
}

/**
 * The `count` bucket lengths that pad least over a pass: dynamic programming over the lengths that occur.
 * @param needs length of every example.
 * @returns at most `count` lengths, rising; the last one is the longest example's.
 */
export function bucketLengths(needs: readonly number[], count: number): number[] {
  if (needs.length === 0) throw new UserError('cannot choose bucket lengths without examples');
  if (!Number.isInteger(count) || count < 1)
    throw new UserError(`the number of buckets must be 1 or more, not ${count}`);
  const distinct = [...new Set(needs)].sort((a, b) => a - b);
  const upTo = distinct.map((length) => needs.filter((need) => need <= length).length);
  // places[k][j]: fewest places that hold all examples up to distinct[j] in k + 1 buckets
  const places: number[][] = [distinct.map((length, j) => length * upTo[j])];
  const cuts: number[][] = [];
  for (let k = 1; k < Math.min(count, distinct.length); k++) {
    cuts.push([]);
    places.push(
      distinct.map((length, j) => {
        let best = places[k - 1][j];
        cuts[k - 1][j] = -1;
        for (let i = 0; i < j; i++) {
          const total = places[k - 1][i] + length * (upTo[j] - upTo[i]);
          if (total >= best) continue;
          best = total;
          cuts[k - 1][j] = i;
        }
        return best;
      }),
    );
  }
  const chosen = [distinct.length - 1];
  for (let k = cuts.length - 1; k >= 0; k--) {
    const cut = cuts[k][chosen[0]];
    if (cut >= 0) chosen.unshift(cut);
  }
  return chosen.map((j) => distinct[j]);
}

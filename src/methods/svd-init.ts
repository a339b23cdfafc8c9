/** Inits from singular triplets, shared by PiSSA, LoRA-GA and LoRA-One. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { LinearLayer } from '../models/model';
import { interruptible } from '../processes/interrupt';
import type { HostMatrix } from '../tensor/linalg';
import type { Random } from '../tensor/random';
import { type PartialSvd, randomisedSvd } from '../tensor/randomised-svd';
import type { GradientEvidence } from './gradients';

export const svdOption = z
  .enum(['auto', 'exact', 'randomised'])
  .default('auto')
  .describe('auto: exact up to a smaller side of 128, randomised above');

const EXACT_UP_TO = 128;

/**
 * The leading `count` singular triplets of a weight or gradient [out, in]. Randomised as in the authors'
 * code: 2·count sampled columns, 4 power iterations (`iterations`).
 */
export function topSingular(
  values: Float32Array,
  layer: LinearLayer,
  count: number,
  mode: z.infer<typeof svdOption>,
  random: Random,
  iterations = 4,
): PartialSvd {
  interruptible(); // a method does this for every layer
  const smaller = Math.min(layer.out, layer.in);
  const exact = mode === 'exact' || (mode === 'auto' && smaller <= EXACT_UP_TO);
  const matrix = tf.tensor2d(values, [layer.out, layer.in]);
  try {
    return randomisedSvd(matrix, count, random, { oversample: exact ? smaller : count, iterations });
  } finally {
    matrix.dispose();
  }
}

/** A [r, in]: row k is column `pairs[k]` of v [in, ·], times `length(k)`. */
export function rowsFrom(v: HostMatrix, pairs: readonly number[], length: (k: number) => number): Float32Array {
  const a = new Float32Array(pairs.length * v.rows);
  pairs.forEach((pair, k) => {
    for (let j = 0; j < v.rows; j++) a[k * v.rows + j] = length(k) * v.data[j * v.cols + pair];
  });
  return a;
}

/** B [out, r]: column k is column `pairs[k]` of u [out, ·], times `length(k)`. */
export function columnsFrom(u: HostMatrix, pairs: readonly number[], length: (k: number) => number): Float32Array {
  const b = new Float32Array(u.rows * pairs.length);
  pairs.forEach((pair, k) => {
    for (let i = 0; i < u.rows; i++) b[i * pairs.length + k] = length(k) * u.data[i * u.cols + pair];
  });
  return b;
}

/** 0 … n−1. */
export const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** @throws UserError when no gradient of the layer was estimated, or it is zero everywhere. */
export function gradientOf(
  { gradients }: Pick<GradientEvidence, 'gradients'>,
  layer: LinearLayer,
  method: string,
): Float32Array {
  const gradient = gradients.get(layer.name);
  if (!gradient) throw new UserError(`${method} needs the mean gradient of ${layer.name}, and none was estimated`);
  if (gradient.some((value) => value !== 0)) return gradient;
  throw new UserError(
    `${method}: the mean gradient of ${layer.name} is zero, so it has no directions. Exclude the layer with targets`,
  );
}

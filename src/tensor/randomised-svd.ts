/**
 * Randomised SVD (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1): the leading singular triplets of a
 * matrix from its products with a few vectors. Products and power iterations run on the backend in float32, the last
 * orthonormal bases and the small factorisations on the host in float64.
 */

import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { type HostMatrix, matMul, svd } from './linalg';
import { orthonormal, spanningBasis, spanningFactor, thinQr } from './orthonormal';
import type { Random } from './random';

export interface RandomisedSvdOptions {
  /** Columns drawn beyond `rank`. Default `rank`. */
  readonly oversample?: number;
  /** Power iterations; each one sharpens the decay of the spectrum. Default 4. */
  readonly iterations?: number;
}

export interface PartialSvd {
  /** [rows, rank] */
  readonly u: HostMatrix;
  /** [rank], falling. */
  readonly s: Float64Array;
  /** [cols, rank] */
  readonly v: HostMatrix;
  /** Bound on the spectral norm of what the sampled subspace misses, right with probability 1 − 10⁻⁵ (eq. 4.3). */
  readonly errorBound: number;
}

const PROBES = 5;

/** The leading `rank` singular triplets of a matrix. Exact when rank + oversample spans the smaller side. */
export function randomisedSvd(
  matrix: Tensor2D,
  rank: number,
  random: Random,
  options: RandomisedSvdOptions = {},
): PartialSvd {
  const [rows, cols] = matrix.shape;
  const sampled = rank + (options.oversample ?? rank);
  if (sampled >= Math.min(rows, cols)) {
    return { ...leading(svd(matrix.dataSync() as Float32Array, rows, cols), rank), errorBound: 0 };
  }
  const times = (other: HostMatrix, transposed: boolean) => product(matrix, other, transposed);
  const sample = tf.tidy(() => {
    let columns: Tensor2D = tf.matMul(matrix, tf.tensor2d(random.normals(cols * sampled), [cols, sampled]));
    for (let i = 0; i < (options.iterations ?? 4); i++) {
      columns = tf.tidy(() => tf.matMul(matrix, basisOf(tf.matMul(matrix, basisOf(columns), true) as Tensor2D)));
    }
    return basisOf(columns);
  });
  const q = orthonormal(toHost(sample));
  sample.dispose();
  const projected = times(q, true); // Aᵀ·Q [cols, sampled], so A ≈ Q·projectedᵀ
  const tall = thinQr(projected);
  const small = leading(svd(tall.r.data, sampled, sampled), rank);
  const turn = (m: HostMatrix, by: HostMatrix): HostMatrix => {
    return { rows: m.rows, cols: rank, data: matMul(m.data, by.data, m.rows, sampled, rank) };
  };
  return { u: turn(q, small.v), s: small.s, v: turn(tall.q, small.u), errorBound: missed(times, q, cols, random) };
}

const toHost = (x: Tensor2D): HostMatrix => ({
  rows: x.shape[0],
  cols: x.shape[1],
  data: new Float64Array(x.dataSync()),
});

const toDevice = ({ rows, cols, data }: HostMatrix) => tf.tensor2d(new Float32Array(data), [rows, cols]);

/** Columns of the same span, close to orthonormal: only their small product visits the host, where float32 allows. */
function basisOf(x: Tensor2D): Tensor2D {
  const n = x.shape[1];
  const factor = spanningFactor(tf.matMul(x, x, true).dataSync() as Float32Array, n);
  return factor ? tf.matMul(x, tf.tensor2d(factor, [n, n])) : toDevice(spanningBasis(toHost(x)));
}

/** matrix·other, or matrixᵀ·other. */
function product(matrix: Tensor2D, other: HostMatrix, transposed: boolean): HostMatrix {
  const result: Tensor2D = tf.tidy(() => tf.matMul(matrix, toDevice(other), transposed));
  const host = toHost(result);
  result.dispose();
  return host;
}

/** 10·√(2/π)·max ‖(I − QQᵀ)Aω‖ over random ω. */
function missed(
  times: (other: HostMatrix, transposed: boolean) => HostMatrix,
  q: HostMatrix,
  cols: number,
  random: Random,
): number {
  const images = times({ rows: cols, cols: PROBES, data: Float64Array.from(random.normals(cols * PROBES)) }, false);
  let longest = 0;
  for (let probe = 0; probe < PROBES; probe++) {
    const image = Float64Array.from({ length: q.rows }, (_, i) => images.data[i * PROBES + probe]);
    const caught = matMul(q.data, matMul(image, q.data, 1, q.rows, q.cols), q.rows, q.cols, 1);
    const square = image.reduce((sum, value, i) => sum + (value - caught[i]) ** 2, 0);
    longest = Math.max(longest, Math.sqrt(square));
  }
  return 10 * Math.sqrt(2 / Math.PI) * longest;
}

function leading(full: { u: HostMatrix; s: Float64Array; v: HostMatrix }, rank: number) {
  const first = (m: HostMatrix): HostMatrix => {
    const data = new Float64Array(m.rows * rank);
    for (let i = 0; i < m.rows; i++) data.set(m.data.subarray(i * m.cols, i * m.cols + rank), i * rank);
    return { rows: m.rows, cols: rank, data };
  };
  return { u: first(full.u), s: full.s.slice(0, rank), v: first(full.v) };
}

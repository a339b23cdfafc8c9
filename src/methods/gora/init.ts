/**
 * GoRA's init: A at random, B the gradient compressed onto A's row space (paper §3.3, eq. 9–12).
 *
 *   B = −ξ·G·Aᵀ(A·Aᵀ)⁻¹,  ξ = γ·√in / α,  so with s = α/√r   ΔW₀ = s·B·A = −γ·√(in/r)·G·P,  P = Aᵀ(A·Aᵀ)⁻¹A,
 * and ‖ΔW₀‖ ≈ γ‖G‖: one compressed gradient step of size γ, whatever α and A's scale.
 * The minus is the paper's; a later version of the authors' code lost it.
 */

import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { LinearLayer } from '../../models/model';
import { gram, solveRight } from '../../tensor/linalg';
import type { Random } from '../../tensor/random';
import { kaimingUniform } from '../init';
import { range, rowsFrom, topSingular } from '../svd-init';
import type { GoraOptions } from './options';

/** G·Aᵀ(A·Aᵀ)⁻¹, the solution of min ‖B·A − G‖, and what it misses. */
export interface Compression {
  /** [out, r] row-major. */
  readonly b: Float64Array;
  /** ‖G − B·A‖_F / ‖G‖_F; 0 for a zero gradient. */
  readonly error: number;
}

type Shape = Pick<LinearLayer, 'in' | 'out'>;

/** Products above this many multiplications run on the backend in float32, smaller ones here in float64. */
const HOST_LIMIT = 2 ** 24;

/** G·Aᵀ. gradient [out, in], a [r, in] → [out, r]. */
function project(gradient: Float32Array, a: Float32Array, shape: Shape, rank: number): Float64Array {
  const { out, in: fanIn } = shape;
  if (out * fanIn * rank > HOST_LIMIT) {
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d(gradient, [out, fanIn]), tf.tensor2d(a, [rank, fanIn]), false, true),
    );
    const values = Float64Array.from(product.dataSync());
    product.dispose();
    return values;
  }
  const product = new Float64Array(out * rank);
  for (let i = 0; i < out; i++) {
    for (let k = 0; k < rank; k++) {
      let sum = 0;
      for (let j = 0; j < fanIn; j++) sum += gradient[i * fanIn + j] * a[k * fanIn + j];
      product[i * rank + k] = sum;
    }
  }
  return product;
}

/** Least squares through the normal equations; Cholesky in float64. gradient [out, in], a [r, in]. */
export function compress(gradient: Float32Array, a: Float32Array, shape: Shape, rank: number): Compression {
  const projected = project(gradient, a, shape, rank);
  const b = solveRight(projected, gram(a, rank, shape.in), shape.out, rank);
  let whole = 0;
  for (let i = 0; i < gradient.length; i++) whole += gradient[i] ** 2;
  // B·A is the orthogonal projection, so ‖G − BA‖² = ‖G‖² − ‖BA‖² and ‖BA‖² = ⟨B, G·Aᵀ⟩
  let caught = 0;
  for (let i = 0; i < b.length; i++) caught += b[i] * projected[i];
  return { b, error: whole > 0 ? Math.sqrt(Math.max(0, 1 - caught / whole)) : 0 };
}

/** ξ = γ√in/α for the scale α/√r; for another scale the factor that keeps ‖ΔW₀‖ ≈ γ‖G‖. */
export function stepFactor(gamma: number, fanIn: number, rank: number, scale: number): number {
  return (gamma * Math.sqrt(fanIn / rank)) / scale;
}

/** A [r, in] of a layer. The SVD inits are diag(σ)·Vᵀ of the weight or the gradient. */
export function initA(
  kind: GoraOptions['initA'],
  layer: LinearLayer,
  rank: number,
  weight: () => Float32Array,
  gradient: () => Float32Array,
  random: Random,
): Float32Array {
  if (kind === 'kaiming') return kaimingUniform(random, rank, layer.in);
  if (kind === 'gaussian') return random.normals(rank * layer.in, 0, 1 / Math.sqrt(layer.in));
  const { s, v } = topSingular(kind === 'weight-svd' ? weight() : gradient(), layer, rank, 'auto', random, 16);
  if (!(s[0] > 0)) throw new UserError(`initA ${kind}: the ${kind.replace('-svd', '')} of ${layer.name} is zero`);
  return rowsFrom(v, range(rank), (k) => Math.max(s[k], 1e-6 * s[0])); // below rank r the row still needs a length
}

/** A linear layer with its low-rank change, in the order of operations that costs least. */

import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { AdaptedLayer } from '../../formats/peft-layer';
import { gradientOp } from '../../tensor/grad';

/** What a change s·B·A of a weight [out, in] is made of. */
type Factors = Pick<AdaptedLayer<Tensor2D>, 'A' | 'B' | 'scale'>;

/** s·(x·Aᵀ)·Bᵀ, scaled on the smallest factor. x [n, in] → [n, out]. */
export function lowRank(x: Tensor2D, { A, B, scale }: Factors): Tensor2D {
  const inner = tf.matMul(x, A, false, true);
  return tf.matMul(tf.mul(inner, scale), B, false, true);
}

/**
 * A product with a rank-8 factor takes about as long as one with 64 columns, so up to this many times the
 * multiplications of the thin products, one product ∂yᵀ·x is the faster way to both factors' gradients.
 */
const THIN_COST = 4;

/**
 * x·(W + s·B·A)ᵀ for a frozen W. The sum is made once a step, which saves two thin products and two additions of
 * activations against the branch; it pays while x has more elements than W.
 * x [n, in], weight [out, in] → [n, out].
 */
export function foldedLinear(x: Tensor2D, weight: Tensor2D, { A, B, scale }: Factors): Tensor2D {
  const [rank, fanIn] = A.shape;
  const fanOut = B.shape[0];
  const dense = fanIn * fanOut <= THIN_COST * 2 * rank * (fanIn + fanOut);
  return gradientOp(
    { x, A, B },
    (save) => {
      const sum = tf.add(weight, tf.matMul(tf.mul(B, scale), A));
      save([x, sum, A, B]);
      return tf.matMul(x, sum as Tensor2D, false, true);
    },
    (dy, saved) => {
      const [x, sum, A, B] = saved as Tensor2D[];
      const slope = dy as Tensor2D;
      const scaled = (factor: Tensor2D) => tf.mul(factor, scale) as Tensor2D;
      const thin = {
        A: () => tf.matMul(tf.matMul(slope, scaled(B)), x, true),
        B: () => tf.matMul(slope, tf.matMul(x, scaled(A), false, true), true),
      };
      const product = dense ? tf.matMul(slope, x, true) : null; // [out, in], small
      return {
        x: () => tf.matMul(slope, sum),
        A: () => (product ? tf.matMul(scaled(B), product, true) : thin.A()),
        B: () => (product ? tf.matMul(product, scaled(A), false, true) : thin.B()),
      };
    },
  ) as Tensor2D;
}

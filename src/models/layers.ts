/**
 * The building blocks of every architecture, on activations flattened to [n, features].
 *
 * Norms, GELU, SiLU·gate and cross-entropy carry their own gradients: stock tfjs keeps every
 * intermediate for the backward pass, these keep two and run fewer kernels.
 */

import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { Tensors } from '../tensor/batch';
import { gradientOp } from '../tensor/grad';
import { sigmoidGrad, sparseCrossEntropy } from '../tensor/native-ops';
import type { Net } from './model';

/** x·Wᵀ + b. x [n, in], weight [out, in], bias [out] → [n, out]. */
export function linear(x: Tensor2D, weight: Tensor2D, bias: Tensor1D | null): Tensor2D {
  const y = tf.matMul(x, weight, false, true) as Tensor2D;
  return bias ? tf.add(y, bias) : y;
}

/**
 * Runs a block over `inputs`, which may carry gradients, and `constants`, which do not: all that comes from before it.
 * Its own parameters' names begin with `path`. Architectures pass every block through here, so that training can keep
 * what a block is given and nothing else.
 */
export function inBlock<I extends Tensors, C extends Tensors>(
  net: Net,
  path: string,
  inputs: I,
  constants: C,
  run: (given: I & C) => Tensor2D,
): Tensor2D {
  return net.block ? net.block(path, inputs, constants, run as never) : run({ ...inputs, ...constants });
}

const columnSum = (x: Tensor) => tf.sum(x, 0);

/** Layer normalisation over features (Ba et al. 2016). x [n, d], gain and shift [d]. */
export function layerNorm(x: Tensor2D, gain: Tensor1D, shift: Tensor1D, epsilon: number): Tensor2D {
  return gradientOp(
    { x, gain, shift },
    (save) => {
      const centred = tf.sub(x, tf.mean(x, 1, true));
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon));
      const unit = tf.mul(centred, inverse);
      save([unit, inverse, gain]);
      return tf.add(tf.mul(unit, gain), shift);
    },
    (dy, [unit, inverse, gain]) => ({
      x: () => {
        const g = tf.mul(dy, gain);
        const along = tf.mul(unit, tf.mean(tf.mul(g, unit), 1, true));
        return tf.mul(inverse, tf.sub(tf.sub(g, tf.mean(g, 1, true)), along));
      },
      gain: () => columnSum(tf.mul(dy, unit)),
      shift: () => columnSum(dy),
    }),
  ) as Tensor2D;
}

/** Root-mean-square normalisation (Zhang & Sennrich 2019). x [n, d], gain [d]. */
export function rmsNorm(x: Tensor2D, gain: Tensor1D, epsilon: number): Tensor2D {
  return gradientOp(
    { x, gain },
    (save) => {
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), 1, true), epsilon));
      const unit = tf.mul(x, inverse);
      save([unit, inverse, gain]);
      return tf.mul(unit, gain);
    },
    (dy, [unit, inverse, gain]) => ({
      x: () => {
        const g = tf.mul(dy, gain);
        return tf.mul(inverse, tf.sub(g, tf.mul(unit, tf.mean(tf.mul(g, unit), 1, true))));
      },
      gain: () => columnSum(tf.mul(dy, unit)),
    }),
  ) as Tensor2D;
}

const GELU_SLOPE = 2 * Math.sqrt(2 / Math.PI);

/** GELU, tanh form: 0.5x(1 + tanh u) = x·σ(2u) with u = √(2/π)(x + 0.044715x³). */
export function geluTanh(x: Tensor2D): Tensor2D {
  return gradientOp(
    { x },
    (save) => {
      const argument = tf.mul(x, tf.add(tf.mul(tf.square(x), GELU_SLOPE * 0.044715), GELU_SLOPE));
      const gate = tf.sigmoid(argument);
      save([x, gate]);
      return tf.mul(x, gate);
    },
    (dy, [x, gate]) => ({
      x: () => {
        // d/dx xσ(v) = σ + x·σ(1−σ)·v′
        const slope = tf.add(tf.mul(tf.square(x), 3 * GELU_SLOPE * 0.044715), GELU_SLOPE);
        return tf.add(tf.mul(dy, gate), tf.mul(tf.mul(x, slope), sigmoidGrad(gate, dy)));
      },
    }),
  ) as Tensor2D;
}

const INVERSE_ROOT_2 = Math.SQRT1_2;
const NORMAL_PEAK = 1 / Math.sqrt(2 * Math.PI);

/** GELU, exact form (Hendrycks & Gimpel 2016): x·Φ(x). */
export function geluErf(x: Tensor2D): Tensor2D {
  return gradientOp(
    { x },
    (save) => {
      const below = tf.mul(tf.add(tf.erf(tf.mul(x, INVERSE_ROOT_2)), 1), 0.5);
      save([x, below]);
      return tf.mul(x, below);
    },
    (dy, [x, below]) => ({
      // Φ + x·φ
      x: () => {
        const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), NORMAL_PEAK);
        return tf.mul(dy, tf.add(below, tf.mul(x, density)));
      },
    }),
  ) as Tensor2D;
}

/** CLIP's GELU: x·σ(1.702x). */
const geluQuick = (x: Tensor2D): Tensor2D => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));

const ACTIVATIONS = {
  gelu: geluErf,
  gelu_python: geluErf,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_fast: geluTanh,
  quick_gelu: geluQuick,
  relu: (x: Tensor2D): Tensor2D => tf.relu(x),
} as const;

/** A config's name of an activation. */
export const activationName = z.enum(Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[]);

export const activation = (name: z.infer<typeof activationName>): ((x: Tensor2D) => Tensor2D) => ACTIVATIONS[name];

/** SwiGLU's elementwise part (Shazeer 2020): SiLU(gate)·up. Both [n, hidden]. */
export function siluGate(gate: Tensor2D, up: Tensor2D): Tensor2D {
  return gradientOp(
    { gate, up },
    (save) => {
      const s = tf.sigmoid(gate);
      const silu = tf.mul(gate, s);
      save([s, silu, up]);
      return tf.mul(silu, up);
    },
    (dy, [s, silu, up]) => ({
      // SiLU′ = σ + SiLU·(1 − σ)
      gate: () => tf.mul(tf.mul(dy, up), tf.add(s, tf.mul(silu, tf.sub(1, s)))),
      up: () => tf.mul(dy, silu),
    }),
  ) as Tensor2D;
}

/** Splits [batch·time, heads·size] into [batch·heads, time, size]. */
export function splitHeads(x: Tensor2D, batch: number, time: number, heads: number): tf.Tensor3D {
  const size = x.shape[1] / heads;
  const four = tf.transpose(tf.reshape(x, [batch, time, heads, size]), [0, 2, 1, 3]);
  return tf.reshape(four, [batch * heads, time, size]);
}

/** Undoes `splitHeads`. */
export function mergeHeads(x: tf.Tensor3D, batch: number, heads: number): Tensor2D {
  const [, time, size] = x.shape;
  const four = tf.transpose(tf.reshape(x, [batch, heads, time, size]), [0, 2, 1, 3]);
  return tf.reshape(four, [batch * time, heads * size]);
}

/**
 * Rows of weights softmax(scores) applied to v. scores [bh, tq, tk], v [bh, tk, size] → [bh, tq, size].
 * ∂scores = P∘(∂P − Δ) with Δ = rowsum(∂P∘P) = rowsum(∂y∘y): size/tk of a pass over the scores (Dao et al. 2022).
 */
function mixValues(scores: tf.Tensor3D, v: tf.Tensor3D): tf.Tensor3D {
  return gradientOp(
    { scores, v },
    (save) => {
      const shares = tf.softmax(scores);
      const y = tf.matMul(shares, v);
      save([shares, v, y]);
      return y;
    },
    (dy, [shares, v, y]) => ({
      scores: () => {
        const along = tf.sum(tf.mul(dy, y), 2, true);
        return tf.mul(shares, tf.sub(tf.matMul(dy, v, false, true), along));
      },
      v: () => tf.matMul(shares, dy, true),
    }),
  ) as tf.Tensor3D;
}

/**
 * Softmax attention (Vaswani et al. 2017).
 * q [bh, tq, size], k and v [bh, tk, size], bias broadcastable to [bh, tq, tk] or null → [bh, tq, size].
 */
export function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  scale: number,
  bias: Tensor | null,
): tf.Tensor3D {
  // scaling q costs size/tk of what scaling the scores costs
  const scores = tf.matMul(scale === 1 ? q : tf.mul(q, scale), k, false, true) as tf.Tensor3D;
  return mixValues(bias ? tf.add(scores, bias) : scores, v);
}

let smoothing = 0;
let smoothed = false;

/**
 * Runs `work` with every cross-entropy's labels smoothed (Szegedy et al. 2016): share `epsilon` of a label goes to all
 * classes alike, as PyTorch's `label_smoothing`. A loss knows no trainer, so this is said around it.
 * @throws UserError when `work` has no cross-entropy.
 */
export function smoothLabels<T>(epsilon: number, work: () => T): T {
  if (epsilon === 0) return work();
  const before = smoothing;
  [smoothing, smoothed] = [epsilon, false];
  try {
    const result = work();
    if (smoothed) return result;
  } finally {
    smoothing = before;
  }
  throw new UserError('labelSmoothing: the loss of this task is no cross-entropy. Leave it out');
}

/**
 * Mean cross-entropy in nats. logits [n, classes], labels int32 [n], weights [n] (0 = position ignored)
 * or null for all ones. The mean is over the sum of weights.
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D, weights: Tensor1D | null): Scalar {
  const n = logits.shape[0];
  const share = weights ? tf.div(weights, tf.sum(weights)) : tf.fill([n], 1 / n);
  const smooth = smoothing;
  smoothed = true;
  const classes = logits.shape[1];
  return gradientOp(
    { logits },
    (save) => {
      const { loss, slope } = sparseCrossEntropy(logits, labels);
      if (smooth === 0) {
        save([slope, share]);
        return tf.sum(tf.mul(loss, share));
      }
      // −Σ q·log p with q = (1 − ε)·hot + ε/k, and its slope p − q = slope + ε·(hot − 1/k)
      const logs = tf.logSoftmax(logits);
      const hot = tf.sub(tf.exp(logs), slope);
      save([tf.add(slope, tf.mul(tf.sub(hot, 1 / classes), smooth)), share]);
      const both = tf.sub(tf.mul(loss, 1 - smooth), tf.mul(tf.mean(logs, 1), smooth));
      return tf.sum(tf.mul(both, share));
    },
    (dy, [slope, share]) => ({
      logits: () => tf.mul(slope, tf.mul(tf.expandDims(share, 1), dy)),
    }),
  ) as Scalar;
}

/** Mean squared error of one number a text (Hugging Face's regression loss). predicted [n, 1], targets [n]. */
export function squaredError(predicted: Tensor2D, targets: Tensor1D): Scalar {
  return tf.mean(tf.square(tf.sub(tf.reshape(predicted, [-1]), targets)));
}

/** What is added to attention scores so that a place is not seen: −1e9, far below any score and finite. */
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

const HIDDEN = -1e9;

/** [1, time, time] that hides later positions. */
export function causalBias(time: number): Tensor3D {
  const bias = new Float32Array(time * time);
  for (let i = 0; i < time; i++) bias.fill(HIDDEN, i * time + i + 1, (i + 1) * time);
  return tf.tensor3d(bias, [1, time, time]);
}

/** [batch · heads, time, time] that hides tokens of other segments. segments int32 [batch, time]. */
export function segmentBias(segments: Tensor2D, heads: number): Tensor3D {
  const [batch, time] = segments.shape;
  const differ = tf.notEqual(tf.reshape(segments, [batch, 1, time, 1]), tf.reshape(segments, [batch, 1, 1, time]));
  const bias = tf.mul(tf.cast(differ, 'float32'), HIDDEN);
  return tf.reshape(tf.tile(bias, [1, heads, 1, 1]), [batch * heads, time, time]);
}

/** Padding by mask [batch, keys], 1 = real, 0 = padding → [batch, 1, 1, keys]; see `perHead`. */
export function paddingBias(mask: Tensor2D): Tensor4D {
  const [batch, keys] = mask.shape;
  return tf.reshape(tf.mul(tf.sub(1, mask), HIDDEN), [batch, 1, 1, keys]);
}

/** [rows · heads, 1, time] that hides the padding on the left of each row; null when no row has any. */
export function leftPaddingBias(pads: readonly number[], heads: number, time: number): Tensor3D | null {
  if (pads.every((pad) => pad === 0)) return null;
  const bias = new Float32Array(pads.length * heads * time);
  pads.forEach((pad, row) => {
    for (let head = 0; head < heads; head++) {
      const from = (row * heads + head) * time;
      bias.fill(HIDDEN, from, from + pad);
    }
  });
  return tf.tensor3d(bias, [pads.length * heads, 1, time]);
}

/** [rows, 1, 1, size] that hides the padding on the left of each row and the places after `at` [1]. */
export function outsideBias(at: Tensor, pads: Tensor, size: number): Tensor4D {
  const rows = pads.shape[0] as number;
  const places = tf.range(0, size, 1, 'int32');
  const before = tf.less(tf.reshape(places, [1, size]), tf.reshape(pads, [rows, 1]));
  const after = tf.tile(tf.reshape(tf.greater(places, at), [1, size]), [rows, 1]);
  return tf.reshape(tf.mul(tf.cast(tf.logicalOr(before, after), 'float32'), HIDDEN), [rows, 1, 1, size]);
}

/** Broadcasts [1 or batch, 1 or heads, queries, keys] to the [batch · heads, queries, keys] of `attention`. */
export function perHead(bias: Tensor, batch: number, heads: number): Tensor3D {
  const [b, h, queries, keys] = bias.shape;
  const whole = b === batch && h === heads ? bias : tf.tile(bias, [batch / b, heads / h, 1, 1]);
  return tf.reshape(whole, [batch * heads, queries, keys]);
}

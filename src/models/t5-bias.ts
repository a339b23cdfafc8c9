/** What T5 adds to attention scores: relative position biases (Raffel et al. 2020, §2.1) and masks. */
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

/** What a masked score gets: far below any other, and finite. */
const MASKED = -1e9;

/**
 * Bucket of a distance `key − query`: half of the buckets are exact, the others grow with the logarithm up to
 * `maxDistance`. Two-sided tables keep the second half for keys after the query.
 */
export function relativeBucket(distance: number, twoSided: boolean, buckets: number, maxDistance: number): number {
  const side = twoSided ? Math.floor(buckets / 2) : buckets;
  const offset = twoSided && distance > 0 ? side : 0;
  const far = twoSided ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(side / 2);
  if (far < exact) return offset + far;
  // single precision as in the reference, so that distances on an edge fall in the same bucket
  const log = Math.fround(Math.log(Math.fround(far / exact)));
  const large = exact + Math.floor(Math.fround(Math.fround(log / Math.log(maxDistance / exact)) * (side - exact)));
  return offset + Math.min(large, side - 1);
}

const tables = new Map<string, Int32Array>();

/** Buckets of all pairs, [queries · keys] row-major. */
function bucketTable(queries: number, keys: number, twoSided: boolean, buckets: number, maxDistance: number) {
  const key = [queries, keys, twoSided, buckets, maxDistance].join();
  let table = tables.get(key);
  if (!table) {
    table = Int32Array.from({ length: queries * keys }, (_, i) =>
      relativeBucket((i % keys) - Math.floor(i / keys), twoSided, buckets, maxDistance),
    );
    tables.set(key, table);
  }
  return table;
}

/** Position biases of one stack. table [buckets, heads] → [1, heads, time, time]. */
export function positionBias(table: Tensor2D, time: number, twoSided: boolean, maxDistance: number): Tensor4D {
  const [buckets, heads] = table.shape;
  const index = tf.tensor1d(bucketTable(time, time, twoSided, buckets, maxDistance), 'int32');
  const rows = tf.reshape(tf.gather(table, index), [time, time, heads]);
  return tf.reshape(tf.transpose(rows, [2, 0, 1]), [1, heads, time, time]);
}

/** mask [batch, keys] with 1 = real, 0 = padding → [batch, 1, 1, keys]. */
export function paddingBias(mask: Tensor2D): Tensor4D {
  const [batch, keys] = mask.shape;
  return tf.reshape(tf.mul(tf.sub(1, mask), MASKED), [batch, 1, 1, keys]);
}

/** [1, 1, time, time] that hides later positions. */
export function causalMask(time: number): Tensor4D {
  const bias = new Float32Array(time * time);
  for (let i = 0; i < time; i++) bias.fill(MASKED, i * time + i + 1, (i + 1) * time);
  return tf.tensor4d(bias, [1, 1, time, time]);
}

/** Broadcasts [1 or batch, 1 or heads, queries, keys] to the [batch · heads, queries, keys] of `attention`. */
export function perHead(bias: Tensor, batch: number, heads: number): Tensor3D {
  const [b, h, queries, keys] = bias.shape;
  const whole = b === batch && h === heads ? bias : tf.tile(bias, [batch / b, heads / h, 1, 1]);
  return tf.reshape(whole, [batch * heads, queries, keys]);
}

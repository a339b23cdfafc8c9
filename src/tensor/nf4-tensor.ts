/**
 * A matrix kept in NF4, 0.52 bytes a weight, that becomes float32 only while it is used.
 *
 * On a CPU the bytes stay on the host: decoding there is five times as fast as with tensor operations. On a GPU they
 * live on the device. tfjs has neither bytes nor bit operations on every backend, so there four bytes share an int32
 * and come apart by remainder and exact division, which every backend computes exactly.
 */

import type { Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { backendInfo } from './backend';
import { gradientOp } from './grad';
import { DYNAMIC_CODE, dequantiseNf4, NF4_BLOCK, NF4_PAIRS, type Nf4Values, nf4Bytes, SCALE_BLOCK } from './nf4';

/** Where the 4-bit values stay. */
export type Nf4Place = 'host' | 'device';

export abstract class Nf4Tensor {
  /** Bytes that the stored matrix takes, on the host or on the device. */
  abstract readonly bytes: number;

  /** @param shape [out, in]. */
  constructor(readonly shape: readonly [number, number]) {}

  /** Float32 values [out, in]. Caller disposes. */
  abstract value(): Tensor2D;

  abstract dispose(): void;

  /** x·Wᵀ. x [n, in] → [n, out]. The values are made for the product and once more for x's gradient. */
  apply(x: Tensor2D): Tensor2D {
    return gradientOp(
      { x },
      () => tf.matMul(x, this.value(), false, true),
      (dy) => ({ x: () => tf.matMul(dy as Tensor2D, this.value()) }),
    ) as Tensor2D;
  }
}

/** @param place by default the device where it is a GPU, else the host. */
export function storeNf4(
  values: Nf4Values,
  shape: readonly [number, number],
  place: Nf4Place = backendInfo().device === 'GPU' ? 'device' : 'host',
): Nf4Tensor {
  return place === 'device' ? new DeviceNf4(values, shape) : new HostNf4(values, shape);
}

class HostNf4 extends Nf4Tensor {
  readonly bytes: number;
  private stored: Nf4Values | null;

  constructor(stored: Nf4Values, shape: readonly [number, number]) {
    super(shape);
    this.stored = stored;
    this.bytes = nf4Bytes(stored);
  }

  value(): Tensor2D {
    if (!this.stored) throw new Error('this NF4 matrix was disposed');
    return tf.tensor2d(dequantiseNf4(this.stored), [...this.shape]);
  }

  dispose(): void {
    this.stored = null;
  }
}

/** Little-endian int32s of the bytes, padded with 0 to a multiple of four. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Int32Array(padded.buffer);
}

/** Undoes `wordsOf`: int32 [m] → int32 [4m] of 0 … 255. */
function bytesOf(words: Tensor): Tensor1D {
  return tf.tidy(() => {
    const base = tf.scalar(256, 'int32');
    const parts: Tensor[] = [];
    let rest = words;
    for (let i = 0; i < 4; i++) {
      const low = tf.mod(rest, base);
      parts.push(low);
      // a multiple of 256 below 2³¹ is exact in float32 too, in which WebAssembly divides
      if (i < 3) rest = tf.floorDiv(tf.sub(rest, low), base);
    }
    return tf.reshape(tf.stack(parts, 1), [-1]) as Tensor1D;
  });
}

const keep = (value: Tensor): Variable => {
  const made = tf.variable(value, false);
  value.dispose();
  return made;
};

class DeviceNf4 extends Nf4Tensor {
  private readonly codes: Variable;
  private readonly scaleCodes: Variable;
  private readonly scaleMaxima: Variable;
  private readonly offset: number;
  private readonly blocks: number;
  readonly bytes: number;

  constructor(stored: Nf4Values, shape: readonly [number, number]) {
    super(shape);
    this.blocks = stored.scaleCodes.length;
    this.offset = stored.offset;
    const rows = stored.scaleMaxima.length;
    // several second-level blocks must be whole to be multiplied row by row
    const scaleCodes = rows > 1 ? new Uint8Array(rows * SCALE_BLOCK) : stored.scaleCodes;
    scaleCodes.set(stored.scaleCodes);
    this.codes = keep(tf.tensor1d(wordsOf(stored.codes), 'int32'));
    this.scaleCodes = keep(tf.tensor1d(wordsOf(scaleCodes), 'int32'));
    this.scaleMaxima = keep(tf.tensor2d(stored.scaleMaxima, [rows, 1]));
    this.bytes = 4 * (this.codes.size + this.scaleCodes.size + rows);
  }

  /** Peak while it runs: 2.5 times the float32 values. */
  value(): Tensor2D {
    return tf.tidy(() => {
      const scales = this.scales();
      const weights = tf.tidy(() => {
        const bytes = bytesOf(this.codes);
        const pairs = tf.gather(tf.tensor2d(NF4_PAIRS, [256, 2]), bytes);
        return tf.mul(tf.reshape(pairs, [this.blocks, NF4_BLOCK]), scales);
      });
      const [out, fanIn] = this.shape;
      if (weights.size === out * fanIn) return tf.reshape(weights, [out, fanIn]);
      return tf.reshape(tf.slice(tf.reshape(weights, [-1]), [0], [out * fanIn]), [out, fanIn]);
    });
  }

  /** Scale of every block, [blocks, 1]. */
  private scales(): Tensor2D {
    return tf.tidy(() => {
      const units = tf.gather(tf.tensor1d(DYNAMIC_CODE), bytesOf(this.scaleCodes));
      const rows = tf.reshape(units, [this.scaleMaxima.shape[0], -1]);
      const padded = tf.reshape(tf.add(tf.mul(rows, this.scaleMaxima), this.offset), [-1, 1]) as Tensor2D;
      return tf.slice(padded, [0, 0], [this.blocks, 1]);
    });
  }

  dispose(): void {
    tf.dispose([this.codes, this.scaleCodes, this.scaleMaxima]);
  }
}

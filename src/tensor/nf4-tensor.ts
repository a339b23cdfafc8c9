/**
 * A matrix that lives on the backend in NF4, 0.52 bytes a weight, and becomes float32 only while it is used.
 *
 * tfjs has neither bytes nor bit operations on every backend, so four bytes share an int32 and come apart by
 * remainder and exact division, which native, WebAssembly and plain JavaScript all compute exactly.
 */

import type { Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { gradientOp } from './grad';
import { DYNAMIC_CODE, NF4_BLOCK, NF4_CODE, type Nf4Values, quantiseNf4, SCALE_BLOCK } from './nf4';

/** Both weights of a byte, [256, 2]. */
const PAIRS = Float32Array.from({ length: 512 }, (_, i) => NF4_CODE[i % 2 === 0 ? i >> 5 : (i >> 1) & 15]);

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

export class Nf4Tensor {
  private readonly codes: Variable;
  private readonly scaleCodes: Variable;
  private readonly scaleMaxima: Variable;
  private readonly offset: number;
  private readonly blocks: number;
  /** Bytes on the backend. */
  readonly bytes: number;

  /** @param shape [out, in] of the stored values. */
  constructor(
    stored: Nf4Values,
    readonly shape: readonly [number, number],
  ) {
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

  static quantise(weight: Tensor2D): Nf4Tensor {
    return new Nf4Tensor(quantiseNf4(weight.dataSync() as Float32Array), weight.shape);
  }

  /** Float32 values [out, in]. Caller disposes. Peak while it runs: 2.5 times their size. */
  value(): Tensor2D {
    return tf.tidy(() => {
      const scales = this.scales();
      const weights = tf.tidy(() => {
        const bytes = bytesOf(this.codes);
        const pairs = tf.gather(tf.tensor2d(PAIRS, [256, 2]), bytes);
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

  /** x·Wᵀ. x [n, in] → [n, out]. The values are made for the product and once more for x's gradient. */
  apply(x: Tensor2D): Tensor2D {
    return gradientOp(
      { x },
      () => tf.matMul(x, this.value(), false, true),
      (dy) => ({ x: () => tf.matMul(dy as Tensor2D, this.value()) }),
    ) as Tensor2D;
  }

  dispose(): void {
    tf.dispose([this.codes, this.scaleCodes, this.scaleMaxima]);
  }
}

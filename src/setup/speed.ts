/** How fast matrices multiply here: one figure a person can compare with the machine's data sheet. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../tensor/random';

/** A measured matrix product. */
export interface Speed {
  /** 10⁹ floating-point operations a second, best of several. */
  readonly gflops: number;
  /** Side of the square float32 matrices. */
  readonly size: number;
}

const SIZES = [256, 1024, 4096];
/** Time given to the repetitions of one size. */
const BUDGET_MS = 500;

/**
 * Multiplies square matrices, larger ones while a product stays well inside the budget (so a fast device is not
 * timed on its launch overhead), and takes the best time. One number is read back, so that the device has finished.
 */
export async function measureSpeed(): Promise<Speed> {
  let best: Speed = { gflops: 0, size: SIZES[0]! };
  for (const size of SIZES) {
    const ms = await bestTime(size);
    best = { gflops: (2 * size ** 3) / ms / 1e6, size };
    const next = SIZES[SIZES.indexOf(size) + 1] ?? size;
    if (ms * (next / size) ** 3 > BUDGET_MS / 2) break;
  }
  return best;
}

async function bestTime(size: number): Promise<number> {
  const row = new Random(1).normals(size);
  const a = tf.tidy(() => tf.tile(tf.tensor2d(row, [1, size]), [size, 1]));
  const b = tf.tidy(() => tf.tile(tf.tensor2d(row, [size, 1]), [1, size]));
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + BUDGET_MS;
  for (let i = 0; i < 3 || (performance.now() < end && i < 50); i++) {
    const start = performance.now();
    const corner = tf.tidy(() => tf.slice(tf.matMul(a, b), [0, 0], [1, 1]));
    await corner.data();
    best = Math.min(best, performance.now() - start);
    corner.dispose();
  }
  tf.dispose([a, b]);
  return best;
}

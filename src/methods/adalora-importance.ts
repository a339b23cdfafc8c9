/**
 * AdaLoRA's importance of one weight matrix (Zhang et al. 2023, eq. 9–10): sensitivity |w·∇w|, smoothed, times its
 * smoothed deviation. The averages stay on the host: factors are small, and a dozen device operations for each of
 * them cost more than the whole training step. Rounded to float32 after every operation, as a device would.
 */

import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

const { fround } = Math;

export class SmoothedImportance {
  private readonly sensitivity: Float32Array;
  private readonly uncertainty: Float32Array;
  private readonly keep: readonly [number, number];
  private readonly take: readonly [number, number];

  constructor(
    private readonly shape: readonly number[],
    beta1: number,
    beta2: number,
  ) {
    const size = shape.reduce((a, b) => a * b, 1);
    this.sensitivity = new Float32Array(size);
    this.uncertainty = new Float32Array(size);
    this.keep = [fround(beta1), fround(beta2)];
    this.take = [fround(1 - beta1), fround(1 - beta2)];
  }

  /** Both in the shape of the weights. */
  update(weight: Tensor, gradient: Tensor): void {
    const [w, g] = [weight.dataSync(), gradient.dataSync()];
    const { sensitivity, uncertainty } = this;
    const [keep1, keep2] = this.keep;
    const [take1, take2] = this.take;
    for (let i = 0; i < sensitivity.length; i++) {
      const now = Math.abs(fround(w[i] * g[i]));
      const smooth = fround(fround(sensitivity[i] * keep1) + fround(now * take1));
      const deviation = Math.abs(fround(now - smooth));
      uncertainty[i] = fround(uncertainty[i] * keep2) + fround(deviation * take2);
      sensitivity[i] = smooth;
    }
  }

  /** Scores of the weights, in their shape; called inside a tidy. */
  score(): Tensor {
    const scores = this.sensitivity.map((value, i) => value * this.uncertainty[i]);
    return tf.tensor(scores, [...this.shape]);
  }
}

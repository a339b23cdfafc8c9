/**
 * AdaLoRA's importance of one weight matrix (Zhang et al. 2023, eq. 9–10): sensitivity |w·∇w|, smoothed, times its
 * smoothed deviation. The averages stay on the device.
 */

import type { Tensor, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { variable } from '../models/params';

export class SmoothedImportance {
  private readonly sensitivity: Variable;
  private readonly uncertainty: Variable;

  constructor(
    shape: readonly number[],
    private readonly beta1: number,
    private readonly beta2: number,
  ) {
    this.sensitivity = variable(tf.zeros(shape as number[]));
    this.uncertainty = variable(tf.zeros(shape as number[]));
  }

  update(weight: Tensor, gradient: Tensor): void {
    tf.tidy(() => {
      const now = tf.abs(tf.mul(weight, gradient));
      const smooth = tf.add(tf.mul(this.sensitivity, this.beta1), tf.mul(now, 1 - this.beta1));
      const deviation = tf.abs(tf.sub(now, smooth));
      this.uncertainty.assign(tf.add(tf.mul(this.uncertainty, this.beta2), tf.mul(deviation, 1 - this.beta2)));
      this.sensitivity.assign(smooth);
    });
  }

  /** Scores of the weights, in their shape; called inside a tidy. */
  score(): Tensor {
    return tf.mul(this.sensitivity, this.uncertainty);
  }

  dispose(): void {
    tf.dispose([this.sensitivity, this.uncertainty]);
  }
}

/**
 * Incremental principal component analysis (Ross et al. 2008), as in scikit-learn and PEFT: each batch is stacked
 * under the components so far, weighted by their singular values, and decomposed again. The host keeps k rows
 * and the running mean, never the data.
 */
import * as tf from '@tensorflow/tfjs';
import type { Random } from './random';
import { randomisedSvd } from './randomised-svd';

export class IncrementalPca {
  /** [k, width] row-major, by falling variance; the largest entry of every row is positive. */
  components: Float64Array | null = null;
  /** [k] */
  ratios: Float64Array = new Float64Array(0);
  private singular: Float64Array = new Float64Array(0);
  private readonly mean: Float64Array;
  /** Σ (x − mean)² of every column. */
  private readonly spread: Float64Array;
  private seen = 0;

  constructor(
    readonly width: number,
    readonly rank: number,
    private readonly random: Random,
  ) {
    this.mean = new Float64Array(width);
    this.spread = new Float64Array(width);
  }

  /**
   * Folds in a batch, rows [n, width]. The first batch needs n ≥ rank.
   * @returns cosine of every component with its predecessor, [k]; null for the first batch.
   */
  add(rows: Float32Array): Float64Array | null {
    const { width, rank } = this;
    const n = rows.length / width;
    const total = this.seen + n;
    const batchMean = new Float64Array(width);
    for (let i = 0; i < rows.length; i++) batchMean[i % width] += rows[i] / n;
    const before = this.components;
    const extra = before ? rank + 1 : 0;
    const stack = new Float32Array((n + extra) * width);
    if (before) {
      for (let i = 0; i < before.length; i++) stack[i] = this.singular[Math.floor(i / width)] * before[i];
      const factor = Math.sqrt((this.seen / total) * n);
      for (let j = 0; j < width; j++) stack[rank * width + j] = factor * (this.mean[j] - batchMean[j]);
    }
    for (let i = 0; i < rows.length; i++) {
      const centred = rows[i] - batchMean[i % width];
      stack[extra * width + i] = centred;
      this.spread[i % width] += centred * centred;
    }
    for (let j = 0; j < width; j++) {
      const shift = batchMean[j] - this.mean[j];
      this.spread[j] += (shift * shift * this.seen * n) / total;
      this.mean[j] += (shift * n) / total;
    }
    this.seen = total;
    this.decompose(stack, n + extra);
    return before && this.cosines(before);
  }

  private decompose(stack: Float32Array, rows: number): void {
    const { width, rank } = this;
    const matrix = tf.tensor2d(stack, [rows, width]);
    const { s, v } = randomisedSvd(matrix, rank, this.random.fork(`${this.seen}`));
    matrix.dispose();
    this.singular = s;
    const variance = this.spread.reduce((sum, value) => sum + value, 0);
    this.ratios = s.map((value) => (variance > 0 ? (value * value) / variance : 0));
    this.components = new Float64Array(rank * width);
    for (let k = 0; k < rank; k++) {
      const row = this.components.subarray(k * width, (k + 1) * width);
      for (let j = 0; j < width; j++) row[j] = v.data[j * rank + k];
      const largest = row.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
      if (largest < 0) for (let j = 0; j < width; j++) row[j] = -row[j];
    }
  }

  private cosines(before: Float64Array): Float64Array {
    const { width, rank } = this;
    const now = this.components as Float64Array;
    return Float64Array.from({ length: rank }, (_, k) => {
      let sum = 0;
      for (let j = k * width; j < (k + 1) * width; j++) sum += before[j] * now[j];
      return sum;
    });
  }
}

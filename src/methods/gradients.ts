/**
 * Mean gradient of the loss with respect to every target weight, before training (GoRA §3.2, LoRA-GA §3.4).
 *
 * Streamed: the backward pass makes one layer's gradient, folds it into that layer's running mean and frees it
 * before the next layer's is made. Peak memory above the model is one layer plus the running means; with
 * `keep: 'host'` the means leave the device and it is one layer alone. Sums are float32.
 *
 * A layer that is applied several times adds up its uses; layers that share one weight each get their own share.
 */

import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { LinearLayer, Model, Net } from '../models/model';
import { interruptible } from '../processes/interrupt';
import { atOnce, type Turns } from '../processes/turns';
import type { Batch } from '../tensor/batch';
import { GradientSums } from './gradient-sums';

/** Looks at the running mean after every batch; true stops the estimation (GoRA's adaptive N). */
export type GradientWatch = (batches: number, mean: (layer: string) => Float32Array) => boolean;

export interface GradientOptions {
  /** Take this many batches (N of the papers); without it, all of them. */
  readonly batches?: number;
  /** Where running means live: on the device (fast) or on the host (smallest). Default `device`. */
  readonly keep?: 'device' | 'host';
  /** One graph where the backend can and the batches are many enough to repay it. Default true. */
  readonly compile?: boolean;
  readonly afterBatch?: GradientWatch;
}

export interface GradientEvidence {
  /** Mean gradient [out, in] row-major by layer name. */
  readonly gradients: Map<string, Float32Array>;
  /** Batches that ran. */
  readonly gradientBatches: number;
  /** Mean loss over the estimation batches, nats. */
  readonly loss: number;
}

/**
 * Runs the batches through the frozen model and returns the mean gradients, float32. Weights stay as they are.
 * The batches stay the caller's; a generator may free each one after its `yield`, also when stopped early.
 * @throws UserError when there are fewer batches than asked for, or a gradient is not finite (naming the layer);
 * Interrupted when a person stops it.
 */
export function estimateGradients(
  model: Model,
  targets: readonly LinearLayer[],
  batches: Iterable<Batch>,
  options: GradientOptions = {},
): GradientEvidence {
  return atOnce(gradientTurns(model, targets, batches, options));
}

/** As `estimateGradients`, with a rest after every batch. */
export function* gradientTurns(
  model: Model,
  targets: readonly LinearLayer[],
  batches: Iterable<Batch>,
  options: GradientOptions = {},
): Turns<GradientEvidence> {
  const { batches: asked, keep = 'device', compile = true, afterBatch } = options;
  const most = asked ?? Number.POSITIVE_INFINITY;
  const expected = asked ?? (Array.isArray(batches) ? batches.length : 0);
  const sums = new GradientSums(model, targets, { keep, compile, batches: expected });
  const mean = (name: string) => sums.mean(name, count);
  let count = 0;
  let loss = 0;
  let stopped = false;
  try {
    for (const batch of batches) {
      interruptible();
      loss += sums.add(batch);
      count += 1;
      if (count === 1) checkReached(model, sums.unreached);
      stopped = afterBatch?.(count, mean) ?? false;
      if (stopped || count >= most) break;
      yield;
    }
    if (!stopped) checkCount(count, asked);
    const gradients = new Map(targets.map((layer) => [layer.name, finite(layer, mean(layer.name))]));
    return { gradients, gradientBatches: count, loss: loss / count };
  } finally {
    sums.dispose();
  }
}

/** Loss of any network on one batch of the data, nats: what GoRA's adaptive γ compares. */
export function probeOn(model: Model, batch: Batch): (net: Net) => number {
  return (net) => tf.tidy(() => model.loss(net, batch).dataSync()[0]);
}

function checkReached(model: Model, unreached: string | null): void {
  if (unreached === null) return;
  throw new UserError(`no gradient reaches ${unreached}: the loss of ${model.name} does not use it`);
}

function checkCount(count: number, batches: number | undefined): void {
  if (count === 0) throw new UserError('no batch to estimate gradients from: the training set is empty');
  if (batches !== undefined && count < batches) {
    throw new UserError(
      `gradientBatches ${batches} is more than the data has: ${count} batches. Set gradientBatches to ${count} or less`,
    );
  }
}

function finite(layer: LinearLayer, gradient: Float32Array): Float32Array {
  let probe = 0;
  for (let i = 0; i < gradient.length; i++) probe += gradient[i] * 0; // NaN and ±Infinity times 0 are NaN
  if (probe === 0) return gradient;
  throw new UserError(
    `the gradient of ${layer.name} holds NaN or Infinity. Look at the checkpoint and the training data of this run`,
  );
}

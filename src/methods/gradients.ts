/**
 * Mean gradient of the loss with respect to every target weight, before training (GoRA §3.2, LoRA-GA §3.4).
 *
 * Streamed: the backward pass makes one layer's gradient, folds it into that layer's running mean and frees it
 * before the next layer's is made. Peak memory above the model is one layer plus the running means; with
 * `keep: 'host'` the means leave the device and it is one layer alone. Sums are float32.
 *
 * A layer that is applied several times adds up its uses; layers that share one weight each get their own share.
 */

import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { linear } from '../models/layers';
import type { Batch, LinearLayer, Model, Net } from '../models/model';
import { baseLinear, layerOf, param } from '../models/params';
import { gradientOp } from '../tensor/grad';

/** Looks at the running mean after every batch; true stops the estimation (GoRA's adaptive N). */
export type GradientWatch = (batches: number, mean: (layer: string) => Float32Array) => boolean;

export interface GradientOptions {
  /** Take this many batches (N of the papers); without it, all of them. */
  readonly batches?: number;
  /** Where running means live: on the device (fast) or on the host (smallest). Default `device`. */
  readonly keep?: 'device' | 'host';
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

/** Sum of gradients of one layer, on the device or on the host. */
class RunningSum {
  private device: Tensor | null = null;
  private host: Float32Array | null = null;

  constructor(private readonly keep: 'device' | 'host') {}

  add(gradient: Tensor): void {
    if (this.keep === 'device') {
      const sum = tf.keep(this.device ? tf.add(this.device, gradient) : tf.clone(gradient));
      this.device?.dispose();
      this.device = sum;
      return;
    }
    const values = gradient.dataSync();
    if (!this.host) this.host = new Float32Array(values);
    else for (let i = 0; i < values.length; i++) this.host[i] += values[i];
  }

  get empty(): boolean {
    return this.device === null && this.host === null;
  }

  mean(batches: number): Float32Array {
    const sum = this.device ? this.device.dataSync() : (this.host as Float32Array);
    return (sum as Float32Array).map((v) => v / batches);
  }

  dispose(): void {
    this.device?.dispose();
    this.device = null;
    this.host = null;
  }
}

/**
 * The base network with a hook on every target: its backward pass hands out the weight's gradient [out, in].
 * `token` is a scalar that the loss is differentiated by; it makes the whole path part of the tape.
 */
function hookedNet(
  model: Model,
  targets: ReadonlyMap<string, LinearLayer>,
  token: Scalar,
  take: (layer: LinearLayer, gradient: Tensor) => void,
): Net {
  return {
    get: (name) => param(model, name),
    linear: (name, x) => {
      const layer = targets.get(name);
      if (!layer) return baseLinear(model, layerOf(model, name), x);
      const weight = param(model, layer.weight) as unknown as Tensor2D;
      const bias = layer.bias === null ? null : (param(model, layer.bias) as unknown as Tensor1D);
      return gradientOp(
        { x, token },
        (save) => {
          save([x]);
          return linear(x, weight, bias);
        },
        (dy, [x]) => ({
          x: () => tf.matMul(dy, weight),
          token: () => {
            take(layer, tf.matMul(dy, x, true));
            return tf.scalar(0);
          },
        }),
      ) as Tensor2D;
    },
  };
}

/**
 * Runs the batches through the frozen model and returns the mean gradients, float32. Weights stay as they are.
 * The batches stay the caller's; a generator may free each one after its `yield`, also when stopped early.
 * @throws UserError when there are fewer batches than asked for, or a gradient is not finite (naming the layer).
 */
export function estimateGradients(
  model: Model,
  targets: readonly LinearLayer[],
  batches: Iterable<Batch>,
  options: GradientOptions = {},
): GradientEvidence {
  const most = options.batches ?? Infinity;
  const sums = new Map(targets.map((layer) => [layer.name, new RunningSum(options.keep ?? 'device')]));
  const byName = new Map(targets.map((layer) => [layer.name, layer]));
  const token = tf.scalar(0);
  const mean = (name: string) => (sums.get(name) as RunningSum).mean(count);
  let count = 0;
  let loss = 0;
  let stopped = false;
  try {
    for (const batch of batches) {
      loss += tf.tidy(() => {
        const net = hookedNet(model, byName, token, (layer, gradient) =>
          (sums.get(layer.name) as RunningSum).add(gradient),
        );
        return tf
          .valueAndGrad(() => model.loss(net, batch))(token)
          .value.dataSync()[0];
      });
      count += 1;
      if (count === 1) checkReached(model, sums);
      stopped = options.afterBatch?.(count, mean) ?? false;
      if (stopped || count >= most) break;
    }
    if (!stopped) checkCount(count, options.batches);
    const gradients = new Map(targets.map((layer) => [layer.name, finite(layer, mean(layer.name))]));
    return { gradients, gradientBatches: count, loss: loss / count };
  } finally {
    token.dispose();
    for (const sum of sums.values()) sum.dispose();
  }
}

/** Loss of any network on one batch of the data, nats: what GoRA's adaptive γ compares. */
export function probeOn(model: Model, batch: Batch): (net: Net) => number {
  return (net) => tf.tidy(() => model.loss(net, batch).dataSync()[0]);
}

function checkReached(model: Model, sums: ReadonlyMap<string, RunningSum>): void {
  for (const [name, sum] of sums) {
    if (sum.empty) throw new UserError(`no gradient reaches ${name}: the loss of ${model.name} does not use it`);
  }
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

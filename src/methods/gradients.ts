/**
 * Mean gradient of the loss with respect to every target weight, before training (GoRA §3.2, LoRA-GA §3.4).
 *
 * Streamed: the backward pass makes one layer's gradient, folds it into that layer's running mean and frees it
 * before the next layer's is made. Peak memory above the model is one layer plus the running means; with
 * `keep: 'host'` the means leave the device and it is one layer alone.
 */

import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { linear } from '../models/layers';
import type { Batch, LinearLayer, Model, Net } from '../models/model';
import { baseLinear, layerOf, param } from '../models/params';
import { gradientOp } from '../tensor/grad';

export interface GradientOptions {
  /** Where running means live: on the device (fast) or on the host (smallest). Default `device`. */
  readonly keep?: 'device' | 'host';
  /** Called after every batch with the running sums; return true to stop early (GoRA's adaptive N). */
  readonly afterBatch?: (batches: number, mean: (layer: string) => Float32Array) => boolean;
}

export interface GradientEvidence {
  readonly gradients: Map<string, Float32Array>;
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

  mean(batches: number): Float32Array {
    const sum = this.device ? this.device.dataSync() : (this.host as Float32Array);
    return Float32Array.from(sum, (v) => v / batches);
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
 * Runs the batches through the frozen model and returns the mean gradients, float32.
 * @throws UserError when there is no batch, or a gradient is not finite (naming the layer).
 */
export function estimateGradients(
  model: Model,
  targets: readonly LinearLayer[],
  batches: Iterable<Batch>,
  options: GradientOptions = {},
): GradientEvidence {
  const sums = new Map(targets.map((layer) => [layer.name, new RunningSum(options.keep ?? 'device')]));
  const byName = new Map(targets.map((layer) => [layer.name, layer]));
  const token = tf.scalar(0);
  const mean = (name: string) => (sums.get(name) as RunningSum).mean(count);
  let count = 0;
  let loss = 0;
  try {
    for (const batch of batches) {
      tf.tidy(() => {
        const net = hookedNet(model, byName, token, (layer, gradient) =>
          (sums.get(layer.name) as RunningSum).add(gradient),
        );
        const { value } = tf.valueAndGrad(() => model.loss(net, batch))(token);
        loss += value.dataSync()[0];
      });
      count += 1;
      if (options.afterBatch?.(count, mean)) break;
    }
    if (count === 0) throw new UserError('no batch to estimate gradients from: the training set is empty');
    const gradients = new Map(targets.map((layer) => [layer.name, finite(layer, mean(layer.name))]));
    return { gradients, gradientBatches: count, loss: loss / count };
  } finally {
    token.dispose();
    for (const sum of sums.values()) sum.dispose();
  }
}

function finite(layer: LinearLayer, gradient: Float32Array): Float32Array {
  if (gradient.every(Number.isFinite)) return gradient;
  throw new UserError(
    `the gradient of ${layer.name} holds NaN or Infinity. Look at the checkpoint and the training data of this run`,
  );
}

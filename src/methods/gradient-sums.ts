/**
 * Sums of every target's gradient over batches: a pass adds each layer's gradient to its sum as soon as the backward
 * pass makes it, and frees it. The pass runs as a graph where one can serve; the sums live in it until they are read.
 */

import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { LinearLayer, Model } from '../models/model';
import type { Batch } from '../tensor/batch';
import { type Jit, jit } from '../tensor/jit/jit';
import { accumulate } from '../tensor/jit/update';
import { hookedNet, type Take } from './hooked-net';

/** Fewer batches do not repay building a graph. */
export const FEWEST_BATCHES = 4;

export interface SumsOptions {
  readonly keep: 'device' | 'host';
  readonly compile: boolean;
  /** Batches that will come, as far as one knows. */
  readonly batches: number;
}

/** Sum of gradients of one layer [out, in], on the device or on the host. */
interface Sum {
  add(gradient: Tensor): void;
  values(): Float32Array;
}

function hostSum(size: number): Sum {
  const sum = new Float32Array(size);
  return {
    add: (gradient) => {
      const values = gradient.dataSync();
      for (let i = 0; i < values.length; i++) sum[i] += values[i];
    },
    values: () => sum,
  };
}

export class GradientSums {
  private readonly sums = new Map<string, Sum>();
  private readonly variables: Variable[] = [];
  private readonly waiting: Set<string>;
  private readonly byName: ReadonlyMap<string, LinearLayer>;
  private readonly token = tf.scalar(0);
  private readonly pass: Jit<Batch, { loss: Scalar }>;

  constructor(
    private readonly model: Model,
    targets: readonly LinearLayer[],
    { keep, compile, batches }: SumsOptions,
  ) {
    this.byName = new Map(targets.map((layer) => [layer.name, layer]));
    this.waiting = new Set(this.byName.keys());
    for (const layer of targets) {
      this.sums.set(layer.name, keep === 'host' ? hostSum(layer.out * layer.in) : this.deviceSum(layer));
    }
    const eager = !compile
      ? 'switched off'
      : keep === 'host'
        ? 'sums are kept on the host'
        : batches < FEWEST_BATCHES
          ? `${batches} batches do not repay building a graph`
          : null;
    this.pass = jit((batch) => ({ loss: this.backward(batch) }), {
      state: this.variables.map((variable) => ({ variable })),
      eager,
    });
  }

  private deviceSum(layer: LinearLayer): Sum {
    const variable = tf.tidy(() => tf.variable(tf.fill([layer.out, layer.in], 0), false));
    this.variables.push(variable);
    return {
      add: (gradient) => accumulate(variable, gradient),
      values: () => variable.dataSync() as Float32Array,
    };
  }

  private backward(batch: Batch): Scalar {
    const take: Take = (layer, gradient) => {
      this.waiting.delete(layer.name);
      this.sums.get(layer.name)?.add(gradient);
    };
    const net = hookedNet(this.model, this.byName, this.token, take);
    return tf.valueAndGrad(() => this.model.loss(net, batch))(this.token).value as Scalar;
  }

  /** Why batches run eagerly; null when they run as a graph. */
  get why(): string | null {
    return this.pass.why;
  }

  /** Adds the gradients of one batch. @returns its loss, nats. */
  add(batch: Batch): number {
    const { loss } = this.pass.run(batch);
    const value = loss.dataSync()[0];
    loss.dispose();
    return value;
  }

  /** A target that no gradient has reached, or null. */
  get unreached(): string | null {
    const [first = null] = this.waiting;
    return first;
  }

  /** A layer's sum over `batches`, [out, in] row-major. */
  mean(layer: string, batches: number): Float32Array {
    this.pass.sync();
    return (this.sums.get(layer) as Sum).values().map((value) => value / batches);
  }

  dispose(): void {
    this.token.dispose();
    this.pass.dispose();
    tf.dispose(this.variables);
  }
}

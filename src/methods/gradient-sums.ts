/**
 * Sums of every target's gradient over batches, eagerly or, where it pays, in one graph.
 *
 * The guards are those of the training step: two batches of one shape run eagerly and are recorded; when both are the
 * same graph, it runs on the second batch and is compared with what the eager pass gave; from then on it takes the
 * batches of that shape. Whatever stands against that leaves the sums eager, and `why` says so.
 */

import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { messageOf } from '../errors';
import type { LinearLayer, Model } from '../models/model';
import type { Batch } from '../tensor/batch';
import { batchShape, traceDifference } from '../tensor/compile/compare';
import { type NativeBackend, nativeBackend } from '../tensor/compile/trace';
import { Random } from '../tensor/random';
import { GradientGraph, type TracedPass, tracePass } from './gradient-graph';
import { hookedNet, type Take } from './hooked-net';

/** Fewer batches do not repay building a graph (bench/README.md). */
export const FEWEST_BATCHES = 16;

/** ‖difference‖ of the graph's gradients and the eager ones over their norm, and the same of the loss. */
const TOLERANCE = 1e-4;

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

  /** The sum on the device, null when there is none. */
  get tensor(): Tensor | null {
    return this.device;
  }

  get empty(): boolean {
    return this.device === null && this.host === null;
  }

  values(): Float32Array {
    return (this.device ? this.device.dataSync() : this.host) as Float32Array;
  }

  dispose(): void {
    this.device?.dispose();
    this.device = null;
    this.host = null;
  }
}

export interface SumsOptions {
  readonly keep: 'device' | 'host';
  readonly compile: boolean;
  /** Batches that will come, as far as one knows. */
  readonly batches: number;
}

/** Images G·ω of gradients under one random vector a width: their distances are those of the gradients, on average. */
class Images {
  private readonly vectors = new Map<number, Tensor2D>();
  readonly byLayer = new Map<string, Tensor>();

  of(gradient: Tensor): Tensor {
    const width = gradient.shape[1] as number;
    let vector = this.vectors.get(width);
    if (!vector) {
      vector = tf.keep(tf.tensor2d(new Random(width, 'image').normals(width), [width, 1]));
      this.vectors.set(width, vector);
    }
    return tf.matMul(gradient as Tensor2D, vector);
  }

  /** Adds a layer's gradient to its image. */
  add({ name }: LinearLayer, gradient: Tensor): void {
    const before = this.byLayer.get(name);
    const image = tf.tidy(() => (before ? tf.add(before, this.of(gradient)) : this.of(gradient)));
    before?.dispose();
    this.byLayer.set(name, tf.keep(image));
  }

  dispose(): void {
    tf.dispose([...this.vectors.values(), ...this.byLayer.values()]);
  }
}

export class GradientSums {
  /** Why batches run eagerly; null when the graph has taken over. */
  why: string | null = 'the first batches have not run yet';
  private readonly sums: ReadonlyMap<string, RunningSum>;
  private readonly byName: ReadonlyMap<string, LinearLayer>;
  private readonly token = tf.scalar(0);
  private backend: NativeBackend | null = null;
  private first: TracedPass | null = null;
  private shape = '';
  private graph: GradientGraph | null = null;
  /** The graph's sums, read after the last batch. */
  private reading: Map<string, Tensor2D> | null = null;

  constructor(
    private readonly model: Model,
    private readonly targets: readonly LinearLayer[],
    { keep, compile, batches }: SumsOptions,
  ) {
    this.sums = new Map(targets.map((layer) => [layer.name, new RunningSum(keep)]));
    this.byName = new Map(targets.map((layer) => [layer.name, layer]));
    if (!compile) this.why = 'switched off';
    else if (keep === 'host') this.why = 'sums are kept on the host';
    else if (!nativeBackend()) this.why = `backend ${tf.getBackend()} runs no graphs`;
    else if (batches < FEWEST_BATCHES) this.why = `${batches} batches do not repay building a graph`;
    else this.backend = nativeBackend();
  }

  /** Adds the gradients of one batch. @returns its loss, nats. */
  add(batch: Batch): number {
    this.forget();
    const shape = batchShape(batch);
    if (this.graph && shape === this.shape) return this.graph.run(batch);
    if (!this.backend) return this.eager(batch);
    return this.recorded(this.backend, batch, shape);
  }

  /** A target that no gradient has reached, or null. */
  get unreached(): string | null {
    if (this.graph) return null;
    for (const [name, sum] of this.sums) if (sum.empty) return name;
    return null;
  }

  /** A layer's sum over `batches`, [out, in] row-major. */
  mean(layer: string, batches: number): Float32Array {
    const own = this.sums.get(layer) as RunningSum;
    if (!this.graph) return own.values().map((v) => v / batches);
    this.reading ??= this.graph.read();
    const values = (this.reading.get(layer) as Tensor2D).dataSync() as Float32Array;
    const rest = own.empty ? null : own.values(); // batches of another shape
    return values.map((v, i) => (rest ? v + rest[i] : v) / batches);
  }

  private eager(batch: Batch): number {
    const loss = this.pass(batch, (layer, gradient) => this.sums.get(layer.name)?.add(gradient));
    const value = loss.dataSync()[0];
    loss.dispose();
    return value;
  }

  private pass(batch: Batch, take: Take): Scalar {
    return tf.tidy(() => {
      const net = hookedNet(this.model, this.byName, this.token, take);
      return tf.valueAndGrad(() => this.model.loss(net, batch))(this.token).value as Scalar;
    });
  }

  /** An eager pass whose operations are recorded; the second one of a shape builds the graph. */
  private recorded(backend: NativeBackend, batch: Batch, shape: string): number {
    const second = this.first !== null && shape === this.shape;
    const images = second ? new Images() : null;
    try {
      const { loss, traced } = tracePass(backend, batch, (seen) =>
        this.pass(batch, (layer, gradient) => {
          seen(layer, gradient);
          images?.add(layer, gradient);
          this.sums.get(layer.name)?.add(gradient);
        }),
      );
      const value = loss.dataSync()[0];
      loss.dispose();
      if (images) this.compile(backend, traced, batch, value, images);
      else [this.first, this.shape] = [traced, shape];
      return value;
    } finally {
      images?.dispose();
    }
  }

  /** Compares the recordings, builds the graph and hands the sums over, or notes why not. */
  private compile(backend: NativeBackend, second: TracedPass, batch: Batch, loss: number, images: Images): void {
    this.backend = null;
    const difference = traceDifference(this.first as TracedPass, second);
    this.first = null;
    this.why = difference && `the pass ${difference}`;
    if (difference) return;
    let graph: GradientGraph | null = null;
    try {
      graph = new GradientGraph(backend, this.targets, second);
      this.why = differs(graph, graph.run(batch), loss, images);
    } catch (error) {
      this.why = `the graph does not run: ${messageOf(error).split('\n')[0]}`;
    }
    if (this.why !== null || !graph) {
      graph?.dispose();
      console.warn(`gradients are estimated eagerly: ${this.why}`);
      return;
    }
    graph.set((name) => this.sums.get(name)?.tensor as Tensor);
    for (const sum of this.sums.values()) sum.dispose();
    this.graph = graph;
  }

  private forget(): void {
    if (this.reading) tf.dispose([...this.reading.values()]);
    this.reading = null;
  }

  dispose(): void {
    this.token.dispose();
    this.forget();
    this.graph?.dispose();
    for (const sum of this.sums.values()) sum.dispose();
  }
}

/** Compares what the graph made of a batch with the eager pass. @returns what differs, or null. */
function differs(graph: GradientGraph, loss: number, eager: number, images: Images): string | null {
  if (!(Math.abs(loss - eager) <= TOLERANCE * Math.max(1, Math.abs(eager)))) {
    return `the graph's loss is ${loss}, the eager loss ${eager}`;
  }
  const sums = graph.read();
  const [distance, norm] = tf.tidy(() => {
    const pairs = Array.from(images.byLayer, ([name, image]) => [images.of(sums.get(name) as Tensor2D), image]);
    const squares = (tensors: Tensor[]) => tf.sum(tf.stack(tensors.map((x) => tf.sum(tf.square(x))))).dataSync()[0];
    return [squares(pairs.map(([own, image]) => tf.sub(own, image))), squares(pairs.map(([, image]) => image))];
  });
  tf.dispose([...sums.values()]);
  const relative = distance === 0 ? 0 : Math.sqrt(distance / norm);
  if (relative <= TOLERANCE) return null; // NaN differs
  return `the graph's gradients differ from the eager ones by ${relative.toExponential(1)} of their norm`;
}

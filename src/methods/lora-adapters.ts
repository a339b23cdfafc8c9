/**
 * Low-rank adapters over frozen linear layers: y = W·x + b + s·B·A·x (Hu et al. 2021, eq. 3).
 * Every method whose change is s·B·A shares this class; they differ in ranks, scales and starting values.
 */

import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { LinearLayer, Model, Net } from '../models/model';
import { baseLinear, layerOf, param, variable } from '../models/params';
import type { Random } from '../tensor/random';
import type { Adapters, Parameter } from './method';

/** Starting values of one layer. */
export interface LoraStart {
  readonly layer: LinearLayer;
  readonly rank: number;
  /** Multiplies B·A. */
  readonly scale: number;
  /** A [rank, in], row-major. */
  readonly a: Float32Array;
  /** B [out, rank], row-major. */
  readonly b: Float32Array;
}

interface LoraLayer {
  readonly layer: LinearLayer;
  readonly rank: number;
  readonly scale: number;
  readonly A: Variable;
  readonly B: Variable;
}

export interface LoraFacts {
  readonly method: string;
  readonly importances?: ReadonlyMap<string, number>;
  readonly notes?: Readonly<Record<string, unknown>>;
  /** Subtract s·B₀·A₀ from the base so that the function is unchanged at step 0 (LoRA-GA, PiSSA, OLoRA). */
  readonly shiftBase?: boolean;
}

/** A ~ U(−1/√in, 1/√in): PyTorch's kaiming_uniform_(a=√5), LoRA's start. [rank, in] */
export function kaimingUniform(random: Random, rank: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return random.uniforms(rank * fanIn, -bound, bound);
}

/** @throws UserError when the rank does not fit the layer. */
export function checkRank(layer: LinearLayer, rank: number): void {
  const most = Math.min(layer.in, layer.out);
  if (!Number.isInteger(rank) || rank < 1 || rank > most) {
    throw new UserError(
      `rank ${rank} does not fit ${layer.name} [${layer.out}, ${layer.in}]: choose an integer from 1 to ${most}, or exclude the layer with targets`,
    );
  }
}

export class LoraAdapters implements Adapters {
  readonly method: string;
  readonly targets: readonly LinearLayer[];
  readonly trainable: readonly Parameter[];
  readonly ranks: ReadonlyMap<string, number>;
  readonly importances: ReadonlyMap<string, number> | null;
  readonly notes: Readonly<Record<string, unknown>>;
  readonly net: Net;
  protected readonly layers = new Map<string, LoraLayer>();
  private readonly starts: readonly LoraStart[];
  private readonly shifted: boolean;
  private merged = false;

  constructor(
    protected readonly model: Model,
    starts: readonly LoraStart[],
    facts: LoraFacts,
  ) {
    for (const start of starts) checkRank(start.layer, start.rank);
    this.method = facts.method;
    this.importances = facts.importances ?? null;
    this.notes = facts.notes ?? {};
    this.targets = starts.map((start) => start.layer);
    this.ranks = new Map(starts.map((start) => [start.layer.name, start.rank]));
    for (const { layer, rank, scale, a, b } of starts) {
      const A = variable(tf.tensor2d(a, [rank, layer.in]));
      const B = variable(tf.tensor2d(b, [layer.out, rank]));
      this.layers.set(layer.name, { layer, rank, scale, A, B });
    }
    this.trainable = [...this.layers.values()].flatMap(({ layer, A, B }): Parameter[] => [
      { name: `${layer.name}.lora_A`, group: 'A', value: A },
      { name: `${layer.name}.lora_B`, group: 'B', value: B },
    ]);
    this.shifted = facts.shiftBase ?? false;
    this.starts = this.shifted ? starts : [];
    if (this.shifted) this.addToBase((layer) => this.delta(layer), -1);
    this.net = {
      get: (name) => param(model, name),
      linear: (name, x) => {
        const adapted = this.merged ? undefined : this.layers.get(name);
        const layer = adapted?.layer ?? layerOf(model, name);
        return adapted ? this.adapt(adapted, x) : baseLinear(model, layer, x);
      },
    };
  }

  /** x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ. x [n, in] → [n, out]. The scale goes on the smallest factor. */
  protected adapt({ layer, scale, A, B }: LoraLayer, x: Tensor2D): Tensor2D {
    const inner = tf.matMul(x, A as unknown as Tensor2D, false, true);
    const change = tf.matMul(tf.mul(inner, scale), B as unknown as Tensor2D, false, true);
    return tf.add(baseLinear(this.model, layer, x), change);
  }

  delta(name: string): Tensor2D {
    const found = this.layers.get(name);
    if (!found) throw new UserError(`layer "${name}" is not adapted`);
    const { A, B, scale } = found;
    return tf.tidy(() => tf.mul(tf.matMul(B as unknown as Tensor2D, A as unknown as Tensor2D), scale));
  }

  private addToBase(change: (layer: string) => Tensor, sign: 1 | -1): void {
    for (const layer of this.targets) {
      tf.tidy(() => {
        const weight = param(this.model, layer.weight);
        weight.assign(sign > 0 ? tf.add(weight, change(layer.name)) : tf.sub(weight, change(layer.name)));
      });
    }
  }

  merge(): void {
    if (this.merged) return;
    for (const { name } of this.targets) {
      const finite = tf.tidy(() => tf.all(tf.isFinite(this.delta(name))).dataSync()[0]);
      if (!finite) throw new UserError(`cannot merge ${this.method}: the change of ${name} holds NaN or Infinity`);
    }
    this.addToBase((layer) => this.delta(layer), 1);
    this.merged = true;
  }

  unmerge(): void {
    if (!this.merged) return;
    this.addToBase((layer) => this.delta(layer), -1);
    this.merged = false;
  }

  /** Restores the base weights to what they were before `attach`, then frees the adapters. */
  dispose(): void {
    this.unmerge();
    const starts = new Map(this.starts.map((start) => [start.layer.name, start]));
    this.addToStart(starts);
    for (const { value } of this.trainable) value.dispose();
    this.layers.clear();
  }

  private addToStart(starts: ReadonlyMap<string, LoraStart>): void {
    if (!this.shifted) return;
    this.addToBase((name) => {
      const { a, b, rank, scale, layer } = starts.get(name) as LoraStart;
      return tf.mul(tf.matMul(tf.tensor2d(b, [layer.out, rank]), tf.tensor2d(a, [rank, layer.in])), scale);
    }, 1);
  }
}

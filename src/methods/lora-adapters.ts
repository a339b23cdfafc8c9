/**
 * Low-rank adapters over frozen linear layers: y = W·x + b + s·B·A·x (Hu et al. 2021, eq. 3).
 * Every method whose change is s·B·A shares this class; they differ in ranks, scales and starting values.
 */

import type { Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { LinearLayer, Model } from '../models/model';
import { baseLinear, param, variable } from '../models/params';
import type { Random } from '../tensor/random';
import { foldedLinear, lowRank } from './adapted-linear';
import { type AdapterFacts, LayerAdapters } from './layer-adapters';
import type { AdapterState, LayerState } from './method';

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

export interface LoraLayer {
  readonly layer: LinearLayer;
  readonly rank: number;
  readonly scale: number;
  readonly A: Variable;
  readonly B: Variable;
}

export interface LoraFacts extends AdapterFacts {
  /** Subtract s·B₀·A₀ from the base so that the function is unchanged at step 0 (LoRA-GA, PiSSA, OLoRA). */
  readonly shiftBase?: boolean;
  /** The scale is α/√r: saved with `use_rslora`. */
  readonly rankStabilised?: boolean;
  /** A keeps its starting values (LoRA-FA). */
  readonly freezeA?: boolean;
}

/** A ~ U(−1/√in, 1/√in): PyTorch's kaiming_uniform_(a=√5), LoRA's start. [rank, in] */
export function kaimingUniform(random: Random, rank: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return random.uniforms(rank * fanIn, -bound, bound);
}

/** LoRA's own start on every target: A Kaiming-uniform, B = 0. */
export function vanillaStarts(
  targets: readonly LinearLayer[],
  rank: number,
  scale: number,
  random: Random,
): LoraStart[] {
  return targets.map((layer) => {
    checkRank(layer, rank);
    const a = kaimingUniform(random.fork(layer.name), rank, layer.in);
    return { layer, rank, scale, a, b: new Float32Array(layer.out * rank) };
  });
}

/** @param what the option, for the message. @throws UserError when the rank does not fit the layer. */
export function checkRank(layer: LinearLayer, rank: number, what = 'rank'): void {
  const most = Math.min(layer.in, layer.out);
  if (!Number.isInteger(rank) || rank < 1 || rank > most) {
    throw new UserError(
      `${what} ${rank} does not fit ${layer.name} [${layer.out}, ${layer.in}]: choose an integer from 1 to ${most}, or exclude the layer with targets`,
    );
  }
}

/** `Method.check` of methods that give every layer the same rank. */
export const checkSameRank = (targets: readonly LinearLayer[], { rank }: { readonly rank: number }): void => {
  for (const layer of targets) checkRank(layer, rank);
};

export class LoraAdapters extends LayerAdapters {
  protected readonly layers = new Map<string, LoraLayer>();
  private readonly rankStabilised: boolean;
  /** Starts and untouched base weights of methods that shift the base, for saving and restoring. */
  private readonly shift: { start: LoraStart; weight: Float32Array }[] = [];

  constructor(model: Model, starts: readonly LoraStart[], facts: LoraFacts) {
    super(
      model,
      starts.map((start) => start.layer),
      facts,
    );
    for (const start of starts) checkRank(start.layer, start.rank);
    this.rankStabilised = facts.rankStabilised ?? false;
    for (const start of starts) {
      const { layer, rank, scale, a, b } = start;
      const A = variable(tf.tensor2d(a, [rank, layer.in]));
      const B = variable(tf.tensor2d(b, [layer.out, rank]));
      this.layers.set(layer.name, { layer, rank, scale, A, B });
      this.ranks.set(layer.name, rank);
      if (!facts.freezeA) this.trainable.push({ name: `${layer.name}.lora_A`, group: 'A', value: A });
      this.trainable.push({ name: `${layer.name}.lora_B`, group: 'B', value: B });
      if (facts.shiftBase) {
        const weight = param(model, layer.weight);
        this.shift.push({ start, weight: weight.dataSync().slice() as Float32Array });
        tf.tidy(() => weight.assign(tf.sub(weight, this.change(layer))));
      }
    }
  }

  protected of(layer: LinearLayer): LoraLayer {
    return this.layers.get(layer.name) as LoraLayer;
  }

  protected adapt(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const y = this.product(layer, x);
    return layer.bias === null ? y : tf.add(y, param(this.model, layer.bias));
  }

  /** x·(W + s·B·A)ᵀ. Where x is smaller than W (generation, very wide layers) the change stays a branch. */
  protected product(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const { A, B, scale } = this.of(layer);
    const factors = { A: A as unknown as Tensor2D, B: B as unknown as Tensor2D, scale };
    const weight = this.model.params.get(layer.weight) as unknown as Tensor2D | undefined;
    const folds = weight && x.shape[0] * (layer.in + layer.out) >= layer.in * layer.out;
    if (folds) return foldedLinear(x, weight, factors);
    return tf.add(baseLinear(this.model, { ...layer, bias: null }, x), lowRank(x, factors));
  }

  protected change(layer: LinearLayer): Tensor2D {
    const { A, B, scale } = this.of(layer);
    return tf.matMul(tf.mul(B as unknown as Tensor2D, scale), A as unknown as Tensor2D);
  }

  async state(): Promise<AdapterState> {
    const starts = new Map(this.shift.map(({ start }) => [start.layer.name, start]));
    const layers: LayerState[] = [];
    for (const { layer, rank, scale, A, B } of this.layers.values()) {
      const start = starts.get(layer.name);
      layers.push({
        layer,
        rank,
        scale,
        A: (await A.data()) as Float32Array,
        B: (await B.data()) as Float32Array,
        ...(start && { start: { A: start.a, B: start.b } }),
      });
    }
    return { kind: 'lora', rankStabilised: this.rankStabilised, layers };
  }

  /** Restores the base weights, bit for bit, to what they were before `attach`. */
  protected release(): void {
    for (const { start, weight } of this.shift) {
      tf.tidy(() => param(this.model, start.layer.weight).assign(tf.tensor(weight, [start.layer.out, start.layer.in])));
    }
    this.shift.length = 0;
    for (const { A, B } of this.layers.values()) tf.dispose([A, B]);
    this.layers.clear();
  }
}

/**
 * AdaLoRA's form (Zhang et al. 2023): ΔW = s·P·Λ·Q, a penalty that keeps P and Q orthogonal, and a rank budget that
 * shrinks during training: the least important triplets' λ are set to 0. PEFT's `ADALORA` scales by α/(r₀ + 10⁻⁵) with
 * the starting rank r₀ whatever is left of a layer, and cuts its files to the triplets that are left (`rank_pattern`).
 */

import type { Rank, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { AdaptedLayer, Matrix, PeftFields } from '../../formats/peft-layer';
import { numberOf, roundedAlpha } from '../../formats/peft-patterns';
import type { LinearLayer, Model } from '../../models/model';
import { baseLinear } from '../../models/params';
import { budgetAt, keepTriplets, prunesAt, type Schedule } from '../adalora-allocation';
import { SmoothedImportance } from '../adalora-importance';
import type { AdapterFacts, AdapterForm } from './form';
import { LayerAdapters, type LiveLayer } from './layer-adapters';

/** When triplets go, and how their importance is smoothed. */
export type Pruning = Schedule & { readonly beta1: number; readonly beta2: number };

/** What pruning keeps of one layer. */
interface Triplets {
  readonly layer: LinearLayer;
  readonly importance: { A: SmoothedImportance; B: SmoothedImportance; E: SmoothedImportance };
  kept: boolean[];
}

/** Λ as a row [1, rank], so that it multiplies the columns of x·Qᵀ; files hold a column. */
const turned = ({ shape, data }: Matrix): Matrix => ({ shape: [shape[1], shape[0]], data });

/** A [rank, in] is Q, B [out, rank] is P, E [rank, 1] is Λ. */
export class AdaLoraAdapters extends LayerAdapters {
  private readonly triplets: Triplets[] = [];

  /** @param pruning null for a loaded adapter, whose ranks stay. */
  constructor(
    model: Model,
    layers: readonly AdaptedLayer[],
    facts: AdapterFacts,
    private readonly pruning: Pruning | null,
    private readonly orthogonality: number,
  ) {
    super(
      model,
      adaloraForm,
      layers.map((layer) => ({ ...layer, extra: { E: turned((layer.extra as { E: Matrix }).E) } })),
      facts,
      { groups: { A: 'A', B: 'B', E: 'lambda' } },
    );
    if (!pruning) return;
    const track = (value: Variable) => new SmoothedImportance(value.shape, pruning.beta1, pruning.beta2);
    for (const layer of this.targets) {
      const { A, B, rank } = this.of(layer);
      const importance = { A: track(A), B: track(B), E: track(this.lambda(layer)) };
      this.triplets.push({ layer, importance, kept: new Array(rank).fill(true) });
    }
  }

  /** Λ [1, rank] */
  private lambda(layer: LinearLayer): Variable<Rank.R2> {
    return this.of(layer).extra?.E as Variable<Rank.R2>;
  }

  protected adapt(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const { A, B, scale } = this.of(layer);
    const inner = tf.mul(tf.matMul(x, A, false, true), tf.mul(this.lambda(layer), scale)) as Tensor2D;
    return tf.add(baseLinear(this.model, layer, x), tf.matMul(inner, B, false, true)) as Tensor2D;
  }

  protected change(layer: LinearLayer): Tensor2D {
    const { A, B, scale } = this.of(layer);
    return tf.matMul(tf.mul(B, tf.mul(this.lambda(layer), scale)) as Tensor2D, A);
  }

  /** Weight times the mean of ‖PᵀP − I‖ and ‖QQᵀ − I‖ over all layers (eq. 4, norms not squared as in PEFT). */
  penalty(): Scalar {
    return tf.tidy(() => {
      const norms = [...this.live.values()].flatMap(({ A, B, rank }) => {
        const identity = tf.eye(rank);
        const rows = tf.matMul(A, A, false, true);
        const columns = tf.matMul(B, B, true);
        // 1e-12: the root has no slope at 0
        return [rows, columns].map((m) => tf.sqrt(tf.add(tf.sum(tf.square(tf.sub(m, identity))), 1e-12)));
      });
      return tf.mul(tf.sum(tf.stack(norms)), this.orthogonality / norms.length) as Scalar;
    });
  }

  afterStep(step: number, gradients: Record<string, Tensor>): void {
    if (!this.pruning) return;
    if (step < this.pruning.steps - this.pruning.tfinal) this.updateImportance(gradients);
    if (prunesAt(step, this.pruning)) this.choose(budgetAt(step, this.pruning));
    else if (step > this.pruning.steps - this.pruning.tfinal) this.mask();
  }

  private updateImportance(gradients: Record<string, Tensor>): void {
    for (const { layer, importance } of this.triplets) {
      const { A, B } = this.of(layer);
      importance.A.update(A, gradients[`${layer.name}.lora_A`]);
      importance.B.update(B, gradients[`${layer.name}.lora_B`]);
      importance.E.update(this.lambda(layer), gradients[`${layer.name}.lora_E`]);
    }
  }

  private choose(budget: number): void {
    const scores = this.triplets.map(({ importance }) => {
      const score = tf.tidy(() => {
        const value = tf.reshape(importance.E.score(), [-1]);
        return tf.add(tf.add(value, tf.mean(importance.A.score(), 1)), tf.mean(importance.B.score(), 0));
      });
      const values = Float64Array.from(score.dataSync());
      score.dispose();
      return values;
    });
    keepTriplets(scores, budget).forEach((kept, i) => {
      this.triplets[i].kept = kept;
      this.ranks.set(this.triplets[i].layer.name, kept.filter(Boolean).length);
    });
    this.mask();
  }

  private mask(): void {
    for (const { layer, kept } of this.triplets) {
      const lambda = this.lambda(layer);
      tf.tidy(() => lambda.assign(tf.mul(lambda, tf.tensor2d(kept.map(Number), [1, kept.length]))));
    }
  }

  protected override async hostLayer(live: LiveLayer): Promise<AdaptedLayer> {
    const host = await super.hostLayer(live);
    return { ...host, extra: { E: turned((host.extra as { E: Matrix }).E) } };
  }
}

/** Its own fields of PEFT's config, the schedule and what the penalty weighs. */
const FIELDS = [
  ...['init_r', 'target_r', 'tinit', 'tfinal', 'deltaT', 'beta1', 'beta2', 'orth_reg_weight', 'total_step'],
];

/** Which triplets are left, by layer. @throws UserError when it is no list of truths. */
function readKept(config: PeftFields, file: string): Map<string, readonly boolean[]> {
  const given = config.rank_pattern ?? {};
  const bad = (name: string) =>
    new UserError(`${file}: rank_pattern${name} of AdaLoRA must name lora_E and be a list of true and false.`);
  if (typeof given !== 'object' || Array.isArray(given)) throw bad('');
  return new Map(
    Object.entries(given).map(([name, kept]) => {
      const path = /^(.+)\.lora_E(\.[^.]+)?$/.exec(name);
      if (!path || !Array.isArray(kept) || !kept.every((one) => typeof one === 'boolean')) throw bad(` ${name}`);
      return [path[1], kept];
    }),
  );
}

/** PEFT's scale for α; 10⁻⁵ is its guard against a rank of 0. */
const scaleOf = (alpha: number, initial: number) => (alpha > 0 ? alpha : initial) / (initial + 1e-5);

export const adaloraForm: AdapterForm = {
  name: 'adalora',
  says: 'peft_type = ADALORA',
  fits: (config) => config.peft_type === 'ADALORA',
  tensors: { A: 'lora_A', B: 'lora_B', E: 'lora_E' },
  shapeOf: (_part, rank) => [rank, 1],
  emptyLayers: true,
  read: (config, file) => {
    const initial = numberOf(config.init_r ?? 12, 'init_r', file, true);
    const alpha = numberOf(config.lora_alpha ?? 8, 'lora_alpha', file, false);
    const kept = readKept(config, file);
    return {
      rankOf: (layer) => kept.get(layer)?.filter(Boolean).length ?? initial,
      scaleOf: () => scaleOf(alpha, initial),
      checkUsed: (layers) => {
        const idle = [...kept.keys()].find((name) => !layers.includes(name));
        if (idle === undefined) return;
        throw new UserError(`${file}: rank_pattern names ${idle}, and the weights hold nothing of it.`);
      },
    };
  },
  usualRank: (_layers, { init_r }) => (typeof init_r === 'number' ? init_r : undefined),
  unitScale: (_rank, { r }) => scaleOf(1, r),
  write: (layers, { r, lora_alpha, use_rslora }) => {
    const alphaOf = ({ scale }: AdaptedLayer) => roundedAlpha(scale / scaleOf(1, r));
    const odd = layers.find((layer) => layer.rank > r || Math.abs(alphaOf(layer) / lora_alpha - 1) > 1e-10);
    if (odd || use_rslora) {
      throw new UserError(
        `AdaLoRA's format holds one starting rank r, none above it, and one alpha for all layers${odd ? ` (${odd.name})` : ''}.`,
      );
    }
    const cut = layers.some(({ rank }) => rank < r);
    const left = (rank: number) => Array.from({ length: r }, (_, i) => i < rank);
    return {
      ...{ peft_type: 'ADALORA', r: 8, init_r: r, target_r: r, beta1: 0.85, beta2: 0.85, deltaT: 1 },
      ...{ tinit: 0, tfinal: 0, orth_reg_weight: 0.5, total_step: 1 },
      rank_pattern: cut ? Object.fromEntries(layers.map(({ name, rank }) => [`${name}.lora_E`, left(rank)])) : null,
    };
  },
  own: (config) => Object.fromEntries(FIELDS.filter((name) => name in config).map((name) => [name, config[name]])),
  restore: (model, layers, facts) => new AdaLoraAdapters(model, layers, facts, null, 0),
};

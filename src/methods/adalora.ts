/**
 * AdaLoRA (Zhang et al. 2023): ΔW = s·P·Λ·Q with P, Q ~ N(0, 0.02²), Λ = 0, a penalty that keeps P and Q orthogonal, and
 * a rank budget that shrinks during training: the least important triplets' λ are set to 0.
 * Scale α/(r₀ + 10⁻⁵) with the starting rank r₀, as PEFT, so that files mean the same there.
 */

import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { LinearLayer, Model } from '../models/model';
import { baseLinear, variable } from '../models/params';
import { budgetAt, keepTriplets, prunesAt, type Schedule } from './adalora-allocation';
import { SmoothedImportance } from './adalora-importance';
import { LayerAdapters } from './layer-adapters';
import { checkRank, checkSameRank } from './lora-adapters';
import type { AdapterState, LayerState, Method } from './method';
import { alphaOption, rankOption } from './options';

const options = z
  .strictObject({
    rank: rankOption.describe('mean rank after pruning'),
    alpha: alphaOption,
    initRank: z.int().positive().optional().describe('rank of every layer at the start; default 1.5·rank'),
    tinit: z.int().nonnegative().optional().describe('steps before pruning; default a tenth'),
    tfinal: z.int().nonnegative().optional().describe('steps after pruning; default three tenths'),
    every: z.int().positive().default(1).describe('ΔT, prune every so many steps'),
    beta1: z.number().gt(0).lt(1).default(0.85).describe('smoothing of the sensitivity'),
    beta2: z.number().gt(0).lt(1).default(0.85).describe('smoothing of its deviation'),
    orthogonality: z.number().nonnegative().default(0.5).describe('weight of the penalty'),
  })
  .transform((o) => ({ ...o, initRank: o.initRank ?? Math.round(1.5 * o.rank) }));

type Options = z.infer<typeof options>;

/** Values of one layer. */
export interface AdaLoraStart {
  readonly layer: LinearLayer;
  readonly rank: number;
  readonly scale: number;
  /** Q [rank, in] */
  readonly a: Float32Array;
  /** P [out, rank] */
  readonly b: Float32Array;
  /** Λ [rank] */
  readonly lambda: Float32Array;
}

interface Triplets {
  readonly start: AdaLoraStart;
  readonly A: Variable;
  readonly B: Variable;
  /** [1, rank], so that it multiplies the columns of x·Qᵀ. */
  readonly lambda: Variable;
  readonly importance: { A: SmoothedImportance; B: SmoothedImportance; lambda: SmoothedImportance } | null;
  kept: boolean[];
}

type Pruning = Schedule & Pick<Options, 'beta1' | 'beta2'>;

/** The schedule in PEFT's words. `init_r` is the rank of the saved layers. */
function peftFields(p: Pruning, orthogonality: number, layers: number): Record<string, unknown> {
  return {
    target_r: p.target / layers,
    tinit: p.tinit,
    tfinal: p.tfinal,
    deltaT: p.every,
    beta1: p.beta1,
    beta2: p.beta2,
    orth_reg_weight: orthogonality,
    total_step: p.steps,
  };
}

/** The fields of PEFT's config that `AdaLoraAdapters` writes, as a loaded config has them. */
export function adaLoraFields(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = ['target_r', 'tinit', 'tfinal', 'deltaT', 'beta1', 'beta2', 'orth_reg_weight', 'total_step'];
  return Object.fromEntries(names.filter((name) => name in config).map((name) => [name, config[name]]));
}

export class AdaLoraAdapters extends LayerAdapters {
  private readonly triplets = new Map<string, Triplets>();

  /**
   * @param pruning null for a loaded adapter, whose ranks stay.
   * @param config fields of PEFT's config that a saved adapter keeps; default those of the schedule.
   */
  constructor(
    model: Model,
    starts: readonly AdaLoraStart[],
    private readonly pruning: Pruning | null,
    private readonly orthogonality: number,
    private readonly config: Readonly<Record<string, unknown>> = pruning
      ? peftFields(pruning, orthogonality, starts.length)
      : {},
  ) {
    super(
      model,
      starts.map((start) => start.layer),
      { method: 'adalora' },
    );
    for (const { layer, rank } of starts) checkRank(layer, rank);
    for (const start of starts) {
      const { layer, rank } = start;
      const A = variable(tf.tensor2d(start.a, [rank, layer.in]));
      const B = variable(tf.tensor2d(start.b, [layer.out, rank]));
      const lambda = variable(tf.tensor2d(start.lambda, [1, rank]));
      const track = (value: Variable, p: Pruning) => new SmoothedImportance(value.shape, p.beta1, p.beta2);
      const importance = pruning && { A: track(A, pruning), B: track(B, pruning), lambda: track(lambda, pruning) };
      this.triplets.set(layer.name, { start, A, B, lambda, importance, kept: new Array(rank).fill(true) });
      this.ranks.set(layer.name, rank);
      this.trainable.push(
        { name: `${layer.name}.lora_A`, group: 'A', value: A },
        { name: `${layer.name}.lora_B`, group: 'B', value: B },
        { name: `${layer.name}.lora_E`, group: 'lambda', value: lambda },
      );
    }
  }

  private of(layer: LinearLayer): Triplets {
    return this.triplets.get(layer.name) as Triplets;
  }

  protected adapt(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const { A, B, lambda, start } = this.of(layer);
    const inner = tf.mul(tf.matMul(x, A as unknown as Tensor2D, false, true), tf.mul(lambda, start.scale));
    return tf.add(
      baseLinear(this.model, layer, x),
      tf.matMul(inner, B as unknown as Tensor2D, false, true),
    ) as Tensor2D;
  }

  protected change(layer: LinearLayer): Tensor2D {
    const { A, B, lambda, start } = this.of(layer);
    return tf.matMul(tf.mul(B, tf.mul(lambda, start.scale)) as Tensor2D, A as unknown as Tensor2D);
  }

  /** Weight times the mean of ‖PᵀP − I‖ and ‖QQᵀ − I‖ over all layers (eq. 4, norms not squared as in PEFT). */
  penalty(): Scalar {
    return tf.tidy(() => {
      const norms = [...this.triplets.values()].flatMap(({ A, B, start }) => {
        const identity = tf.eye(start.rank);
        const rows = tf.matMul(A as unknown as Tensor2D, A as unknown as Tensor2D, false, true);
        const columns = tf.matMul(B as unknown as Tensor2D, B as unknown as Tensor2D, true);
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
    for (const [name, { A, B, lambda, importance }] of this.triplets) {
      importance?.A.update(A, gradients[`${name}.lora_A`]);
      importance?.B.update(B, gradients[`${name}.lora_B`]);
      importance?.lambda.update(lambda, gradients[`${name}.lora_E`]);
    }
  }

  private choose(budget: number): void {
    const all = [...this.triplets.values()];
    const scores = all.map(({ importance }) => {
      const score = tf.tidy(() => {
        if (!importance) throw new Error('importance is tracked while pruning');
        const value = tf.reshape(importance.lambda.score(), [-1]);
        return tf.add(tf.add(value, tf.mean(importance.A.score(), 1)), tf.mean(importance.B.score(), 0));
      });
      const values = Float64Array.from(score.dataSync());
      score.dispose();
      return values;
    });
    keepTriplets(scores, budget).forEach((kept, i) => {
      all[i].kept = kept;
      this.ranks.set(all[i].start.layer.name, kept.filter(Boolean).length);
    });
    this.mask();
  }

  private mask(): void {
    for (const { lambda, kept } of this.triplets.values()) {
      tf.tidy(() => lambda.assign(tf.mul(lambda, tf.tensor2d(kept.map(Number), [1, kept.length]))));
    }
  }

  async state(): Promise<AdapterState> {
    const layers: LayerState[] = [];
    for (const { start, A, B, lambda } of this.triplets.values()) {
      const [a, b, e] = (await Promise.all([A.data(), B.data(), lambda.data()])) as Float32Array[];
      layers.push({ layer: start.layer, rank: start.rank, scale: start.scale, A: a, B: b, lambda: e });
    }
    return { kind: 'adalora', rankStabilised: false, config: this.config, layers };
  }

  protected release(): void {
    for (const { A, B, lambda } of this.triplets.values()) tf.dispose([A, B, lambda]);
    this.triplets.clear();
  }
}

/** @throws UserError when pruning does not fit into the training. */
function scheduleOf(o: Options, layers: number, steps: number | undefined): Schedule {
  if (!steps)
    throw new UserError('AdaLoRA needs the number of training steps for its rank schedule, and none was given');
  const tinit = o.tinit ?? Math.round(steps / 10);
  const tfinal = o.tfinal ?? Math.round((3 * steps) / 10);
  if (tinit >= steps - tfinal) {
    throw new UserError(
      `AdaLoRA has no step to prune at: tinit ${tinit} + tfinal ${tfinal} must be below the ${steps} training steps`,
    );
  }
  if (o.initRank < o.rank) throw new UserError(`AdaLoRA: initRank ${o.initRank} is below the final rank ${o.rank}`);
  return { initial: o.initRank * layers, target: o.rank * layers, tinit, tfinal, steps, every: o.every };
}

export const adaLora: Method<Options> = {
  name: 'adalora',
  title: 'AdaLoRA',
  reference: 'Zhang et al. 2023, algorithm 1',
  needs: [],
  options,
  check: (targets, o, steps) => {
    checkSameRank(targets, { rank: o.initRank });
    scheduleOf(o, targets.length, steps);
  },
  attach: (model, targets, evidence, o, random) => {
    const schedule = scheduleOf(o, targets.length, evidence.steps);
    const rank = o.initRank;
    const starts = targets.map((layer): AdaLoraStart => {
      const own = random.fork(layer.name);
      const a = own.fork('Q').normals(rank * layer.in, 0, 0.02);
      const b = own.fork('P').normals(layer.out * rank, 0, 0.02);
      return { layer, rank, scale: o.alpha / (rank + 1e-5), a, b, lambda: new Float32Array(rank) };
    });
    return new AdaLoraAdapters(model, starts, { ...schedule, beta1: o.beta1, beta2: o.beta2 }, o.orthogonality);
  },
};

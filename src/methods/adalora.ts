/**
 * AdaLoRA (Zhang et al. 2023): ΔW = s·P·Λ·Q with P, Q ~ N(0, 0.02²), Λ = 0, and a rank budget that shrinks in training.
 * Scale α/(r₀ + 10⁻⁵) with the starting rank r₀, as PEFT, so that files mean the same there.
 */
import { z } from 'zod';
import { UserError } from '../errors';
import type { Schedule } from './adalora-allocation';
import { AdaLoraAdapters, type Pruning } from './forms/adalora';
import { checkRank, checkSameRank, initOf } from './init';
import { defineMethod } from './method';
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

export const adaLora = defineMethod({
  name: 'adalora',
  title: 'AdaLoRA',
  reference: 'Zhang et al. 2023, algorithm 1',
  options,
  check: (targets, o, steps) => {
    checkSameRank(targets, { rank: o.initRank });
    scheduleOf(o, targets.length, steps);
  },
  init: ({ model, targets, random, steps }, o) => {
    const schedule = scheduleOf(o, targets.length, steps);
    const rank = o.initRank;
    const layers = targets.map((layer) => {
      checkRank(layer, rank);
      const own = random.fork(layer.name);
      const a = own.fork('Q').normals(rank * layer.in, 0, 0.02);
      const b = own.fork('P').normals(layer.out * rank, 0, 0.02);
      const E = { shape: [rank, 1], data: new Float32Array(rank) };
      return { ...initOf(layer, rank, o.alpha / (rank + 1e-5), a, b), extra: { E } };
    });
    const pruning = { ...schedule, beta1: o.beta1, beta2: o.beta2 };
    const facts = { method: 'adalora', config: peftFields(pruning, o.orthogonality, layers.length) };
    return new AdaLoraAdapters(model, layers, facts, pruning, o.orthogonality);
  },
});

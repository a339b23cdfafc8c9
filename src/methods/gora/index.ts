/** GoRA (He et al. 2025): gradient-driven ranks and start, base weights untouched. */
import { z } from 'zod';
import { UserError } from '../../errors';
import type { LinearLayer, Model } from '../../models/model';
import { param } from '../../models/params';
import { kaimingUniform, LoraAdapters, type LoraStart } from '../lora-adapters';
import type { Evidence, Method } from '../method';
import { alphaOption, rankOption } from '../options';
import { adapterParameters, allocateRanks, type Feature, features, roundings } from './allocation';
import { importanceMetrics, importanceNames } from './importance';
import { startB } from './start';

const options = z
  .strictObject({
    rank: rankOption,
    alpha: alphaOption,
    minRank: z.int().nonnegative().optional().describe('r_min; default r/2'),
    maxRank: z.int().positive().optional().describe('r_max; default 4r'),
    gamma: z.number().nonnegative().default(0.05).describe('γ, size of the start as a share of the gradient'),
    gradientBatches: z.int().positive().default(32).describe('N, batches the gradient is averaged over'),
    importance: z.enum(importanceNames).default('union-mean').describe('score of a weight'),
    feature: z
      .enum(Object.keys(features) as [Feature, ...Feature[]])
      .default('sqrt')
      .describe('cost of a rank'),
    rounding: z.enum(roundings).default('floor').describe('floor is the paper; remainder keeps the budget'),
    share: z.enum(['linear', 'softmax']).default('linear').describe('importance to share of the budget'),
    temperature: z.number().positive().default(0.5).describe('softmax temperature'),
  })
  .transform((o) => ({ ...o, minRank: o.minRank ?? Math.ceil(o.rank / 2), maxRank: o.maxRank ?? 4 * o.rank }));

type Options = z.infer<typeof options>;

function gradientOf(evidence: Evidence, layer: LinearLayer): Float32Array {
  const gradient = evidence.gradients?.get(layer.name);
  if (!gradient) throw new UserError(`GoRA needs the mean gradient of ${layer.name}, and none was estimated`);
  return gradient;
}

/** Importance of every target, by layer name. */
export function measureImportance(
  model: Model,
  targets: readonly LinearLayer[],
  evidence: Evidence,
  metric: Options['importance'],
): Map<string, number> {
  const score = importanceMetrics[metric];
  return new Map(
    targets.map((layer) => {
      const weight = param(model, layer.weight).dataSync() as Float32Array;
      return [layer.name, score(weight, gradientOf(evidence, layer), layer.out, layer.in)];
    }),
  );
}

export const gora: Method<Options> = {
  name: 'gora',
  title: 'GoRA',
  reference: 'He et al. 2025, algorithm 1',
  needs: ['gradients'],
  options,
  attach: (model, targets, evidence, o, random) => {
    const importances = measureImportance(model, targets, evidence, o.importance);
    const ranks = allocateRanks(targets, [...importances.values()], o);
    const starts = targets.flatMap((layer, i): LoraStart[] => {
      const rank = ranks[i];
      if (rank === 0) return [];
      const scale = o.alpha / Math.sqrt(rank);
      const a = kaimingUniform(random.fork(layer.name), rank, layer.in);
      return [{ layer, rank, scale, a, b: startB(gradientOf(evidence, layer), a, layer, rank, scale, o.gamma) }];
    });
    const budget = adapterParameters(
      targets,
      targets.map(() => o.rank),
    );
    return new LoraAdapters(model, starts, {
      method: 'gora',
      importances,
      notes: { gamma: o.gamma, budget, spent: adapterParameters(targets, ranks), batches: evidence.gradientBatches },
    });
  },
};

/** Options of GoRA: the paper's defaults first, then what the authors' code offers, then switches for ablations. */
import { z } from 'zod';
import { alphaOption, rankOption } from '../options';
import { type Feature, features, roundings } from './allocation';
import { importanceNames } from './importance';

export const goraOptions = z
  .strictObject({
    rank: rankOption,
    alpha: alphaOption,
    minRank: z.int().nonnegative().optional().describe('r_min; default r/2. 0 lets a layer go without adapter'),
    maxRank: z.int().positive().optional().describe('r_max; default 4r'),
    gamma: z.number().nonnegative().default(0.05).describe('γ, size of the init as a share of the gradient'),
    adaptiveGamma: z.boolean().default(false).describe('choose γ = 0.8ᵏ by the loss on the first batch'),
    gradientBatches: z.int().positive().default(32).describe('N, batches the gradient is averaged over'),
    adaptiveBatches: z.boolean().default(false).describe('stop before N when importances have settled'),
    minBatches: z.int().min(2).default(3).describe('batches before adaptiveBatches may stop'),
    convergence: z.number().positive().default(0.1).describe('largest relative change that counts as settled'),
    importance: z.enum(importanceNames).default('union-mean').describe('score of a weight'),
    sqrtImportance: z.boolean().default(false).describe('square root of the scores'),
    feature: z
      .enum(Object.keys(features) as [Feature, ...Feature[]])
      .default('sqrt')
      .describe("cost of a rank, f(in+out); identity is the authors' scripts"),
    rounding: z
      .enum(roundings)
      .default('floor')
      .describe("floor is the paper; remainder keeps the budget; authors is their code's order"),
    share: z.enum(['linear', 'softmax']).default('linear').describe('importance to share of the budget'),
    temperature: z.number().positive().default(0.5).describe('softmax temperature'),
    initA: z
      .enum(['kaiming', 'gaussian', 'weight-svd', 'gradient-svd'])
      .default('kaiming')
      .describe('init of A; the SVDs take the leading right singular vectors'),
    initScale: z.enum(['step', 'fixed']).default('step').describe('fixed: B times γ/α whatever the layer'),
    rankStabilised: z.boolean().default(true).describe('scale α/√r instead of α/r'),
    ownScale: z.boolean().default(true).describe("scale by the layer's own rank instead of the reference rank"),
    allocation: z.enum(['importance', 'uniform']).default('importance').describe('uniform: initialisation only'),
    init: z.enum(['gradient', 'zero']).default('gradient').describe('of B; zero: allocation only'),
    ranksFrom: z.string().optional().describe('JSON file (a run record or rank.json) whose ranks to use'),
  })
  .superRefine((o, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    const { minRank, maxRank } = rankBounds(o);
    if (minRank > maxRank) refuse('minRank', `${minRank} is above maxRank ${maxRank}`);
    if (o.adaptiveGamma && o.init === 'zero') refuse('adaptiveGamma', 'has no effect with init zero: choose one');
    if (o.adaptiveGamma && o.initScale === 'fixed') refuse('adaptiveGamma', 'needs initScale step');
    if (o.adaptiveBatches && o.minBatches > o.gradientBatches) {
      refuse('minBatches', `${o.minBatches} is above gradientBatches ${o.gradientBatches}`);
    }
    if (o.ranksFrom && o.allocation === 'uniform') refuse('ranksFrom', 'contradicts allocation uniform: choose one');
  });

/** Records name these as they were called when the first were made. */
export const goraRecordNames = { init: 'start', initScale: 'startScale' };

export type GoraOptions = z.infer<typeof goraOptions>;

/** r_min and r_max: the paper's r/2 and 4r where not set. */
export function rankBounds(o: Pick<GoraOptions, 'rank' | 'minRank' | 'maxRank'>): { minRank: number; maxRank: number } {
  return { minRank: o.minRank ?? Math.ceil(o.rank / 2), maxRank: o.maxRank ?? 4 * o.rank };
}

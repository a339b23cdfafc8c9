/**
 * EVA (Paischer et al. 2024): A holds the principal components of the layer's inputs, B = 0, and ranks go to the
 * layers whose components explain most variance, within the same number of ranks. Scale α/r of the common rank,
 * whatever a layer's own (PEFT's `adjust_scaling_factors`).
 */
import { z } from 'zod';
import { UserError } from '../errors';
import type { LinearLayer } from '../models/model';
import type { InputComponents } from './activations';
import { LoraAdapters } from './forms/lora';
import { checkSameRank, initOf } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  rho: z.number().min(1).default(2).describe('ρ, most ranks of a layer as a multiple of r'),
  tau: z.number().min(0).max(1).default(0.99).describe('τ, cosine at which a component has converged'),
  activationBatches: z.int().positive().default(32).describe('most batches that inputs are taken from'),
});

/** Most components a layer can take: round(ρ·r), within the layer's size. */
export function mostComponents(layer: LinearLayer, rank: number, rho: number): number {
  return Math.min(Math.round(rank * rho), layer.in, layer.out);
}

/**
 * Ranks by global order of the explained-variance ratios: the `rank · layers` largest win. Layers may get 0.
 * Ties go to the earlier layer.
 */
export function distributeRanks(
  layers: readonly LinearLayer[],
  ratios: ReadonlyMap<string, Float64Array>,
  rank: number,
  rho: number,
): Map<string, number> {
  const candidates = layers.flatMap((layer) => {
    const own = ratios.get(layer.name)?.subarray(0, mostComponents(layer, rank, rho)) ?? new Float64Array(0);
    return Array.from(own, (ratio) => ({ name: layer.name, ratio }));
  });
  candidates.sort((a, b) => b.ratio - a.ratio);
  const ranks = new Map(layers.map((layer) => [layer.name, 0]));
  for (const { name } of candidates.slice(0, rank * layers.length)) ranks.set(name, (ranks.get(name) as number) + 1);
  return ranks;
}

export const eva = defineMethod({
  name: 'eva',
  title: 'EVA',
  reference: 'Paischer et al. 2024, algorithm 1',
  measures: 'activations',
  options,
  check: checkSameRank,
  prepare: (measure, o) => measure.inputs(o).activations,
  init: ({ model, targets }, { rank, alpha, rho }, measured) => {
    const found = new Map(
      targets.map((layer): [string, InputComponents] => {
        const own = measured.get(layer.name);
        if (!own) throw new UserError(`EVA needs the inputs of ${layer.name} measured, and none were`);
        return [layer.name, own];
      }),
    );
    const ratios = new Map(Array.from(found, ([name, own]) => [name, own.ratios]));
    const ranks = distributeRanks(targets, ratios, rank, rho);
    const layers = targets.flatMap((layer) => {
      const own = ranks.get(layer.name) as number;
      if (own === 0) return [];
      const { components } = found.get(layer.name) as InputComponents;
      return [initOf(layer, own, alpha / rank, components.slice(0, own * layer.in))];
    });
    const explained = new Map(Array.from(ratios, ([name, own]) => [name, own.reduce((a, b) => a + b, 0)]));
    return new LoraAdapters(model, layers, { method: 'eva', importances: explained, notes: { rho } });
  },
});

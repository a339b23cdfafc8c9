/**
 * GoRA's ranks from importances (paper §3.2): advantage a = I/ΣI, budget b = Σ f(in+out)·r_ref,
 * r = clip(⌊b·a / f(in+out)⌋, r_min, r_max). Pure functions on numbers.
 */
import { UserError } from '../../errors';

export interface LayerShape {
  readonly name: string;
  readonly in: number;
  readonly out: number;
}

/** f of in+out: `sqrt` is the paper's, `identity` what the authors' scripts run. */
export const features = { sqrt: Math.sqrt, identity: (n: number) => n, log1p: Math.log1p } as const;
export type Feature = keyof typeof features;

/** `floor` is the authors' code; `remainder` (largest remainder, keeps the budget) is a deviation from the paper. */
export const roundings = ['floor', 'round', 'ceil', 'remainder'] as const;
export type Rounding = (typeof roundings)[number];

export interface AllocationOptions {
  readonly rank: number;
  readonly minRank: number;
  readonly maxRank: number;
  readonly feature: Feature;
  readonly rounding: Rounding;
  readonly share: 'linear' | 'softmax';
  /** Softmax temperature over importances scaled to [0, 1]. */
  readonly temperature: number;
}

/** Shares of the budget, summing to 1. Equal shares when every importance is 0. */
export function advantages(importances: readonly number[], options: Pick<AllocationOptions, 'share' | 'temperature'>) {
  const bad = importances.find((v) => !Number.isFinite(v) || v < 0);
  if (bad !== undefined) throw new UserError(`importances must be finite and not negative, found ${bad}`);
  const low = Math.min(...importances);
  const span = Math.max(...importances) - low;
  const raised =
    options.share === 'linear'
      ? importances
      : importances.map((v) => Math.exp((span > 0 ? (v - low) / span : 0) / options.temperature));
  const total = raised.reduce((a, b) => a + b, 0);
  return raised.map((v) => (total > 0 ? v / total : 1 / raised.length));
}

/** Ranks before rounding and clamping: b·a / f. Σ f·r equals the budget exactly. */
export function realRanks(layers: readonly LayerShape[], shares: readonly number[], rank: number, feature: Feature) {
  const cost = layers.map((layer) => features[feature](layer.in + layer.out));
  const budget = cost.reduce((sum, c) => sum + c * rank, 0);
  return shares.map((share, i) => (budget * share) / cost[i]);
}

/**
 * Integer ranks within [minRank, maxRank] and each layer's own size. Layers keep their order.
 * A rank of 0 is possible only with minRank 0 and means: no adapter on that layer.
 */
export function allocateRanks(
  layers: readonly LayerShape[],
  importances: readonly number[],
  options: AllocationOptions,
): number[] {
  const { rank, minRank, maxRank, feature, rounding } = options;
  if (minRank > maxRank) throw new UserError(`minRank ${minRank} is above maxRank ${maxRank}`);
  const real = realRanks(layers, advantages(importances, options), rank, feature);
  const clamp = (r: number, i: number) => Math.min(Math.max(r, minRank), maxRank, layers[i].in, layers[i].out);
  if (rounding !== 'remainder') {
    // 1e-9: budget·share/cost of equal importances must not fall below the reference rank by rounding
    const round = {
      floor: (x: number) => Math.floor(x + 1e-9),
      round: Math.round,
      ceil: (x: number) => Math.ceil(x - 1e-9),
    };
    return real.map((r, i) => clamp(round[rounding](r), i));
  }
  return largestRemainder(layers, real, rank, feature, clamp);
}

/** Floors first, then hands single ranks to the largest remainders while the parameter budget lasts. */
function largestRemainder(
  layers: readonly LayerShape[],
  real: readonly number[],
  rank: number,
  feature: Feature,
  clamp: (r: number, i: number) => number,
): number[] {
  const cost = layers.map((layer) => features[feature](layer.in + layer.out));
  const ranks = real.map((r, i) => clamp(Math.floor(r + 1e-9), i));
  let left = cost.reduce((sum, c, i) => sum + c * (rank - ranks[i]), 0);
  const order = real.map((_, i) => i);
  for (let moved = true; moved; ) {
    moved = false;
    order.sort((i, j) => real[j] - ranks[j] - (real[i] - ranks[i]) || i - j);
    for (const i of order) {
      if (cost[i] > left + 1e-9 || clamp(ranks[i] + 1, i) === ranks[i]) continue;
      ranks[i] += 1;
      left -= cost[i];
      moved = true;
      break;
    }
  }
  return ranks;
}

/** Parameters of adapters with these ranks: Σ r·(in + out). */
export function adapterParameters(layers: readonly LayerShape[], ranks: readonly number[]): number {
  return layers.reduce((sum, layer, i) => sum + ranks[i] * (layer.in + layer.out), 0);
}

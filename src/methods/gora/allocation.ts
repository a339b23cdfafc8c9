/**
 * GoRA's ranks from importances (paper §3.2): advantage a = I/ΣI, budget b = Σ f(in+out)·r_ref,
 * r = clip(⌊b·a / f(in+out)⌋, r_min, r_max). Pure functions on numbers.
 *
 * `floor` divides exactly and then rounds down. The authors' code rounds b·a first (Python's round, half to even)
 * and floor-divides by f, whatever rounding was asked for: `authors`. The two differ only where b·a/f lies
 * within 0.5/f of an integer. No budget is handed on after clipping, as in both.
 */
import { UserError } from '../../errors';
import type { Score } from './importance';

export interface LayerShape {
  readonly name: string;
  readonly in: number;
  readonly out: number;
}

/** f of in+out: `sqrt` is the paper's, `identity` what the authors' scripts run. */
export const features = { sqrt: Math.sqrt, identity: (n: number) => n, log1p: Math.log1p } as const;
export type Feature = keyof typeof features;

/** `remainder` (largest remainder, keeps the budget) is a deviation from the paper. */
export const roundings = ['floor', 'round', 'ceil', 'remainder', 'authors'] as const;
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

type ShareOptions = Pick<AllocationOptions, 'share' | 'temperature'>;

/** Shares of the budget, summing to 1. Pairs are normalised each and averaged. */
export function advantages(scores: readonly Score[], options: ShareOptions): number[] {
  if (scores.every((score): score is number => typeof score === 'number')) return normalise(scores, options);
  const [first, second] = [0, 1].map((k) =>
    normalise(
      scores.map((score) => (typeof score === 'number' ? score : score[k])),
      options,
    ),
  );
  return first.map((share, i) => 0.5 * share + 0.5 * second[i]);
}

/** Equal shares when every importance is 0. */
function normalise(importances: readonly number[], { share, temperature }: ShareOptions): number[] {
  const bad = importances.find((v) => !Number.isFinite(v) || (v < 0 && share === 'linear'));
  if (bad !== undefined) {
    throw new UserError(`importances must be finite and not negative, found ${bad}. Negative ones need share softmax`);
  }
  const low = Math.min(...importances);
  const span = Math.max(...importances) - low;
  const raised =
    share === 'linear'
      ? importances
      : importances.map((v) => Math.exp(((span > 0 ? (v - low) / span : 0) - 1) / temperature));
  const total = raised.reduce((a, b) => a + b, 0);
  return raised.map((v) => (total > 0 ? v / total : 1 / raised.length));
}

/** Cost of one rank of each layer. */
const costs = (layers: readonly LayerShape[], feature: Feature) =>
  layers.map((layer) => features[feature](layer.in + layer.out));

/** Ranks before rounding and clamping: b·a / f. Σ f·r equals the budget exactly. */
export function realRanks(layers: readonly LayerShape[], shares: readonly number[], rank: number, feature: Feature) {
  const cost = costs(layers, feature);
  const budget = cost.reduce((sum, c) => sum + c * rank, 0);
  return shares.map((share, i) => (budget * share) / cost[i]);
}

/** To the nearest integer, halves to the even one. */
function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

// 1e-9: budget·share/cost of equal importances must not fall below the reference rank by rounding
const roundRank: Record<Exclude<Rounding, 'remainder'>, (real: number, cost: number) => number> = {
  floor: (real) => Math.floor(real + 1e-9),
  round: (real) => Math.round(real),
  ceil: (real) => Math.ceil(real - 1e-9),
  authors: (real, cost) => Math.floor(roundHalfEven(real * cost) / cost),
};

/**
 * Integer ranks within [minRank, maxRank] and each layer's own size. Layers keep their order.
 * A rank of 0 is possible only with minRank 0 and means: no adapter on that layer.
 */
export function allocateRanks(
  layers: readonly LayerShape[],
  importances: readonly Score[],
  options: AllocationOptions,
): number[] {
  const { rank, minRank, maxRank, feature, rounding } = options;
  if (minRank > maxRank) throw new UserError(`minRank ${minRank} is above maxRank ${maxRank}`);
  const real = realRanks(layers, advantages(importances, options), rank, feature);
  const clamp = (r: number, i: number) => Math.min(Math.max(r, minRank), maxRank, layers[i].in, layers[i].out);
  const cost = costs(layers, feature);
  if (rounding !== 'remainder') return real.map((r, i) => clamp(roundRank[rounding](r, cost[i]), i));
  return largestRemainder(real, cost, rank, clamp);
}

/**
 * Floors first. Then takes single ranks from where clamping gave too much until the budget holds, and hands
 * single ranks to the largest remainders while it lasts.
 */
function largestRemainder(
  real: readonly number[],
  cost: readonly number[],
  rank: number,
  clamp: (r: number, i: number) => number,
): number[] {
  const ranks = real.map((r, i) => clamp(Math.floor(r + 1e-9), i));
  let left = cost.reduce((sum, c, i) => sum + c * (rank - ranks[i]), 0);
  const missing = (i: number) => real[i] - ranks[i];
  const order = real.map((_, i) => i);
  const move = (step: 1 | -1) => {
    order.sort((i, j) => step * (missing(j) - missing(i)) || i - j);
    const fits = (i: number) => step < 0 || cost[i] <= left + 1e-9;
    const chosen = order.find((i) => fits(i) && clamp(ranks[i] + step, i) === ranks[i] + step);
    if (chosen === undefined) return false;
    ranks[chosen] += step;
    left -= step * cost[chosen];
    return true;
  };
  while (left < -1e-9 && move(-1));
  while (move(1));
  return ranks;
}

/** Parameters of adapters with these ranks: Σ r·(in + out). */
export function adapterParameters(layers: readonly LayerShape[], ranks: readonly number[]): number {
  return layers.reduce((sum, layer, i) => sum + ranks[i] * (layer.in + layer.out), 0);
}

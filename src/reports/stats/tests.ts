/** Comparing two methods on the same seeds or tasks: intervals, paired tests, correction for many comparisons. */
import { UserError } from '../../errors';
import { mean, ranksOf, sd } from './describe';
import { normalSurvival, tQuantile, tSurvival } from './distributions';

/** Mean with its spread and interval; `sd`, `low` and `high` are null for one value. */
export interface Summary {
  readonly n: number;
  readonly mean: number;
  readonly sd: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Mean, sample sd and the t interval of the mean at `level` (0.95). */
export function summarise(values: readonly number[], level = 0.95): Summary {
  const [centre, spread] = [mean(values), sd(values)];
  if (spread === null) return { n: values.length, mean: centre, sd: null, low: null, high: null };
  const half = (tQuantile(0.5 + level / 2, values.length - 1) * spread) / Math.sqrt(values.length);
  return { n: values.length, mean: centre, sd: spread, low: centre - half, high: centre + half };
}

function differences(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length || a.length === 0) {
    throw new UserError(`a paired test needs two lists of one length, not ${a.length} and ${b.length}`);
  }
  return a.map((value, i) => value - b[i]);
}

/** Result of a paired t test of a − b. `t` and `p` are null for one pair and for equal differences. */
export interface PairedT extends Summary {
  readonly t: number | null;
  readonly p: number | null;
}

/**
 * Two-sided paired t test with the 95 % interval of the mean difference a − b.
 * Where all differences are the same number their spread is 0 and the test has no meaning: p is null.
 */
export function pairedT(a: readonly number[], b: readonly number[]): PairedT {
  const summary = summarise(differences(a, b));
  const rounding = 1e-13 * Math.max(...a.map(Math.abs), ...b.map(Math.abs));
  if (summary.sd === null || summary.sd <= rounding) return { ...summary, t: null, p: null };
  const t = summary.mean / (summary.sd / Math.sqrt(summary.n));
  return { ...summary, t, p: 2 * tSurvival(Math.abs(t), summary.n - 1) };
}

export interface Wilcoxon {
  /** The smaller of the two rank sums. */
  readonly statistic: number;
  /** Pairs that differ. */
  readonly n: number;
  /** Two-sided; null when no pair differs. */
  readonly p: number | null;
  readonly exact: boolean;
}

const exactUpTo = 50;

/**
 * Wilcoxon's signed-rank test, two-sided. Zero differences are dropped, ties share average ranks. Up to 50
 * differing pairs the distribution over all sign patterns is counted exactly, ties included; beyond that the normal
 * approximation with tie correction and no continuity correction.
 */
export function wilcoxon(a: readonly number[], b: readonly number[]): Wilcoxon {
  const diffs = differences(a, b).filter((d) => d !== 0);
  const n = diffs.length;
  if (n === 0) return { statistic: 0, n, p: null, exact: true };
  const ranks = ranksOf(diffs.map(Math.abs));
  const plus = ranks.reduce((sum, rank, i) => sum + (diffs[i] > 0 ? rank : 0), 0);
  const total = (n * (n + 1)) / 2;
  const statistic = Math.min(plus, total - plus);
  if (n <= exactUpTo) {
    // chance[w] that the doubled rank sum is w: doubling makes tied ranks whole numbers
    const chance = new Float64Array(2 * total + 1);
    chance[0] = 1;
    for (const rank of ranks) {
      for (let w = chance.length - 1; w >= 0; w--) {
        chance[w] = (chance[w] + (w >= 2 * rank ? chance[w - 2 * rank] : 0)) / 2;
      }
    }
    const tail = chance.subarray(0, 2 * statistic + 1).reduce((sum, c) => sum + c, 0);
    return { statistic, n, p: Math.min(1, 2 * tail), exact: true };
  }
  const variance = ranks.reduce((sum, rank) => sum + rank * rank, 0) / 4;
  const z = (total / 2 - statistic) / Math.sqrt(variance);
  return { statistic, n, p: Math.min(1, 2 * normalSurvival(z)), exact: false };
}

/** Holm's step-down correction, in the order given. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((i, j) => p[i] - p[j]);
  const corrected = new Array<number>(p.length);
  let highest = 0;
  order.forEach((index, step) => {
    highest = Math.max(highest, Math.min(1, p[index] * (p.length - step)));
    corrected[index] = highest;
  });
  return corrected;
}

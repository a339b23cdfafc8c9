import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  averageRanks,
  holm,
  mean,
  median,
  normalSurvival,
  pairedT,
  quantile,
  ranksOf,
  sd,
  spearman,
  summarise,
  tCdf,
  tQuantile,
  tSurvival,
  wilcoxon,
} from '../../src/reports/stats';

const golden = JSON.parse(readFileSync(join(__dirname, '../fixtures/stats.json'), 'utf8'));

function close(actual: number | null, expected: number, tolerance: number, what: string): void {
  assert.ok(actual !== null && Number.isFinite(actual), `${what}: ${actual}`);
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-300);
  assert.ok(error <= tolerance || actual === expected, `${what}: ${actual} instead of ${expected} (off by ${error})`);
}

test('mean, sd, quantiles, interval and ranks equal numpy and scipy', () => {
  for (const g of golden.describe) {
    close(mean(g.x), g.mean, 1e-13, 'mean');
    close(median(g.x), g.median, 1e-14, 'median');
    for (const [q, value] of Object.entries<number>(g.quantiles))
      close(quantile(g.x, Number(q)), value, 1e-13, `q${q}`);
    assert.deepEqual(ranksOf(g.x), g.ranks);
    if (g.sd === null) {
      assert.deepEqual(summarise(g.x), { n: 1, mean: g.mean, sd: null, low: null, high: null });
    } else {
      close(sd(g.x), g.sd, 1e-9, 'sd'); // 1e8 ± 1e-3 leaves numpy itself few digits
      const { low, high } = summarise(g.x);
      close(low, g.interval[0], 1e-12, 'low');
      close(high, g.interval[1], 1e-12, 'high');
    }
  }
});

test('the standard deviation of equal values is exactly 0', () => {
  assert.equal(sd([0.1, 0.1, 0.1]), 0);
});

test("Student's t and the normal tail equal scipy, in the far tails too", () => {
  for (const [t, df, value] of golden.t_cdf) close(tCdf(t, df), value, 1e-11, `cdf(${t}, ${df})`);
  for (const [t, df, value] of golden.t_sf) close(tSurvival(t, df), value, 1e-11, `sf(${t}, ${df})`);
  for (const [p, df, value] of golden.t_quantile) close(tQuantile(p, df), value, 1e-10, `quantile(${p}, ${df})`);
  for (const [z, value] of golden.normal_sf) close(normalSurvival(z), value, 1e-13, `normal(${z})`);
});

test('paired t test equals scipy', () => {
  for (const g of golden.paired_t) {
    const result = pairedT(g.a, g.b);
    close(result.t, g.t, 1e-12, 't');
    close(result.p, g.p, 1e-11, 'p');
    close(result.low, g.low, 1e-11, 'low');
    close(result.high, g.high, 1e-11, 'high');
  }
});

test('paired t test has no p for one pair or for equal differences', () => {
  assert.equal(pairedT([2], [1]).p, null);
  assert.equal(pairedT([2, 3, 4], [1, 2, 3]).p, null);
  assert.equal(pairedT([2, 3, 4], [1, 2, 3]).mean, 1);
  assert.equal(pairedT([0.3, 0.4, 0.7], [0.1, 0.2, 0.5]).p, null, 'equal up to rounding');
});

test('Wilcoxon is exact as in scipy, and with ties and zeros as by enumeration', () => {
  for (const g of [...golden.wilcoxon_exact, ...golden.wilcoxon_ties]) {
    const result = wilcoxon(g.a, g.b);
    assert.equal(result.exact, true);
    assert.equal(result.n, g.n);
    close(result.statistic, g.statistic, 1e-15, 'statistic');
    close(result.p, g.p, 1e-12, `p (n = ${g.n})`);
  }
  for (const g of golden.wilcoxon_normal) {
    const result = wilcoxon(g.a, g.b);
    assert.equal(result.exact, false);
    close(result.statistic, g.statistic, 1e-15, 'statistic');
    close(result.p, g.p, 1e-11, 'p');
  }
  assert.equal(wilcoxon([1, 2], [1, 2]).p, null);
});

test('Holm keeps the order given, never falls, never exceeds 1', () => {
  for (const g of golden.holm) for (const [i, p] of holm(g.p).entries()) close(p, g.corrected[i], 1e-14, 'holm');
  assert.deepEqual(holm([]), []);
});

test('Spearman equals scipy; a constant has none', () => {
  for (const g of golden.spearman) close(spearman(g.x, g.y), g.rho, 1e-13, 'rho');
  assert.equal(spearman([1, 1, 1], [1, 2, 3]), null);
});

test('average rank over tasks: best is 1, direction per task, ties shared', () => {
  const scores = [
    [90, 80, 80],
    [0.5, 0.1, 0.9],
  ];
  assert.deepEqual(averageRanks(scores, [true, false]), [1.5, 1.75, 2.75]);
});

test('bad input is named', () => {
  assert.throws(() => mean([]), /mean of no values/);
  assert.throws(() => quantile([1], 2), /between 0 and 1/);
  assert.throws(() => pairedT([1], [1, 2]), /one length, not 1 and 2/);
  assert.throws(() => tQuantile(1, 3), /strictly between/);
  assert.throws(() => tCdf(1, 0), /degrees of freedom/);
});

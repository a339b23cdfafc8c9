/** Ranks from importances: the documented example and the invariants, over random shapes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AllocationOptions,
  adapterParameters,
  advantages,
  allocateRanks,
  features,
  type LayerShape,
  realRanks,
  roundings,
} from '../../../src/methods/gora/allocation';
import { Random } from '../../../src/tensor/random';

const paper: AllocationOptions = {
  rank: 8,
  minRank: 4,
  maxRank: 32,
  feature: 'sqrt',
  rounding: 'floor',
  share: 'linear',
  temperature: 0.5,
};

/** q, k, v, o of an 8B Llama and their published-style importances. */
const layers: LayerShape[] = [
  { name: 'q', in: 4096, out: 4096 },
  { name: 'k', in: 4096, out: 1024 },
  { name: 'v', in: 4096, out: 1024 },
  { name: 'o', in: 4096, out: 4096 },
];
const importances = [0.9, 1.4, 4.1, 1.6];
const ranks = (options: Partial<AllocationOptions>, scores: readonly number[] = importances) =>
  allocateRanks(layers, scores, { ...paper, ...options });

test('the worked example: √ gives 4/6/18/5, identity 4/7/21/5, in the paper’s and the authors’ order of rounding', () => {
  const real = realRanks(layers, advantages(importances, paper), 8, 'sqrt');
  for (const [i, v] of [3.223, 6.342, 18.572, 5.73].entries()) assert.ok(Math.abs(real[i] - v) < 5e-4, `${real[i]}`);
  for (const rounding of ['floor', 'authors'] as const) {
    assert.deepEqual(ranks({ rounding }), [4, 6, 18, 5]);
    assert.deepEqual(ranks({ rounding, feature: 'identity' }), [4, 7, 21, 5]);
  }
  assert.deepEqual(ranks({ rounding: 'round' }), [4, 6, 19, 6]);
  assert.deepEqual(ranks({ rounding: 'ceil' }), [4, 7, 19, 6]);
  assert.deepEqual(ranks({ feature: 'identity', minRank: 0 }), [2, 7, 21, 5]);
});

test('the authors’ order rounds b·a first, so it can fall one below an exact division', () => {
  // 8·√(in+out) = 724.08 rounds to 724, and 724 // 90.51 = 7
  assert.deepEqual(ranks({ rounding: 'authors' }, [1, 1, 1, 1])[0], 7);
  const equal = layers.map((layer) => Math.sqrt(layer.in + layer.out));
  assert.deepEqual(ranks({ rounding: 'floor' }, equal), [8, 8, 8, 8]);
});

test('softmax over importances scaled to [0, 1], temperature 0.5', () => {
  const shares = advantages([1, 2, 3], { share: 'softmax', temperature: 0.5 });
  const raised = [0, 0.5, 1].map((v) => Math.exp(v / 0.5));
  const total = raised.reduce((a, b) => a + b);
  for (const [i, share] of shares.entries()) assert.ok(Math.abs(share - raised[i] / total) < 1e-12);
  const cold = advantages([-3, 0, 1e6], { share: 'softmax', temperature: 1e-4 });
  assert.deepEqual(cold.map(Math.round), [0, 0, 1]);
});

test('pairs of scores are normalised each, then averaged', () => {
  const shares = advantages(
    [
      [1, 30],
      [3, 10],
    ],
    paper,
  );
  assert.deepEqual(shares, [0.5 * 0.25 + 0.5 * 0.75, 0.5 * 0.75 + 0.5 * 0.25]);
});

test('invariants over random shapes and importances', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed, 'allocation');
    const n = 1 + random.int(12);
    const size = () => 8 * (1 + random.int(64));
    const shapes = Array.from({ length: n }, (_, i) => ({ name: `l${i}`, in: size(), out: size() }));
    const scores = shapes.map(() => random.uniform() ** 4);
    const rank = 1 + random.int(8);
    for (const feature of Object.keys(features) as (keyof typeof features)[]) {
      const cost = shapes.map((shape) => features[feature](shape.in + shape.out));
      const budget = cost.reduce((sum, c) => sum + c * rank, 0);
      const spend = (list: readonly number[]) => list.reduce((sum, r, i) => sum + r * cost[i], 0);
      const real = realRanks(shapes, advantages(scores, paper), rank, feature);
      assert.ok(Math.abs(spend(real) - budget) < 1e-6 * budget, 'before rounding the budget is met exactly');
      for (const rounding of roundings) {
        const options = { ...paper, rank, feature, rounding, minRank: Math.ceil(rank / 2), maxRank: 4 * rank };
        const found = allocateRanks(shapes, scores, options);
        found.forEach((r, i) => {
          assert.ok(Number.isInteger(r) && r >= 1 && r <= Math.min(options.maxRank, shapes[i].in, shapes[i].out));
          assert.ok(r >= Math.min(options.minRank, shapes[i].in, shapes[i].out));
        });
        const order = random.permutation(n);
        const permuted = allocateRanks(
          order.map((i) => shapes[i]),
          order.map((i) => scores[i]),
          options,
        );
        if (rounding !== 'remainder')
          assert.deepEqual(
            permuted,
            order.map((i) => found[i]),
            'permutation',
          );
        // scores in proportion to a layer's cost are equal advantages per rank
        if (rounding !== 'authors') assert.ok(allocateRanks(shapes, cost, options).every((r) => r === rank));
        const free = allocateRanks(shapes, scores, { ...options, minRank: 0, maxRank: 1e6 });
        if (rounding === 'remainder') {
          const least = spend(shapes.map((shape) => Math.min(options.minRank, shape.in, shape.out)));
          assert.ok(spend(found) <= Math.max(budget, least) * (1 + 1e-9) + 1e-6, 'budget holds after clamping');
        }
        if (rounding === 'floor' || rounding === 'remainder') assert.ok(spend(free) <= budget * (1 + 1e-9) + 1e-6);
      }
    }
  }
});

test('the largest remainder spends all but less than one rank of the budget', () => {
  const options = { ...paper, rounding: 'remainder' as const, feature: 'identity' as const };
  const found = allocateRanks(layers, importances, options);
  const budget = adapterParameters(layers, [8, 8, 8, 8]);
  const spent = adapterParameters(layers, found);
  assert.ok(spent <= budget && budget - spent < 4096 + 1024, `${spent} of ${budget}`);
});

test('all importances zero: everybody gets an equal share of the budget', () => {
  const same = Array.from({ length: 3 }, (_, i) => ({ name: `${i}`, in: 64, out: 64 }));
  assert.deepEqual(allocateRanks(same, [0, 0, 0], paper), [8, 8, 8]);
});

test('contradictions and unusable importances are refused', () => {
  assert.throws(() => ranks({ minRank: 9, maxRank: 8 }), /minRank 9 is above maxRank 8/);
  assert.throws(() => ranks({}, [1, Number.NaN, 1, 1]), /finite/);
  assert.throws(() => ranks({}, [1, -1, 1, 1]), /softmax/);
});

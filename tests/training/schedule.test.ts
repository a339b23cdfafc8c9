/** Warm-up and cosine decay against transformers' schedules under PyTorch (scripts/goldens/schedule.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCHEDULES, type Schedule, scheduleFactor } from '../../src/training/schedule';
import { fixture } from '../support/data';

const golden = fixture<{
  schedules: { steps: number; warmup: number; minLr: number; rates: Record<Schedule, number[]> };
}>('training.json');

interface Case {
  readonly steps: number;
  readonly warmup: number;
  readonly minLr: number;
  /** Steps of the warm-up. */
  readonly rising: number;
  /** Rates over the peak at the places 0 … steps of their schedule over steps − 1. */
  readonly rates: readonly number[];
}
const { cases } = fixture<{ cases: Case[] }>('schedule.json');

for (const { steps, warmup, minLr, rising, rates } of cases) {
  test(`${steps} steps, warm-up ${warmup}, floor ${minLr}: every rate is theirs`, () => {
    for (let step = 1; step <= steps; step++) {
      const factor = scheduleFactor(step, steps, warmup, minLr);
      const theirs = rates[step <= rising ? step : step - 1];
      assert.ok(Math.abs(factor - theirs) < 1e-12, `step ${step}: ${factor}, not ${theirs}`);
    }
  });
}

test('half-way down a cosine has lost half of the rate, a quarter of the way 15 %', () => {
  // cos(π/4) = 0.7071: (1 + 0.7071)/2 = 0.8536; a straight line would have 0.75
  const at = (step: number, minLr = 0) => scheduleFactor(step, 41, 0, minLr);
  assert.deepEqual(
    [at(1), at(11), at(21), at(31), at(41)].map((v) => Number(v.toFixed(4))),
    [1, 0.8536, 0.5, 0.1464, 0],
  );
  assert.ok(Math.abs(at(11, 0.2) - (0.2 + 0.8 * 0.853553)) < 1e-6);
});

test('the warm-up rises in equal steps to the peak, which the first step after it has too', () => {
  const factors = Array.from({ length: 12 }, (_, i) => scheduleFactor(i + 1, 100, 0.1, 0.2));
  assert.deepEqual(factors.slice(0, 11), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1]);
  assert.ok(factors[11] < 1);
  assert.equal(scheduleFactor(1, 1, 0, 0), 1, 'a run of one step takes the peak');
});

for (const schedule of SCHEDULES) {
  test(`${schedule}: the rates of PyTorch's schedulers`, () => {
    const { steps, warmup, minLr, rates } = golden.schedules;
    rates[schedule].forEach((rate, i) => {
      const own = scheduleFactor(i + 1, steps, warmup, minLr, schedule);
      assert.ok(Math.abs(own - rate) < 1e-9, `step ${i + 1}: ${own} against ${rate}`);
    });
  });
}

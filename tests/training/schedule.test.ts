import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SCHEDULES, type Schedule, scheduleFactor } from '../../src/training/schedule';

const golden = JSON.parse(readFileSync(join(__dirname, '../fixtures/training.json'), 'utf8')) as {
  schedules: { steps: number; warmup: number; minLr: number; rates: Record<Schedule, number[]> };
};

test('rises over the warm-up, peaks at 1, falls to the floor on the last step', () => {
  const factors = Array.from({ length: 100 }, (_, i) => scheduleFactor(i + 1, 100, 0.1, 0.2));
  assert.equal(factors[0], 0.1);
  assert.equal(factors[9], 1);
  assert.equal(factors[10], 1);
  assert.ok(Math.abs(factors[99] - 0.2) < 1e-12);
  for (let i = 11; i < 100; i++) assert.ok(factors[i] < factors[i - 1]);
});

test('works without warm-up, with warm-up alone, and with one step', () => {
  assert.equal(scheduleFactor(1, 10, 0, 0), 1);
  assert.equal(scheduleFactor(10, 10, 1, 0), 1);
  assert.equal(scheduleFactor(1, 1, 0, 0), 1);
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleFactor } from '../../src/training/schedule';

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

import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Check, showChecks } from '../../src/notebook/checks';
import { shownBy } from './support';

test('checks that hold are shown with both numbers', async () => {
  const text = await shownBy(() =>
    showChecks('Step 2', [
      { what: 'importance', kit: 0.12345678, formula: 0.12345679 },
      { what: 'parameters', kit: 90, atMost: 90 },
    ]),
  );
  assert.match(text, /^Step 2\n/);
  assert.match(text, /importance +0\.1234568 +0\.1234568 +1\.0e-8 \(allowed 1\.2e-6\) +yes/);
  assert.match(text, /parameters +90 +≤ 90 +yes/);
});

const broken: readonly [string, Check][] = [
  ['too far from the formula', { what: 'x', kit: 1.0001, formula: 1 }],
  ['not zero', { what: 'x', kit: 1e-12, formula: 0 }],
  ['above its scale', { what: 'x', kit: 1e-3, formula: 0, scale: 10 }],
  ['above the bound', { what: 'x', kit: 91, atMost: 90 }],
  ['not a number', { what: 'x', kit: Number.NaN, formula: 1, within: 10 }],
  ['not a number under a bound', { what: 'x', kit: Number.NaN, atMost: 90 }],
];
for (const [why, check] of broken) {
  test(`a check fails: ${why}`, async () => {
    await shownBy(() => {
      assert.throws(() => showChecks('', [{ what: 'fine', kit: 1, formula: 1 }, check]), /does not hold: x$/);
    });
  });
}

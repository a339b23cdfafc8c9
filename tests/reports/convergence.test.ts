/** Steps to the baseline's final loss: closed forms, pairing by seed, runs that never get there, seconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRecord } from '../../src/experiments/record';
import { convergence, convergenceTable, stepReaching } from '../../src/reports/convergence';
import { assertClose } from '../support/close';
import { record } from './records';

/** A record whose loss falls from 2 by `pace` a step. */
function falling(method: string, seed: number, pace: number, steps = 100, task = 'digits'): RunRecord {
  const step = Array.from({ length: steps }, (_, i) => i + 1);
  return {
    ...record({ method, seed, task }),
    curve: { step, loss: step.map((t) => 2 - pace * t), lr: step.map(() => 1e-3) },
  };
}

test('the first step at or below the target; null when none is', () => {
  const curve = { step: [10, 20, 30], loss: [3, 2, 1], lr: [0, 0, 0] };
  assert.equal(stepReaching(curve, 2, 0), 20);
  assert.equal(stepReaching(curve, 1.9, 0), 30);
  assert.equal(stepReaching(curve, 0.9, 0), null);
  // low before the peak does not count: 1 and 2 come before 5
  assert.equal(stepReaching({ step: [1, 2, 3, 4, 5], loss: [1, 2, 5, 3, 2], lr: [] }, 2, 0), 5);
  // smoothed with β = 0.5: 3, 7/3, 11/7
  assert.equal(stepReaching(curve, 2, 0.5), 30);
});

test('a loss that falls k times as fast gets there in 1/k of the steps', () => {
  const records = [1, 2].flatMap((seed) => [
    falling('lora', seed, 0.01),
    falling('gora', seed, 0.02),
    falling('lora-ga', seed, 0.04),
    falling('dora', seed, 0.005),
  ]);
  const found = new Map(convergence(records, { smoothing: 0 }).map((one) => [one.method, one.runs]));
  assert.deepEqual(
    ['lora', 'gora', 'lora-ga', 'dora'].map((method) => found.get(method)!.map((run) => run.step)),
    [
      [100, 100],
      [50, 50],
      [25, 25],
      [null, null],
    ],
  );
  const table = convergenceTable(records, { smoothing: 0 });
  const row = (name: string) => table.rows.find(([cell]) => cell.text === name)!;
  assert.deepEqual(
    row('GoRA').map((cell) => cell.text),
    ['GoRA', '0.000 ± 0.000', '2 of 2', '50 ± 0', '2.00 ± 0.00', '2 of 2', '25 ± 0', '2.00 ± 0.00'],
  );
  assert.deepEqual(row('LoRA-GA')[4].numbers, [4, 0, 2]);
  assert.deepEqual(
    row('DoRA').map((cell) => cell.text),
    ['DoRA', '1.500 ± 0.000', '0 of 2', '–', '–', '2 of 2', '100 ± 0', '0.50 ± 0.00'],
  );
  assert.match(table.notes.join(' '), /those that did/);
});

test('every run is set beside the baseline of its own seed; seeds without one are left out', () => {
  const records = [
    falling('lora', 1, 0.01),
    falling('lora', 2, 0.005),
    falling('gora', 2, 0.01),
    falling('gora', 7, 0.01),
  ];
  const gora = convergence(records, { smoothing: 0 }).find((one) => one.method === 'gora')!;
  assert.equal(gora.runs.length, 1);
  assert.equal(gora.runs[0].seed, 2);
  assert.equal(gora.runs[0].step, 50);
  assert.deepEqual(gora.runs[0].records, ['digits-gora-s2-00000000', 'digits-lora-s2-00000000']);
});

test('the ratio is the mean of the seeds’ ratios, and one seed has no ±', () => {
  const records = [
    falling('lora', 1, 0.01),
    falling('lora', 2, 0.01),
    falling('gora', 1, 0.02),
    falling('gora', 2, 0.04),
  ];
  const table = convergenceTable(records, { smoothing: 0 });
  const gora = table.rows.find(([cell]) => cell.text === 'GoRA')!;
  assertClose(gora[4].numbers as number[], [3, Math.SQRT2, 2], 1e-12, 'ratios 2 and 4');
  const single = convergenceTable(
    records.filter(({ spec }) => spec.seed === 1),
    { smoothing: 0 },
  );
  assert.equal(single.rows.find(([cell]) => cell.text === 'GoRA')![3].text, '50');
});

test('seconds hold the preparation; a method without times has none', () => {
  const records = [falling('lora', 1, 0.01), falling('gora', 1, 0.02)];
  const times = new Map([['gora', { step: 20, preparation: 1000 }]]);
  const table = convergenceTable(records, { smoothing: 0, times });
  const seconds = (name: string) => table.rows.find(([cell]) => cell.text === name)![5];
  assert.equal(table.columns[5].title, 'seconds');
  assert.deepEqual(seconds('GoRA').numbers, [2, null, 1]);
  assert.equal(seconds('LoRA').text, '–');
  assert.match(table.notes.join(' '), /bench\/methods/);
});

test('several cases: a column for them, and a case without the baseline is left out', () => {
  const records = [
    falling('lora', 1, 0.01, 100, 'a'),
    falling('gora', 1, 0.02, 100, 'a'),
    falling('gora', 1, 0.02, 100, 'b'),
  ];
  const table = convergenceTable(records, { smoothing: 0 });
  assert.equal(table.columns[0].title, 'Case');
  assert.deepEqual([...new Set(table.rows.map(([cell]) => cell.text))], ['a']);
});

/** Agreement of ranks: hand-made correlations, tables between seeds and tasks, means by kind of matrix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRecord } from '../../src/experiments/record';
import {
  agreement,
  layerCorrelation,
  rankAgreementTable,
  rankTypeTable,
  taskAgreementTable,
} from '../../src/reports/rank-agreement';
import { assertClose } from '../support/close';
import { record } from './records';

const layers = ['blocks.0.q', 'blocks.0.v', 'blocks.1.q', 'blocks.1.v'];
const ranks = (...values: number[]) => Object.fromEntries(layers.map((layer, i) => [layer, values[i]]));

const run = (seed: number, values: number[], task = 'digits', method = 'gora'): RunRecord => ({
  ...record({ task, method, seed, ranks: ranks(...values) }),
  importances: ranks(...values.map((v) => v ** 2)),
});

test('correlation over the common layers, whatever their order', () => {
  assert.equal(layerCorrelation(ranks(4, 8, 16, 32), ranks(5, 6, 7, 9)), 1);
  assert.equal(layerCorrelation(ranks(4, 8, 16, 32), ranks(9, 7, 6, 5)), -1);
  assert.equal(layerCorrelation({ b: 1, a: 2, c: 3 }, { c: 30, a: 20, b: 10, d: 0 }), 1);
  assert.equal(layerCorrelation(ranks(8, 8, 8, 8), ranks(1, 2, 3, 4)), null, 'constant ranks have no order');
  assert.equal(layerCorrelation({ a: 1 }, { a: 1 }), null);
});

test('all pairs of runs count once', () => {
  // Spearman: (1,2) 1, (1,3) −1, (2,3) −1
  const found = agreement([ranks(1, 2, 3, 4), ranks(1, 2, 3, 5), ranks(4, 3, 2, 1)])!;
  assert.equal(found.pairs, 3);
  assertClose([found.mean!, found.low!, found.high!], [-1 / 3, -1, 1], 1e-12, 'correlations');
  // same values: 3 of 4 layers, none, none
  assertClose([found.same], [0.25], 1e-12, 'same');
  assert.equal(agreement([ranks(1, 2, 3, 4)]), null);
});

test('the table has a row for every method that chooses ranks, with its records', () => {
  const records = [
    run(1, [4, 8, 6, 32]),
    run(2, [4, 9, 6, 30]),
    run(1, [8, 8, 8, 8], 'digits', 'lora'),
    run(2, [8, 8, 8, 8], 'digits', 'lora'),
    { ...run(1, [0, 0, 0, 0], 'digits', 'full'), ranks: null },
  ];
  const table = rankAgreementTable(records)!;
  assert.deepEqual(
    table.rows.map((row) => row.map((cell) => cell.text)),
    [['GoRA', 'digits', '2', '1.00', '50', '1.00']],
  );
  assert.deepEqual(table.rows[0][3].records, ['digits-gora-s1-00000000', 'digits-gora-s2-00000000']);
  assert.equal(rankAgreementTable([records[0]]), null, 'one seed agrees with nobody');
});

test('between tasks: the means over seeds, only on one model', () => {
  const a = [run(1, [4, 8, 6, 32], 'a'), run(2, [6, 8, 4, 32], 'a')];
  const b = [run(1, [5, 9, 5, 20], 'b'), run(2, [5, 9, 5, 22], 'b')];
  const table = taskAgreementTable([...a, ...b])!;
  // means 5 8 5 32 and 5 9 5 21: the same order with the same tie
  assert.deepEqual(
    table.rows.map((row) => row[1].text),
    ['a and b'],
  );
  assert.deepEqual(table.rows[0][2].numbers, [1]);
  const other = b.map((one) => ({ ...one, spec: { ...one.spec, model: 'other' } }));
  assert.equal(taskAgreementTable([...a, ...other]), null);
});

test('mean rank by kind of matrix: over blocks, then over seeds', () => {
  const table = rankTypeTable([run(1, [4, 8, 6, 32]), run(2, [4, 10, 8, 32])])!;
  assert.deepEqual(
    table.rows.map((row) => row.map((cell) => cell.text)),
    [
      ['q', '5.50 ± 0.71'],
      ['v', '20.50 ± 0.71'],
    ],
  );
});

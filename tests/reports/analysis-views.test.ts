/** Views of the analyses: what they make of hand-made outcomes, and that plans name only views that exist. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Plan } from '../../src/experiments/plan';
import type { Outcome, PlanResult } from '../../src/experiments/plan-runs';
import { allPlans } from '../../src/experiments/plans';
import type { RunRecord } from '../../src/experiments/record';
import { lossCurves, renderFigure } from '../../src/reports';
import { learningRateCurves } from '../../src/reports/charts/learning-rates';
import { figureViews, planFigures, planTables, tableViews } from '../../src/reports/views';
import { assertClose } from '../support/close';
import { decoderRanks, record } from './records';

const outcome = (variant: string, where: string, one: RunRecord): Outcome => ({ variant, case: where, record: one });
const result = (outcomes: Outcome[]): PlanResult => ({ outcomes, learningRates: new Map(), tuning: [] });

const plan: Plan = {
  name: 'p',
  track: 'gora',
  title: 'p',
  task: 'digits',
  variants: [
    { label: 'lora', method: 'lora' },
    { label: 'gora', method: 'gora' },
  ],
  cases: [{ label: 'a' }, { label: 'b' }],
  seeds: [1, 2],
  grid: [],
  tuningSeed: 9,
};

const runs = ['a', 'b'].flatMap((where) =>
  [1, 2].flatMap((seed) => [
    outcome('lora', where, record({ task: where, seed })),
    outcome('gora', where, record({ task: where, method: 'gora', seed, ranks: decoderRanks(seed, 2) })),
  ]),
);

test('every plan names views that exist, and every view says what its files show', () => {
  for (const { name, view } of allPlans()) {
    for (const table of view?.tables ?? []) assert.ok(Object.hasOwn(tableViews, table), `${name}: ${table}`);
    for (const figure of view?.figures ?? []) assert.ok(Object.hasOwn(figureViews, figure), `${name}: ${figure}`);
  }
});

test('tables and figures of the analyses have the names that the views announce', () => {
  const names = { tables: ['convergence', 'rank-agreement'], figures: ['convergence-curves', 'ranks-by-model'] };
  const shown = { ...plan, view: names };
  const tables = planTables(shown, result(runs));
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['convergence', 'rank-types', 'rank-agreement', 'rank-agreement-tasks'],
  );
  const announced = names.tables.flatMap((view) => Object.keys(tableViews[view].files));
  for (const { name } of tables) assert.ok(announced.includes(name), name);
  const [curves, heatmap] = planFigures(shown, result(runs));
  assert.equal(curves.name, 'convergence-curves');
  assert.equal(heatmap.name, 'ranks-tiny');
  assert.match(JSON.stringify(heatmap.layout.title), /mean of 2 tasks × 2 seeds/);
  // the same ranks in both tasks: the mean is that of the two seeds
  const [one, two] = [decoderRanks(1, 2), decoderRanks(2, 2)];
  const [layer] = Object.keys(one);
  const z = heatmap.data[0].z as number[][];
  assert.equal(z[0][0], (one[layer] + two[layer]) / 2);
});

test('a plan without the baseline has no convergence, one without ranks no agreement', () => {
  const shown = { ...plan, view: { tables: ['convergence', 'rank-agreement'], figures: ['convergence-curves'] } };
  const gora = result(runs.filter(({ variant }) => variant === 'gora'));
  assert.deepEqual(
    planTables(shown, gora).map(({ name }) => name),
    ['rank-types', 'rank-agreement', 'rank-agreement-tasks'],
  );
  assert.deepEqual(planFigures(shown, gora), []);
  const lora = result(runs.filter(({ variant }) => variant === 'lora'));
  assert.deepEqual(
    planTables(shown, lora).map(({ name }) => name),
    ['convergence'],
  );
});

const atRate = (method: string, lr: number, seed: number, accuracy: number): RunRecord => {
  const one = record({ method, seed, accuracy, id: `digits-${method}-s${seed}-${lr}` });
  return { ...one, spec: { ...one.spec, training: { lr } } };
};

test('rates chosen: an end of the grid is named, once where a case borrows it', () => {
  const cases = [{ label: 'a' }, { label: 'b', tunedOn: 'a' }];
  const tuned: Plan = { ...plan, cases, grid: [1e-3, 1e-2, 1e-1], view: { tables: ['learning-rates'] } };
  const chosen = (lora: number) =>
    new Map(['a', 'b'].flatMap((where) => [`${where}/lora`, `${where}/gora`].map((key, i) => [key, i ? 1e-2 : lora])));
  const notes = (lora: number) =>
    planTables(tuned, { ...result(runs), learningRates: chosen(lora) as Map<string, number> })[0].notes.join('\n');
  assert.match(notes(1e-1), /At an end of the grid, a wider one might do better: LoRA on a\./);
  assert.doesNotMatch(notes(1e-2), /end of the grid/);
  assert.match(notes(1e-2), /b on a/);
});

test('learning rates: a point a rate, rising, mean ± sd; diverged runs are left out and counted', async () => {
  const records = [
    atRate('lora', 1e-2, 1, 0.5),
    atRate('lora', 1e-2, 2, 0.7),
    atRate('lora', 1e-3, 1, 0.4),
    { ...atRate('lora', 1e-1, 1, 0), status: 'failed' as const },
    atRate('gora', 1e-3, 1, 0.6),
  ];
  const figure = learningRateCurves(records);
  const [lora, gora] = figure.data;
  assert.deepEqual([lora.name, lora.x], ['LoRA', [1e-3, 1e-2]]);
  assertClose(lora.y as number[], [0.4, 0.6], 1e-12, 'means');
  assertClose((lora.error_y as { array: number[] }).array, [0, Math.SQRT2 / 10], 1e-12, 'deviations');
  assert.deepEqual(gora.x, [1e-3]);
  assert.match(JSON.stringify(figure.layout.title), /1 diverged run left out/);
  assert.match(String(await renderFigure(figure, 'svg')), /peak learning rate/);
  const other = { ...record({}), primary: { metric: 'loss', title: 'Loss', higherIsBetter: false } };
  assert.throws(() => learningRateCurves([...records, other]), /one metric, not Accuracy, Loss/);
});

test('loss curves: the band is ± sd where asked, and a level is drawn at the end of a method', () => {
  // losses at the first and the last of three steps, one list a seed
  const losses: Record<string, number[][]> = {
    lora: [
      [2, 1.5, 0.4],
      [3, 1.5, 0.6],
      [4, 1.5, 0.8],
    ],
    gora: [
      [2, 1, 0.3],
      [2, 1, 0.3],
      [2, 1, 0.3],
    ],
  };
  const records = Object.entries(losses).flatMap(([method, runs]) =>
    runs.map((loss, seed) => ({ ...record({ method, seed }), curve: { step: [1, 2, 3], loss, lr: [1, 1, 1] } })),
  );
  const figure = lossCurves(records, { band: 'sd', levelOf: 'lora' });
  // LoRA's mean and sd: 3 ± 1, then 1.5 ± 0, then 0.6 ± 0.2; the band's outline runs along its top and back below
  assertClose(figure.data[0].y as number[], [4, 1.5, 0.8, 0.4, 1.5, 2], 1e-12, 'band');
  assertClose(figure.data[1].y as number[], [3, 1.5, 0.6], 1e-12, 'line');
  const [level] = figure.layout.shapes as { y0: number; y1: number }[];
  assertClose([level.y0, level.y1], [0.6, 0.6], 1e-12, 'level');
  assert.match(JSON.stringify(figure.layout.title), /band: ± sd · dotted: LoRA at its end/);
  assert.throws(() => lossCurves(records, { levelOf: 'dora' }), /no curve of dora/);
});

/** Plans as data: seeds, parts, the short form, contradictions; and the registered ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPlan, countRuns, type Plan, partOf, quick, withSeeds } from '../../src/experiments/plan';
import { allPlans, findPlan, registerPlan } from '../../src/experiments/plans';
import { recordId, resolveSpec } from '../../src/experiments/spec';
import { figureViews, tableViews } from '../../src/reports/views';
import { findPublished } from '../../src/reports/views/published';

const plan: Plan = {
  name: 'p',
  title: 'P',
  track: 'cost',
  task: 'glyphs',
  variants: [
    { label: 'lora', method: 'lora' },
    { label: 'long', method: 'gora', set: { steps: 500, rank: 4 }, grid: [] },
    { label: 'gora', method: 'gora' },
  ],
  cases: [
    { label: 'a', set: { steps: 90 } },
    { label: 'b', tunedOn: 'a' },
  ],
  seeds: [1, 2, 3],
  grid: [1e-3, 1e-2],
  tuningSeed: 5,
};

test('runs are counted with the grids that variants replace and the cases that share a grid', () => {
  assert.equal(countRuns(plan), 2 * 2 + 3 * 2 * 3);
});

test('seeds: the first ones, or more without the tuning seed, under another name', () => {
  assert.deepEqual(withSeeds(plan, 2).seeds, [1, 2]);
  assert.deepEqual(withSeeds(plan, 5).seeds, [1, 2, 3, 4, 6]);
  assert.equal(withSeeds(plan, 3).name, 'p');
  assert.equal(withSeeds(plan, 5).name, 'p-5-seeds');
});

test('parts share the variants out, each once', () => {
  const labels = [1, 2].map((part) => partOf(plan, part, 2).variants.map(({ label }) => label));
  assert.deepEqual(labels, [['lora', 'gora'], ['long']]);
});

test('a part without the baseline can run', () => {
  for (const part of [1, 2]) checkPlan(partOf({ ...plan, baseline: 'long' }, part, 2));
});

test('the short form has one case and seed, no grid, and ten steps wherever steps were set', () => {
  const short = quick(plan);
  assert.equal(countRuns(short), 3);
  assert.equal(short.cases[0].set?.steps, 10);
  assert.deepEqual(short.variants[1].set, { steps: 10, rank: 4 });
  assert.equal(short.set?.steps, 10);
});

test('the short form leaves a frozen base without steps', () => {
  const frozen = { label: 'frozen', method: 'full', set: { steps: 0 } };
  assert.deepEqual(quick({ ...plan, variants: [frozen] }).variants[0].set, { steps: 0 });
});

test('a plan that contradicts itself is refused with its name', () => {
  const refused = (change: Partial<Plan>, message: RegExp) =>
    assert.throws(() => checkPlan({ ...plan, ...change }), message);
  refused({ variants: [] }, /comparison p: it has no variants/);
  refused({ variants: [plan.variants[0], plan.variants[0]] }, /two variants are called "lora"/);
  refused({ seeds: [1, 5] }, /seed 5 tunes and is among the seeds/);
  refused({ seeds: [] }, /no seeds/);
  refused({ cases: [{ label: 'b', tunedOn: 'a' }] }, /case b is tuned on a, which is no case/);
  refused({ baseline: 'none' }, /its baseline none is no variant/);
  assert.throws(() => registerPlan(findPlan('glyphs')), /named "glyphs" is registered already/);
});

test('every registered plan resolves: tasks, methods, options, views, published tables', () => {
  for (const one of allPlans()) {
    for (const where of one.cases) {
      for (const variant of one.variants) {
        const task = where.task ?? one.task;
        const model = where.model ?? (task === one.task ? one.model : undefined);
        const set = { ...one.set, ...where.set, ...variant.set };
        assert.doesNotThrow(
          () => resolveSpec({ task, model, method: variant.method, seed: 1, set }),
          `${one.name} ${where.label} ${variant.label}`,
        );
      }
    }
    for (const name of one.view?.tables ?? []) assert.ok(name in tableViews, `${one.name}: table view ${name}`);
    for (const name of one.view?.figures ?? []) assert.ok(name in figureViews, `${one.name}: figure view ${name}`);
    if (one.published) assert.ok(findPublished(one.published).rows.length > 0);
  }
});

test('ids of committed runs stay: a new option must be optional, or every record is lost', () => {
  const id = (method: string, lr: number) =>
    recordId(resolveSpec({ task: 'glyphs', method, seed: 1, set: { lr, evalEvery: 0 } }));
  assert.equal(id('lora', 1e-2), 'glyphs-lora-s1-6b42a7af');
  assert.equal(id('gora', 3e-3), 'glyphs-gora-s1-0a27cb04');
});

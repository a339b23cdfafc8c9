/** Comparisons: tuning on validation data, resuming, interruption; and single runs from inside. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Interrupted } from '../../src/errors';
import { averaged, averages, labelled } from '../../src/experiments/outcomes';
import { type Plan, quick } from '../../src/experiments/plan';
import { readPlan, runPlan } from '../../src/experiments/plan-runs';
import { RunFailed, runExperiment } from '../../src/experiments/run';
import { readRecords } from '../../src/experiments/store';
import { methodTable } from '../../src/reports';
import { registerTask } from '../../src/tasks';
import { startBackend } from '../../src/tensor/backend';
import { tempDir } from '../support/temp';
import { toyTask } from '../support/toy-task';

before(async () => {
  await startBackend();
  registerTask(toyTask as never);
  const primary = { metric: 'loss', title: 'Loss (nats)', higherIsBetter: false };
  registerTask({ ...toyTask, name: 'toy-loss', primary } as never);
});

const plan: Plan = {
  name: 'toy-plan',
  title: 'toy',
  track: 'cost',
  task: 'toy',
  variants: [
    { label: 'lora', method: 'lora', set: { rank: 2 } },
    { label: 'gora, no start', method: 'gora', set: { rank: 2, gamma: 0 } },
  ],
  cases: [
    { label: 'calm', set: { noise: 0.5 } },
    { label: 'loud', set: { noise: 2 }, tunedOn: 'calm' },
  ],
  seeds: [1, 2],
  grid: [1e-3, 1e-2],
  tuningSeed: 9,
};

test('a plan runs every variant, case and seed once, tunes on its fold, and a second call runs nothing', async (t) => {
  const records = tempDir(t);
  const started: string[] = [];
  const context = { records, dataDir: records, onRun: (label: string) => void started.push(label) };
  const first = await runPlan(plan, context);
  assert.equal(first.outcomes.length, 8);
  assert.equal(first.tuning.length, 4, 'one grid a variant: the second case shares the first one’s');
  assert.equal(started.length, 12);
  for (const { record } of first.tuning) {
    assert.equal(record.spec.seed, 9);
    assert.deepEqual(record.metrics, {}, 'a tuning run never sees the test set');
  }
  for (const { variant, case: where, record } of first.outcomes) {
    assert.equal(record.spec.training.lr, first.learningRates.get(`calm/${variant}`));
    assert.equal(record.spec.taskOptions.noise, where === 'calm' ? 0.5 : 2);
    // one look at the test set, at the end, which is what the record reports: 30 examples, three classes
    const looks = record.evaluations.filter(({ split }) => split === 'test');
    assert.deepEqual(looks, [{ step: 6, split: 'test', metrics: record.metrics }]);
    const hits = (record.metrics.accuracy * 30) / 100;
    assert.ok(Math.abs(hits - Math.round(hits)) < 1e-9, `${hits} of 30`);
    assert.ok(where === 'loud' || hits >= 14, `${variant}: ${hits} of 30 where the noise is low`);
  }
  const files = readdirSync(join(records, 'toy'));
  assert.equal(files.length, 12);
  const before = readRecords(records).map((record) => record.finishedAt);
  const second = await runPlan(plan, context);
  assert.deepEqual(second.outcomes, first.outcomes);
  assert.deepEqual(
    readRecords(records).map((record) => record.finishedAt),
    before,
  );
});

test('no step measures the base as it is: nothing trained, no curve, one look at each split', async (t) => {
  const dataDir = tempDir(t);
  const at = (method: string) => runExperiment({ task: 'toy', method, seed: 1, set: { steps: 0 } }, { dataDir });
  const frozen = await at('full');
  assert.equal(frozen.status, 'completed');
  assert.equal(frozen.model.trainable, 0);
  assert.deepEqual(frozen.curve.step, []);
  assert.deepEqual(
    frozen.evaluations.map(({ step, split }) => [step, split]),
    [
      [0, 'validation'],
      [0, 'test'],
    ],
  );
  assert.deepEqual((await at('lora')).metrics, frozen.metrics, 'LoRA starts at the base');
  const trained = await runExperiment({ task: 'toy', method: 'full', seed: 1 }, { dataDir });
  assert.notDeepEqual(trained.metrics, frozen.metrics);
});

test('the chosen rate is the best on validation data', async (t) => {
  const records = tempDir(t);
  const { tuning, learningRates } = await runPlan({ ...plan, cases: [plan.cases[0]] }, { records, dataDir: records });
  const last = (i: number) => tuning[i].record.evaluations.at(-1)?.metrics ?? {};
  const [a, b] = [last(0), last(1)];
  const expected = a.accuracy > b.accuracy || (a.accuracy === b.accuracy && a.loss <= b.loss) ? 1e-3 : 1e-2;
  assert.equal(learningRates.get('calm/lora'), expected);
});

test('labels replace task and method for tables', async (t) => {
  const records = tempDir(t);
  const result = await runPlan(
    { ...quick(plan), set: { steps: 1 }, grid: [], cases: plan.cases },
    { records, dataDir: records },
  );
  assert.deepEqual([...new Set(labelled(result.outcomes).map(({ spec }) => `${spec.task}/${spec.method}`))].sort(), [
    'calm/gora, no start',
    'calm/lora',
    'loud/gora, no start',
    'loud/lora',
  ]);
  const [calm, loud] = ['calm', 'loud'].map((where) => result.outcomes.find((o) => o.case === where)?.record.metrics);
  const [mean] = averaged(result.outcomes);
  assert.equal(averaged(result.outcomes).length, 2);
  assert.equal(mean.metrics.accuracy, ((calm?.accuracy ?? 0) + (loud?.accuracy ?? 0)) / 2);
});

test('cases of several tasks keep their records apart and average only in one unit', async (t) => {
  const records = tempDir(t);
  const cases = [{ label: 'calm' }, { label: 'loss', task: 'toy-loss' }];
  const mixed: Plan = { ...plan, cases, grid: [], seeds: [1], set: { steps: 1 } };
  const { outcomes, tuning } = await runPlan(mixed, { records, dataDir: records });
  assert.equal(tuning.length, 0);
  assert.deepEqual(readdirSync(records).sort(), ['toy', 'toy-loss']);
  assert.equal(averages(outcomes), false, 'accuracy and loss have no mean');
  assert.equal(averages(outcomes.filter((outcome) => outcome.case === 'calm')), true);
  const table = methodTable(labelled(outcomes), { baseline: 'none' });
  assert.ok(!table.columns.some(({ title }) => title === 'Average'));
  assert.ok(table.columns.some(({ title }) => title === 'Average rank'));
  assert.equal(outcomes[0].record.notes.stepMode, 'eager', 'one step is never compiled');
});

test('a diverged rate is known on the next call, and a variant may keep its own rate', async (t) => {
  const records = tempDir(t);
  const started: string[] = [];
  const context = { records, dataDir: records, onRun: (label: string) => void started.push(label) };
  const wild: Plan = {
    ...plan,
    variants: [
      { label: 'tuned', method: 'lora', grid: [1e-3, 1e38] },
      { label: 'fixed', method: 'lora', set: { lr: 0.004 }, grid: [] },
    ],
    cases: [plan.cases[0]],
    seeds: [1],
    set: { steps: 1 },
  };
  assert.deepEqual((await readPlan(wild, records)).done, 0);
  const { outcomes } = await runPlan(wild, context);
  assert.deepEqual(
    outcomes.map(({ record }) => record.spec.training.lr),
    [1e-3, 0.004],
  );
  assert.equal(started.length, 4);
  await runPlan(wild, context);
  assert.equal(started.length, 4, 'the diverged run is a result');
  const { done, total } = await readPlan(wild, records);
  assert.deepEqual([done, total], [4, 4]);
});

test('a tuning run of another plan is no run of this one, and a run may be done anew', async (t) => {
  const records = tempDir(t);
  const started: string[] = [];
  const context = { records, dataDir: records, onRun: (label: string) => void started.push(label) };
  const variants = [{ label: 'lora', method: 'lora', set: { rank: 2, lr: 1e-3 } }];
  const one: Plan = { ...plan, variants, cases: [plan.cases[0]], grid: [1e-3], seeds: [1], set: { steps: 1 } };
  await runPlan(one, context);
  started.length = 0;
  // seed 9 was a tuning run there, which never saw the test set
  const other: Plan = { ...one, name: 'other', seeds: [9], tuningSeed: 100, grid: [] };
  assert.equal((await readPlan(other, records)).done, 0);
  const { outcomes } = await runPlan(other, context);
  assert.equal(started.length, 1);
  assert.ok(Number.isFinite(outcomes[0].record.metrics.accuracy));
  assert.equal((await readPlan(one, records)).done, 2, 'with test metrics it still tunes');
  await runPlan(other, { ...context, reuse: ({ environment }) => environment.backend === 'another' });
  assert.equal(started.length, 2);
});

test('an interrupted plan says so and keeps what is done', async (t) => {
  const records = tempDir(t);
  const controller = new AbortController();
  let runs = 0;
  const onRun = () => {
    runs += 1;
    if (runs === 3) controller.abort();
  };
  const context = { records, dataDir: records, signal: controller.signal, onRun };
  await assert.rejects(
    runPlan(plan, context),
    (error) => error instanceof Interrupted && /the same command goes on from here/.test(error.message),
  );
  const statuses = readRecords(records).map((record) => record.status);
  assert.deepEqual(statuses.sort(), ['cancelled', 'completed', 'completed']);
  const { outcomes } = await runPlan(plan, { records, dataDir: records });
  assert.equal(outcomes.length, 8);
});

test('an empty training set and a loss that diverges fail with a record that says why', async () => {
  const run = (set: Record<string, unknown>, method = 'lora') =>
    runExperiment({ task: 'toy', method, seed: 1, set }, { dataDir: '.' });
  for (const method of ['lora', 'gora']) {
    await assert.rejects(run({ examples: 0 }, method), (error) => {
      assert.ok(error instanceof RunFailed);
      assert.equal(error.record.status, 'failed');
      assert.match(error.record.error ?? '', /training set is empty/);
      return true;
    });
  }
  await assert.rejects(run({ lr: 1e30, steps: 20, clip: 0 }), /diverged\. Lower lr/);
  // the last update alone can spoil the weights: such a record would hold NaN, which JSON cannot
  await assert.rejects(run({ lr: 1e38, steps: 1 }), (error) => {
    assert.ok(error instanceof RunFailed);
    assert.match(error.message, /validation loss is .* at step 1: training diverged\. Lower lr/);
    assert.equal(error.record.evaluations.length, 1);
    return true;
  });
});

test('runs leave no tensors behind', async () => {
  const run = () => runExperiment({ task: 'toy', method: 'gora', seed: 1 }, { dataDir: '.' });
  await run();
  const { numTensors } = tf.memory();
  await run();
  assert.equal(tf.memory().numTensors, numTensors);
});

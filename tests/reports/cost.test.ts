/** The cost table from hand-made samples, and from a bench file without the newer fields. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { allPlans } from '../../src/experiments/plans';
import { resolveSpec } from '../../src/experiments/spec';
import { resultsFolder } from '../../src/project';
import { type CostBench, costTable, readCostBench, timesOf } from '../../src/reports/cost';
import { tempDir } from '../support/temp';

const sample = (step: number, adapterBytes: number | null) => ({
  timings: { gradients: 300, attach: 100, stepMedian: step },
  memory: { step: 50, trainRss: 900.4 },
  model: { parameters: 4096, trainable: 2048, adapter: 1024 },
  adapterBytes,
});

const bench: CostBench = {
  task: 'digits',
  steps: 30,
  environment: { backend: 'native', device: 'CPU', cpu: 'one', threads: 1 },
  samples: { full: [sample(20, null), sample(30, null)], gora: [sample(10, 5120), sample(10, 5120)] },
};

const text = (table: ReturnType<typeof costTable>, method: string) => {
  const row = table.rows.find(([cell]) => cell.text === method)!;
  return Object.fromEntries(table.columns.map(({ title }, i) => [title, row[i].text]));
};

test('mean ± sd; an equal value has no ±; full fine-tuning saves all trained weights', () => {
  const table = costTable(bench);
  assert.deepEqual(text(table, 'Full fine-tuning'), {
    Method: 'Full fine-tuning',
    Trainable: '2,048',
    'Saved (KiB)': '8',
    'Step (ms)': '25.0 ± 7.1',
    'Gradients (ms)': '300',
    'Allocation and start (ms)': '100',
    'Preparation (steps)': '16.7 ± 4.7',
    'Tensors in a step (MiB)': '50',
    'Peak process (MiB)': '900',
  });
  assert.equal(text(table, 'GoRA')['Saved (KiB)'], '5');
  assert.equal(table.name, 'methods-digits');
  assert.match(table.notes.join(' '), /native, CPU, one, 1 thread\./);
});

const glyphs = (method: string, set: Record<string, unknown> = {}, seed = 1) =>
  resolveSpec({ task: 'glyphs', method, seed, set });

test('times for the convergence table: of runs with the settings that were measured, and of no others', () => {
  const times = { step: 25, preparation: 400 };
  const old = { ...bench, task: 'glyphs' };
  assert.deepEqual(timesOf(old, glyphs('full')), times);
  // what a step's time does not depend on
  assert.deepEqual(timesOf(old, glyphs('full', { lr: 0.3, steps: 7, evalEvery: 0, warmup: 0.5 }, 4)), times);
  for (const set of [{ batch: 16 }, { targets: 'q' }, { compile: false }, { shots: 5 }]) {
    assert.equal(timesOf(old, glyphs('full', set)), null, JSON.stringify(set));
  }
  assert.equal(timesOf(old, glyphs('gora', { rank: 4 })), null);
  assert.equal(timesOf(old, glyphs('lora')), null, 'not measured');
  assert.equal(timesOf(bench, glyphs('full')), null, 'another task');
  const narrow = { ...old, specs: { full: glyphs('full', { batch: 16 }) } };
  assert.equal(timesOf(narrow, glyphs('full')), null);
  assert.deepEqual(timesOf(narrow, glyphs('full', { batch: 16 }, 3)), times);
});

test('the committed costs are of the committed runs of the convergence plans', () => {
  for (const { name, task, variants, set } of allPlans().filter(({ track }) => track === 'convergence')) {
    const costs = readCostBench(resultsFolder('bench', `methods-${task}.json`));
    for (const { method } of variants) {
      const spec = resolveSpec({ task, method, seed: 1, set });
      assert.ok(timesOf(costs, spec), `${name}: ${method}`);
    }
  }
});

test('a bench without sizes leaves them out; a file of something else is refused by field', (t) => {
  const path = join(tempDir(t), 'bench.json');
  const { timings, memory } = sample(10, null);
  writeFileSync(path, JSON.stringify({ ...bench, samples: { lora: [{ timings, memory }] } }));
  const row = text(costTable(readCostBench(path)), 'LoRA');
  assert.equal(row['Saved (KiB)'], '–');
  assert.equal(row.Trainable, '–');
  writeFileSync(path, JSON.stringify({ ...bench, samples: { lora: [{ timings }] } }));
  assert.throws(
    () => readCostBench(path),
    (error) => error instanceof UserError && /samples\.lora\.0\.memory/.test(error.message),
  );
  assert.throws(() => readCostBench(join(path, 'none')), /bench\/methods\.ts/);
});

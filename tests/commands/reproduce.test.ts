/** Comparisons from the command line: filled in parts, resumed, shown, traced; and mistakes. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { indexText } from '../../src/commands/results';
import type { Plan } from '../../src/experiments/plan';
import { registerPlan } from '../../src/experiments/plans';
import { readRecord } from '../../src/experiments/store';
import { mean } from '../../src/reports';
import { closeRenderer } from '../../src/reports/render';
import { registerTask } from '../../src/tasks';
import { startBackend } from '../../src/tensor/backend';
import { call } from '../support/call';
import { tempDir } from '../support/temp';
import { toyTask } from '../support/toy-task';

/** Two tasks, a grid for LoRA alone: 2 × 2 tuning runs and 2 × 2 × 2 others. */
const plan: Plan = {
  name: 'toy-plan',
  title: 'Toys',
  track: 'cost',
  task: 'toy',
  variants: [
    { label: 'lora', method: 'lora', set: { rank: 2 } },
    { label: 'gora', method: 'gora', set: { rank: 2, minRank: 1, maxRank: 3 }, grid: [] },
  ],
  cases: [
    { label: 'calm', set: { noise: 0.5 } },
    { label: 'other', task: 'toy-other' },
  ],
  seeds: [1, 2],
  grid: [1e-3, 1e-2],
  tuningSeed: 9,
  set: { steps: 4 },
  published: 't5-glue',
  view: { figures: [] },
  notes: ['A note.'],
};

/** The same runs, with a chart: charts take seconds to draw. */
const drawn: Plan = { ...plan, name: 'toy-chart', published: undefined, view: { figures: ['metric'] } };

const out = mkdtempSync(join(tmpdir(), 'gora-test-'));
const reproduce = (...args: string[]) => call('reproduce', 'toy-plan', '--out', out, ...args);
const table = (...args: string[]) => call('table', 'toy-plan', '--from', out, ...args);

before(async () => {
  await startBackend();
  registerTask(toyTask as never);
  registerTask({ ...toyTask, name: 'toy-other' } as never);
  registerPlan(plan);
  registerPlan(drawn);
});
after(async () => {
  await closeRenderer();
  rmSync(out, { recursive: true, force: true });
});

test('a part runs its variants alone and writes no report; tables say what is missing', async () => {
  const { code, stdout, stderr } = await reproduce('--part', '1/2');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /part 1\/2 is done: 8 of 12 runs are on disk/);
  assert.deepEqual(readdirSync(out), ['records']);
  assert.deepEqual(readdirSync(join(out, 'records')).sort(), ['toy', 'toy-other']);
  const missing = await table();
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /toy-plan: 8 of 12 runs are in .*reproduce toy-plan --out .*or add --partial/);
  const partial = await table('--partial');
  assert.equal(partial.code, 0, partial.stderr);
  assert.match(partial.stdout, /LoRA /);
  assert.doesNotMatch(partial.stdout, /^GoRA +\d/m);
});

test('the other part finishes and writes everything; again, nothing runs and the files stay the same', async () => {
  const second = await reproduce('--part', '2/2');
  assert.equal(second.code, 0, second.stderr);
  const names = ['table', 'mean', 'cases', 'learning-rates', 'published'];
  for (const name of names)
    assert.ok(existsSync(join(out, `${name}.md`)) && existsSync(join(out, `${name}.csv`)), name);
  const bytes = () => names.map((name) => readFileSync(join(out, `${name}.md`), 'utf8'));
  const first = bytes();
  const { code, stderr } = await reproduce('--resume');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^resumed: 12 of 12 runs were on disk$/m);
  assert.doesNotMatch(stderr, /step/);
  assert.deepEqual(bytes(), first);
  assert.match(first[0], /\| calm ↑ \| other ↑ \| Average \| Average rank \|/);
  assert.match(first[0], /A note\./);
  assert.match(first[3], /\| LoRA \| 0\.0/);
  assert.match(first[3], /\| GoRA \| – \| – \|/);
});

test('a table comes in every format, and a trace leads from each mean to its files', async () => {
  for (const [format, sign] of [
    ['md', /^\*\*Toys\*\*/],
    ['tex', /\\begin\{tabular\}/],
    ['html', /<table/],
    ['csv', /^Method,calm ↑ mean,calm ↑ sd,calm ↑ n,/],
  ] as const) {
    const { code, stdout } = await table('--format', format);
    assert.equal(code, 0);
    assert.match(stdout, sign);
    assert.equal(/MNLI/.test(stdout), format !== 'csv', 'published figures follow');
  }
  const { stdout } = await table('mean', '--trace');
  const lines = stdout.split('\n').filter((line) => /^ {2}GoRA, .*: mean [\d.]+, sd [\d.]+, n 2: /.test(line));
  assert.equal(lines.length, 1, stdout);
  const [, value, files] = /mean ([\d.]+), .*: (.*)$/.exec(lines[0])!;
  const records = files.split(' ').map((file) => readRecord(resolve(file)));
  assert.deepEqual(records.map(({ id }) => id.slice(0, -9)).sort(), [
    'toy-gora-s1',
    'toy-gora-s2',
    'toy-other-gora-s1',
    'toy-other-gora-s2',
  ]);
  assert.ok(Math.abs(Number(value) - mean(records.map(({ metrics }) => metrics.accuracy))) < 1e-9);
});

test('published figures have columns of their own, without bold, beside our means', async () => {
  const { stdout } = await table('published', '--format', 'md');
  const gora = stdout.split('\n').find((line) => line.startsWith('| GoRA '))!;
  assert.match(gora, /^\| GoRA \| [\d.]+ \| [\d.]+ \| [\d.]+ \| 85\.91 ± 0\.22 \|.*87\.96 \|$/);
  assert.match(stdout, /ours: mean over cases ↑ \| published: MNLI/);
  assert.match(stdout, /\| PiSSA \| – \| – \| – \| 85\.75/);
  assert.match(stdout, /another model and other data/);
  assert.match(stdout, /Source: the LoRA-MGPO paper/);
});

test('fewer seeds: no ±, and the same records', async () => {
  const { code, stdout } = await table('--seeds', '1', '--format', 'md');
  assert.equal(code, 0);
  assert.match(stdout.split('\n').find((line) => line.startsWith('| LoRA '))!, /^\| LoRA \| [\d.]+ \| [\d.]+ \|/);
  const more = await table('--seeds', '3');
  assert.match(more.stderr, /12 of 16 runs .*--seeds 3/);
});

test('charts and tables go where they are told', async (t) => {
  const folder = tempDir(t);
  const chart = await call('chart', 'toy-chart', 'metric', '--from', out, '--format', 'svg', '--out', folder);
  assert.equal(chart.code, 0, chart.stderr);
  assert.match(readFileSync(join(folder, 'metric.svg'), 'utf8'), /<svg/);
  const path = join(folder, 'deep', 'cases.tex');
  assert.equal((await table('cases', '--format', 'tex', '--out', path)).code, 0);
  assert.match(readFileSync(path, 'utf8'), /Wilcoxon/);
});

test('--quick runs one case, one seed, no grid, ten steps, and draws', async (t) => {
  const folder = tempDir(t);
  const { code, stdout, stderr } = await call('reproduce', 'toy-chart', '--quick', '--out', folder);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /LoRA .*\n.*GoRA /);
  assert.ok(existsSync(join(folder, 'metric.svg')));
  const records = readdirSync(join(folder, 'records', 'toy')).map((file) =>
    readRecord(join(folder, 'records', 'toy', file)),
  );
  assert.deepEqual(
    records.map(({ spec }) => [spec.method, spec.seed, spec.training.steps]),
    [
      ['gora', 1, 10],
      ['lora', 1, 10],
    ],
  );
  assert.deepEqual(readdirSync(join(folder, 'records')), ['toy']);
});

test('the list groups by track; the index names command, runs and machine', async (t) => {
  const list = await call('reproduce', '--list', '--out', out);
  assert.match(list.stdout, /Vision and audio\n(.*\n)*Cost and quantisation\n(.*\n)* {2}toy-plan .*12 of 12 runs/);
  const root = tempDir(t);
  cpSync(out, join(root, 'toy-plan'), { recursive: true });
  cpSync(join(out, 'records'), join(root, 'records'), { recursive: true });
  const index = await indexText(root, [plan]);
  assert.match(
    index,
    /\[toy-plan\/\]\(toy-plan\/\) \| Toys \| `npm run gora -- reproduce toy-plan` \| 12 \(4 to tune\) \|/,
  );
  assert.match(index, /cores, \d+ threads?/);
  assert.match(index, /cases \(csv, md\)/);
});

test('mistakes are named in one line', async () => {
  const mistakes: [string[], RegExp][] = [
    [['reproduce'], /reproduce what\?/],
    [['reproduce', 'toy-plan', '--part', '3/2'], /--part takes i\/n with 1 ≤ i ≤ n, e\.g\. 1\/2, not "3\/2"/],
    [['reproduce', 'toy-plan', '--seeds', '0'], /--seeds must be an integer ≥ 1, not "0"/],
    [['table'], /table of what\?/],
    [['table', 'nothing'], /unknown comparison "nothing"/],
    [['table', 'toy-plan', '--format', 'doc'], /--format doc is unknown: use md, tex, csv, html, text/],
    [['table', 'toy-plan', 'nothing', '--from', out], /no table "nothing"\. Tables: table, mean, cases/],
    [['table', 'toy-plan', 'all', '--format', 'csv', '--from', out], /a CSV file holds one table/],
    [['chart', 'toy-chart', 'nothing', '--from', out], /no chart "nothing"\. Charts: metric/],
    [['chart', 'toy-plan', '--format', 'gif', '--from', out], /--format gif is unknown: use png, svg/],
    [['table', 'toy-plan', '--from', join(out, 'nowhere'), '--partial'], /0 of 12 runs are in .*nowhere/],
  ];
  for (const [args, message] of mistakes) {
    const { code, stderr } = await call(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

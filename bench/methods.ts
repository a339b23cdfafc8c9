/**
 * What each method costs on one task: milliseconds a step, preparation, memory. Every run is a process of its own,
 * methods take turns. Writes results/bench/methods-<task>.{json,md}.
 * Run: npx tsx bench/methods.ts TASK [METHOD …]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RunRecord } from '../src/experiments/record';
import { readRecord } from '../src/experiments/store';
import { writeFileAtomic } from '../src/formats/atomic';
import { exportTable, mean, methodStyle, sd, type Table } from '../src/reports';

const ROUNDS = 3;
const STEPS = 30;
const root = resolve(__dirname, '..');

function runOnce(task: string, method: string): RunRecord {
  const out = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  try {
    const cli = [join(root, 'scripts', 'gora.cjs'), 'run', '--task', task, '--method', method, '--out', out];
    execFileSync(process.execPath, [...cli, '--set', `steps=${STEPS}`, '--set', 'evalEvery=0'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return readRecord(join(out, readdirSync(out)[0]));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function tableOf(task: string, runs: ReadonlyMap<string, readonly RunRecord[]>): Table {
  const columns: [title: string, digits: number, value: (record: RunRecord) => number][] = [
    ['Trainable', 0, (r) => r.model.trainable],
    ['Step (ms)', 1, (r) => r.timings.stepMedian],
    ['Gradients (ms)', 0, (r) => r.timings.gradients],
    ['Allocation and start (ms)', 0, (r) => r.timings.attach],
    ['Preparation (steps)', 1, (r) => (r.timings.gradients + r.timings.attach) / r.timings.stepMedian],
    ['Tensors in a step (MiB)', 0, (r) => r.memory.step],
    ['Peak process (MiB)', 0, (r) => r.memory.trainRss],
  ];
  return {
    name: `methods-${task}`,
    title: `Cost on ${task}: ${STEPS} steps, mean ± sd over ${ROUNDS} runs`,
    columns: [
      { title: 'Method', align: 'left' },
      ...columns.map(([title]) => ({ title, align: 'right' as const, parts: ['mean', 'sd', 'n'] })),
    ],
    rows: [...runs].map(([method, records]) => [
      { text: methodStyle(method).title },
      ...columns.map(([, digits, value]) => {
        const values = records.map(value);
        const spread = sd(values) ?? 0;
        const text = `${mean(values).toFixed(digits)}${spread > 0 ? ` ± ${spread.toFixed(digits)}` : ''}`;
        return { text, numbers: [mean(values), spread, values.length] };
      }),
    ]),
    notes: ['Preparation in steps: gradients, allocation and start over the median training step of the same run.'],
  };
}

const [task = 'glyphs', ...named] = process.argv.slice(2);
const methods = named.length > 0 ? named : ['full', 'lora', 'lora-ga', 'gora'];
const runs = new Map<string, RunRecord[]>(methods.map((method) => [method, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const method of methods) runs.get(method)?.push(runOnce(task, method));
}
const table = tableOf(task, runs);
const path = join(root, 'results', 'bench', `methods-${task}`);
const samples = Object.fromEntries(
  [...runs].map(([method, records]) => [method, records.map(({ timings, memory }) => ({ timings, memory }))]),
);
const { environment } = [...runs.values()][0][0];
writeFileAtomic(`${path}.json`, `${JSON.stringify({ task, steps: STEPS, environment, samples }, null, 1)}\n`);
writeFileAtomic(`${path}.md`, exportTable(table, 'md'));
console.log(exportTable(table, 'text'));

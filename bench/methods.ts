/**
 * What each method costs on one task: milliseconds a step, preparation, memory, size of what is saved. Every run is
 * a process of its own, methods take turns. Writes results/bench/methods-<task>.{json,md}.
 * Run: npx tsx bench/methods.ts TASK [METHOD …]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RunRecord } from '../src/experiments/record';
import { readRecord } from '../src/experiments/store';
import { writeFileAtomic } from '../src/formats/atomic';
import { exportTable } from '../src/reports';
import { type CostBench, type CostSample, costTable } from '../src/reports/cost';

const ROUNDS = 3;
const STEPS = 30;
const root = resolve(__dirname, '..');

interface Run {
  readonly environment: RunRecord['environment'];
  readonly sample: CostSample;
}

function runOnce(task: string, method: string): Run {
  const out = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  try {
    const adapter = /^full/.test(method) ? null : join(out, 'adapter');
    const cli = [join(root, 'scripts', 'gora.cjs'), 'run', '--task', task, '--method', method, '--out', out];
    if (adapter) cli.push('--save', adapter);
    execFileSync(process.execPath, [...cli, '--set', `steps=${STEPS}`, '--set', 'evalEvery=0'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const file = readdirSync(out).find((name) => name.endsWith('.json')) as string;
    const { environment, timings, memory, model } = readRecord(join(out, file));
    const adapterBytes = adapter === null ? null : statSync(join(adapter, 'adapter_model.safetensors')).size;
    return { environment, sample: { timings, memory, model, adapterBytes } };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const [task = 'glyphs', ...named] = process.argv.slice(2);
const methods = named.length > 0 ? named : ['full', 'lora', 'lora-ga', 'gora'];
const runs = new Map<string, Run[]>(methods.map((method) => [method, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const method of methods) runs.get(method)?.push(runOnce(task, method));
}
const bench: CostBench = {
  task,
  steps: STEPS,
  environment: [...runs.values()][0][0].environment,
  samples: Object.fromEntries([...runs].map(([method, list]) => [method, list.map(({ sample }) => sample)])),
};
const table = costTable(bench);
const path = join(root, 'results', 'bench', table.name);
writeFileAtomic(`${path}.json`, `${JSON.stringify(bench, null, 1)}\n`);
writeFileAtomic(`${path}.md`, exportTable(table, 'md'));
console.log(exportTable(table, 'text'));

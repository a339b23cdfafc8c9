/**
 * The kit's own task on every backend, each in a process of its own, turn by turn: milliseconds a training step.
 * Writes results/bench/backends.json; `gora quickstart` quotes the ratio. Run: npx tsx bench/backends.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeFileAtomic } from '../src/formats/atomic';

const ROUNDS = 2;
const STEPS = 20;
const root = resolve(__dirname, '..');

function stepMedian(backend: string, method: string): { ms: number; environment: Record<string, unknown> } {
  const out = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  try {
    const cli = [join(root, 'scripts', 'gora.cjs'), 'run', '--task', 'glyphs', '--method', method, '--out', out];
    const settings = ['--set', `steps=${STEPS}`, '--set', 'evalEvery=0'];
    execFileSync(process.execPath, [...cli, ...settings], {
      env: { ...process.env, GORA_BACKEND: backend },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const record = JSON.parse(readFileSync(join(out, readdirSync(out)[0]), 'utf8'));
    return { ms: record.timings.stepMedian, environment: record.environment };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];
const samples: Record<string, number[]> = { native: [], wasm: [] };
let environment: Record<string, unknown> = {};
for (let round = 0; round < ROUNDS; round++) {
  for (const backend of Object.keys(samples)) {
    const { ms, environment: where } = stepMedian(backend, 'gora');
    samples[backend].push(ms);
    environment = where;
  }
}
const { backend: _, ...machine } = environment;
const result = {
  task: 'glyphs',
  method: 'gora',
  steps: STEPS,
  milliseconds: { native: median(samples.native), wasm: median(samples.wasm) },
  samples,
  machine,
};
writeFileAtomic(join(root, 'results', 'bench', 'backends.json'), `${JSON.stringify(result, null, 1)}\n`);
console.log(
  `native ${result.milliseconds.native} ms, wasm ${result.milliseconds.wasm} ms a step (medians of ${ROUNDS})`,
);

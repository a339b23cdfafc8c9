/**
 * The kit's own task on every backend, each in a process of its own, turn by turn: milliseconds a training step.
 * Writes results/bench/backends.json; `gora quickstart` quotes the ratio. Run: npx tsx bench/backends.ts
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../src/formats/atomic';
import { median, RESULTS } from './facts';
import { goraRun } from './gora-run';

const ROUNDS = 2;
const STEPS = 20;

const samples: Record<string, number[]> = { native: [], wasm: [] };
let environment: Record<string, unknown> = {};
for (let round = 0; round < ROUNDS; round++) {
  for (const backend of Object.keys(samples)) {
    goraRun({ task: 'glyphs', method: 'gora', steps: STEPS, env: { GORA_BACKEND: backend } }, (record) => {
      samples[backend].push(record.timings.stepMedian);
      environment = record.environment;
    });
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
writeFileAtomic(join(RESULTS, 'backends.json'), `${JSON.stringify(result, null, 1)}\n`);
console.log(
  `native ${result.milliseconds.native} ms, wasm ${result.milliseconds.wasm} ms a step (medians of ${ROUNDS})`,
);

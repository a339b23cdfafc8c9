/**
 * What each method costs on one task: milliseconds a step, preparation, memory, size of what is saved. Every run is
 * a process of its own, methods take turns. Writes results/bench/methods-<task>.{json,md}.
 * Run: npx tsx bench/methods.ts TASK [METHOD …]
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRecord } from '../src/experiments/record';
import { writeFileAtomic } from '../src/formats/atomic';
import { exportTable } from '../src/reports';
import { type CostBench, type CostSample, costTable } from '../src/reports/cost';
import { RESULTS } from './facts';
import { goraRun } from './gora-run';

const ROUNDS = 3;
const STEPS = 30;

interface Run {
  readonly environment: RunRecord['environment'];
  readonly spec: RunRecord['spec'];
  readonly sample: CostSample;
}

function runOnce(task: string, method: string): Run {
  const save = !/^full/.test(method);
  return goraRun({ task, method, steps: STEPS, save }, ({ environment, spec, timings, memory, model }, folder) => {
    const adapterBytes = save ? statSync(join(folder, 'adapter', 'adapter_model.safetensors')).size : null;
    return { environment, spec, sample: { timings, memory, model, adapterBytes } };
  });
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
  specs: Object.fromEntries([...runs].map(([method, [first]]) => [method, first.spec])),
  environment: [...runs.values()][0][0].environment,
  samples: Object.fromEntries([...runs].map(([method, list]) => [method, list.map(({ sample }) => sample)])),
};
const table = costTable(bench);
const path = join(RESULTS, table.name);
writeFileAtomic(`${path}.json`, `${JSON.stringify(bench, null, 1)}\n`);
writeFileAtomic(`${path}.md`, exportTable(table, 'md'));
console.log(exportTable(table, 'text'));

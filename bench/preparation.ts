/**
 * What comes before the first step: mean gradients over N batches and the start of GoRA and LoRA-GA here, and PEFT's
 * `preprocess_loraga` with its start, on the same weights and batch (taken N times). GoRA's N batches also in units of
 * a full-targets training step. Writes results/bench/preparation.{json,md}.
 *
 * Run: npm run bench -- preparation [--models decoder256,t5] [--batches 8] [--rounds 3] [--threads 2] [--out FOLDER]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { adapt } from '../src/methods/adapt';
import { estimateGradients } from '../src/methods/gradients';
import { findMethod } from '../src/methods/registry';
import type { Model } from '../src/models/model';
import { startBackend } from '../src/tensor/backend';
import type { Batch } from '../src/tensor/batch';
import { Random } from '../src/tensor/random';
import { attach, layoutOf, leave, MODELS, makeModel, stepperOf, timeSteps } from './cases';
import { markdown, median, RESULTS, report } from './facts';
import { pythonWithPeft, Runner } from './peers';

/** Milliseconds of both halves. */
interface Preparation {
  readonly gradients: number;
  readonly start: number;
  /** Norm of the first layer's mean gradient, to see that both measured the same. */
  readonly norm: number;
}

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string', default: 'decoder256,t5' },
    batches: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    out: { type: 'string', default: RESULTS },
  },
});
process.env.TF_NUM_INTRAOP_THREADS = flags.threads;

function prepare(model: Model, batch: Batch, name: string): Preparation {
  const method = findMethod(name);
  const batches = new Array<Batch>(Number(flags.batches)).fill(batch);
  const started = performance.now();
  const evidence = estimateGradients(model, model.linears, batches);
  const measured = performance.now();
  const source = { gradients: () => evidence };
  const adapters = adapt(model, method, { rank: 8, alpha: 16 }, source, { random: new Random(2, 'attach') });
  const done = performance.now();
  adapters.dispose();
  const first = evidence.gradients.get(model.linears[0].name) as Float32Array;
  return { gradients: measured - started, start: done - measured, norm: Math.hypot(...first) };
}

/** Milliseconds of full-targets training steps, compiled where that is possible. */
async function fullSteps(model: Model, batch: Batch, count: number): Promise<number[]> {
  const adapters = attach(model, batch, 'full-targets');
  const { stepper, optimiser } = stepperOf(model, adapters);
  const times = await timeSteps(stepper, batch, count, 0);
  stepper.dispose();
  optimiser.dispose();
  adapters.dispose();
  return times;
}

async function measure(name: string, python: string | null) {
  const { model, batch } = makeModel(name);
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  const layout = { config: layoutOf(name), threads: Number(flags.threads), batches: Number(flags.batches), rank: 8 };
  const modules = model.linears.map((layer) => layer.name);
  const samples: Record<string, Preparation[]> = { GoRA: [], 'LoRA-GA': [] };
  let peer: Runner | null = null;
  try {
    await leave(model, batch, folder);
    if (python) {
      const command = [python, join(__dirname, 'peer_preparation.py'), folder, JSON.stringify({ ...layout, modules })];
      peer = new Runner(command);
      await peer.answer();
      samples['LoRA-GA, PEFT'] = [];
    }
    const steps = await fullSteps(model, batch, Number(flags.rounds));
    for (let round = 0; round < Number(flags.rounds); round++) {
      samples.GoRA.push(prepare(model, batch, 'gora'));
      samples['LoRA-GA'].push(prepare(model, batch, 'lora-ga'));
      if (peer) samples['LoRA-GA, PEFT'].push(await peer.ask<Preparation>());
    }
    return { model: name, samples, steps };
  } finally {
    peer?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  console.log('expect about 2 minutes');
  await startBackend();
  const python = pythonWithPeft();
  const all = [];
  for (const name of flags.models.split(',')) all.push(await measure(name, python));
  const rows = all.flatMap(({ model, samples, steps }) =>
    Object.entries(samples).map(([contender, runs]) => {
      const gradients = median(runs.map((run) => run.gradients));
      const whole = median(runs.map((run) => run.gradients + run.start));
      const step = median(steps);
      const cells = [gradients, whole - gradients, whole].map((ms) => ms.toFixed(0));
      return [MODELS[model].title, contender, ...cells, (gradients / step).toFixed(1), (whole / step).toFixed(1)];
    }),
  );
  const columns = [
    'Model',
    'Contender',
    'gradients ms',
    'start ms',
    'together ms',
    'gradients, steps',
    'together, steps',
  ];
  await report(flags.out, 'preparation', { batches: Number(flags.batches), threads: Number(flags.threads), all }, [
    `Mean gradient of ${flags.batches} batches and the start of every adapter, medians of ${flags.rounds} rounds in turn.`,
    'A step is a compiled training step of all targets (full-targets) on the same batch in the same run.',
    '',
    ...markdown(columns, rows, 2),
  ]);
  process.exit(0);
}

void main();

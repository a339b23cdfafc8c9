/**
 * Milliseconds of one training step, contenders turn by turn in one run: the kit compiled, eager and on WebAssembly,
 * and PyTorch with PEFT on the same weights, adapters and batch. Writes results/bench/steps.{json,md}.
 *
 * Run: npm run bench -- [--rounds 20] [--models kwt1,decoder256] [--methods full,lora] [--wasm 3]
 *   [--contenders 'kit eager;PyTorch'] [--threads 2]
 * PyTorch runs where `GORA_PYTHON` (else `python3`) has torch, transformers, peft and safetensors.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../src/formats/atomic';
import { layoutOf, METHODS, MODELS, TRAINING } from './cases';
import type { StepCost } from './contender';
import { markdown, median, RESULTS } from './facts';
import { kitCommand, pythonWithPeft, Runner } from './peers';

/** Steps that are not counted: recording and building the graph, first allocations. */
const WARM_UP = 4;
const WASM = 'kit wasm';
const WASM_WARM_UP = 1;

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Steps that are not counted, and those that are. */
  readonly warmUp: number;
  readonly rounds: number;
}

function contendersOf(model: string, method: string, folder: string, rounds: number, wasm: number): Contender[] {
  const threads = Number(flags.threads);
  const kit = (mode: string, ...more: string[]) => kitCommand('contender.ts', model, method, mode, ...more);
  const native = { GORA_BACKEND: 'native', TF_NUM_INTRAOP_THREADS: String(threads) };
  const all: Contender[] = [
    { name: 'kit compiled', command: kit('compiled', folder), env: native, warmUp: WARM_UP, rounds },
    { name: 'kit eager', command: kit('eager'), env: native, warmUp: WARM_UP, rounds },
  ];
  if (wasm > 0)
    all.push({ name: WASM, command: kit('eager'), env: { GORA_BACKEND: 'wasm' }, warmUp: WASM_WARM_UP, rounds: wasm });
  if (python) {
    const command = [
      python,
      join(__dirname, 'peer.py'),
      folder,
      JSON.stringify({ config: layoutOf(model), threads, training: TRAINING }),
    ];
    all.push({ name: 'PyTorch', command, env: {}, warmUp: WARM_UP, rounds });
    all.push({ name: 'PyTorch, no spinning', command, env: { GOMP_SPINCOUNT: '0' }, warmUp: WARM_UP, rounds });
  }
  const wanted = flags.contenders?.split(';');
  return wanted ? all.filter(({ name }) => name === 'kit compiled' || wanted.includes(name)) : all;
}

/** Costs of all contenders, one step each in turn. */
async function compare(model: string, method: string, rounds: number, wasm: number): Promise<Map<string, StepCost[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  const runners: { contender: Contender; runner: Runner; costs: StepCost[] }[] = [];
  try {
    for (const contender of contendersOf(model, method, folder, rounds, wasm)) {
      const runner = new Runner(contender.command, contender.env);
      runners.push({ contender, runner, costs: [] });
      await runner.answer(); // the first one leaves what the peers read
    }
    for (let step = 0; step < WARM_UP + rounds; step++) {
      for (const { contender, runner, costs } of runners)
        if (step < contender.warmUp + contender.rounds) costs.push(await runner.ask<StepCost>());
    }
    return new Map(runners.map(({ contender, costs }) => [contender.name, costs]));
  } finally {
    for (const { runner } of runners) runner.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(model: string, method: string, costs: ReadonlyMap<string, readonly StepCost[]>): string[][] {
  const counted = (name: string) => costs.get(name)!.slice(name === WASM ? WASM_WARM_UP : WARM_UP);
  const first = median(counted('kit compiled').map(({ ms }) => ms));
  return [...costs].map(([name, all]) => {
    const own = counted(name);
    const ms = own.map((cost) => cost.ms);
    const last = own[own.length - 1];
    return [
      MODELS[model].title,
      method,
      name === 'kit compiled' && last.mode !== 'compiled' ? `${name} (ran ${last.mode})` : name,
      Math.min(...ms).toFixed(1),
      median(ms).toFixed(1),
      (median(ms) / first).toFixed(2),
      median(own.map((cost) => cost.cpuMs)).toFixed(1),
      (last.peakBytes / 2 ** 20).toFixed(0),
      all[1].loss.toFixed(6),
    ];
  });
}

const COLUMNS = [
  ...['Model', 'Method', 'Contender', 'min ms', 'median ms', 'over compiled', 'CPU ms', 'peak MiB', 'second loss'],
];

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    wasm: { type: 'string', default: '3' },
    models: { type: 'string', default: Object.keys(MODELS).join() },
    methods: { type: 'string', default: METHODS.join() },
    contenders: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    /** Of the two files. */
    name: { type: 'string', default: 'steps' },
    out: { type: 'string', default: RESULTS },
  },
});
const python = pythonWithPeft();

async function main(): Promise<void> {
  const machine = `${cpus()[0].model}, ${availableParallelism()} threads, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const samples: object[] = [];
  const rows: string[][] = [];
  for (const model of flags.models.split(',')) {
    for (const method of flags.methods.split(',')) {
      const costs = await compare(model, method, Number(flags.rounds), Number(flags.wasm));
      const own = rowsOf(model, method, costs);
      rows.push(...own);
      console.log(own.map((cells) => cells.join('  ')).join('\n'));
      samples.push({ model, method, warmUp: WARM_UP, costs: Object.fromEntries(costs) });
      const facts = { machine, rounds: Number(flags.rounds), training: TRAINING, date: new Date().toISOString() };
      writeFileAtomic(join(flags.out, `${flags.name}.json`), `${JSON.stringify({ ...facts, samples }, null, 1)}\n`);
      const text = [
        `One training step on ${machine}; contenders took turns, ${flags.rounds} rounds.`,
        '',
        ...markdown(COLUMNS, rows, 3),
      ];
      writeFileAtomic(join(flags.out, `${flags.name}.md`), `${text.join('\n')}\n`);
    }
  }
}

void main();

/**
 * Milliseconds of one training step, contenders turn by turn in one run: the kit compiled, eager and on WebAssembly,
 * and PyTorch with PEFT on the same weights, adapters and batch. Writes results/bench/steps.{json,md}.
 *
 * Run: npm run bench -- [--rounds 20] [--models kwt1,decoder256] [--methods full,lora] [--wasm 3]
 * PyTorch runs where `GORA_PYTHON` (else `python3`) has torch, transformers, peft and safetensors.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../src/formats/atomic';
import { KWT1 } from '../src/models/encoder';
import { METHODS, MODELS, TRAINING } from './cases';
import type { StepCost } from './contender';

const root = resolve(__dirname, '..');
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

/** A process that answers one line a step. */
class Runner {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(contender: Contender) {
    const [program, ...args] = contender.command;
    const env = { ...process.env, ...contender.env };
    this.child = spawn(program, args, { cwd: root, env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** @throws Error when the process ended instead. */
  async answer<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a contender ended early; see its message above');
    return JSON.parse(value);
  }

  async step(): Promise<StepCost> {
    this.child.stdin!.write('\n');
    return this.answer<StepCost>();
  }

  stop(): void {
    this.child.stdin!.end();
    this.child.kill();
  }
}

function pythonWithPeft(): string | null {
  const python = process.env.GORA_PYTHON || 'python3';
  try {
    execFileSync(python, ['-c', 'import torch, transformers, peft, safetensors'], { stdio: 'ignore' });
    return python;
  } catch {
    console.error(`${python} has no torch, transformers, peft and safetensors: set GORA_PYTHON. PyTorch is left out`);
    return null;
  }
}

function contendersOf(model: string, method: string, folder: string, rounds: number, wasm: number): Contender[] {
  const threads = availableParallelism();
  const kit = (mode: string, ...more: string[]) => [
    process.execPath,
    ...['--import', 'tsx', join(__dirname, 'contender.ts'), model, method, mode, ...more],
  ];
  const native = { GORA_BACKEND: 'native' };
  const all: Contender[] = [
    { name: 'kit compiled', command: kit('compiled', folder), env: native, warmUp: WARM_UP, rounds },
    { name: 'kit eager', command: kit('eager'), env: native, warmUp: WARM_UP, rounds },
  ];
  if (wasm > 0)
    all.push({ name: WASM, command: kit('eager'), env: { GORA_BACKEND: 'wasm' }, warmUp: WASM_WARM_UP, rounds: wasm });
  if (python) {
    const config = MODELS[model].decoder ?? KWT1;
    const command = [
      python,
      join(__dirname, 'peer.py'),
      folder,
      JSON.stringify({ config, threads, training: TRAINING }),
    ];
    all.push({ name: 'PyTorch', command, env: {}, warmUp: WARM_UP, rounds });
    all.push({ name: 'PyTorch, no spinning', command, env: { GOMP_SPINCOUNT: '0' }, warmUp: WARM_UP, rounds });
  }
  return all;
}

/** Costs of all contenders, one step each in turn. */
async function compare(model: string, method: string, rounds: number, wasm: number): Promise<Map<string, StepCost[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'gora-bench-'));
  const runners: { contender: Contender; runner: Runner; costs: StepCost[] }[] = [];
  try {
    for (const contender of contendersOf(model, method, folder, rounds, wasm)) {
      const runner = new Runner(contender);
      runners.push({ contender, runner, costs: [] });
      await runner.answer(); // the first one leaves what the peers read
    }
    for (let step = 0; step < WARM_UP + rounds; step++) {
      for (const { contender, runner, costs } of runners)
        if (step < contender.warmUp + contender.rounds) costs.push(await runner.step());
    }
    return new Map(runners.map(({ contender, costs }) => [contender.name, costs]));
  } finally {
    for (const { runner } of runners) runner.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]) => sorted(values)[values.length >> 1];

function rowsOf(model: string, method: string, costs: ReadonlyMap<string, readonly StepCost[]>): string[] {
  const counted = (name: string) => costs.get(name)!.slice(name === WASM ? WASM_WARM_UP : WARM_UP);
  const first = median(counted('kit compiled').map(({ ms }) => ms));
  return [...costs].map(([name, all]) => {
    const own = counted(name);
    const ms = own.map((cost) => cost.ms);
    const last = own[own.length - 1];
    const cells = [
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
    return `| ${cells.join(' | ')} |`;
  });
}

const HEAD = [
  '| Model | Method | Contender | min ms | median ms | over compiled | CPU ms | peak MiB | second loss |',
  '|---|---|---|---:|---:|---:|---:|---:|---:|',
];

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    wasm: { type: 'string', default: '3' },
    models: { type: 'string', default: Object.keys(MODELS).join() },
    methods: { type: 'string', default: METHODS.join() },
    out: { type: 'string', default: join(root, 'results', 'bench') },
  },
});
const python = pythonWithPeft();

async function main(): Promise<void> {
  const machine = `${cpus()[0].model}, ${availableParallelism()} threads, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const samples: object[] = [];
  const rows: string[] = [];
  for (const model of flags.models.split(',')) {
    for (const method of flags.methods.split(',')) {
      const costs = await compare(model, method, Number(flags.rounds), Number(flags.wasm));
      const own = rowsOf(model, method, costs);
      rows.push(...own);
      console.log(own.join('\n'));
      samples.push({ model, method, warmUp: WARM_UP, costs: Object.fromEntries(costs) });
      const facts = { machine, rounds: Number(flags.rounds), training: TRAINING, date: new Date().toISOString() };
      writeFileAtomic(join(flags.out, 'steps.json'), `${JSON.stringify({ ...facts, samples }, null, 1)}\n`);
      const text = [
        `One training step on ${machine}; contenders took turns, ${flags.rounds} rounds.`,
        '',
        ...HEAD,
        ...rows,
      ];
      writeFileAtomic(join(flags.out, 'steps.md'), `${text.join('\n')}\n`);
    }
  }
}

void main();

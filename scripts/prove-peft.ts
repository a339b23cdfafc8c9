/**
 * `npm run prove:peft`: every method that saves adapters, on every kind of model, to and from Hugging Face's PEFT.
 *
 * Directions, each the largest difference of the logits relative to the largest logit:
 *  kit → PEFT      an adapter trained here, loaded by PEFT
 *  merged          the same merged here into a Hugging Face folder, loaded by transformers
 *  PEFT → kit      an adapter made and trained by PEFT, loaded here
 *  init → kit      `gora init`, 20 steps in Python, back here
 *  shifted → kit   the same in the form with a shifted base, for methods that have one
 *
 * Writes results/peft/. Needs Python with torch, transformers and peft 0.21 or newer (GORA_PYTHON, else python3); where they
 * are missing it says so and ends without a fault. `--models llama,vit` does these and keeps the other rows of the results
 * that are there; `--methods gora` does a part and writes nothing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../src/errors';
import { writeAdapterFolder } from '../src/experiments/adapter-folder';
import { initAdapter } from '../src/experiments/init-adapter';
import { runExperiment } from '../src/experiments/run';
import { compactJson } from '../src/experiments/store';
import { mergeAdapter } from '../src/experiments/use-adapter';
import { writeFileAtomic } from '../src/formats/atomic';
import { toTransformers5 } from '../src/formats/peft-names';
import { readText } from '../src/formats/read';
import { attachFolder, headIn } from '../src/methods/adapter-fit';
import { allMethods } from '../src/methods/registry';
import { isInterleaved } from '../src/models/hugging-face';
import { loadModel } from '../src/models/load';
import type { Model, ModelKind, Net } from '../src/models/model';
import { disposeModel } from '../src/models/params';
import { dataFolder, projectRoot, resultsFolder } from '../src/project';
import { registerTask } from '../src/tasks';
import type { Dataset } from '../src/tasks/dataset';
import { startBackend } from '../src/tensor/backend';
import type { Batch } from '../src/tensor/batch';
import { Random } from '../src/tensor/random';

const TOLERANCE = 1e-4;
const KIT_STEPS = 4;
const PEFT_STEPS = 6;
const INIT_STEPS = 20;
const LEARNING_RATE = 5e-3;
/** Of a real checkpoint. */
const REAL_LEARNING_RATE = 5e-4;
const ROWS = 3;
const TIME = 10;
const CLASSES = 3;

type Nested = number | Nested[];
/** Inputs as transformers names them. */
type Inputs = Record<string, Nested>;

interface Subject {
  readonly name: string;
  readonly kind: Extract<ModelKind, 'causal' | 'seq2seq' | 'text' | 'image'>;
  /** What the kit loads, and what Python loads. */
  readonly source: string;
  readonly python: string;
  readonly vocabulary: number;
  /** Classes of a head that the checkpoint lacks. */
  readonly labels?: number;
  /** The checkpoint with such a head: PEFT saves none when it converts an adapter. */
  readonly headed?: string;
  readonly lr: number;
}

/** Python at the other end of a pipe, one request at a time. */
class Peer {
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly child: ChildProcess;
  private errors = '';

  constructor(python: string) {
    this.child = spawn(python, [join(__dirname, 'prove_peft.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
    if (!this.child.stdout || !this.child.stderr) throw new Error('no pipe');
    createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting.shift()?.(line));
    this.child.stderr.on('data', (chunk) => {
      this.errors = (this.errors + chunk).slice(-4000);
    });
    this.child.on('close', () => {
      for (const answer of this.waiting.splice(0)) {
        answer(JSON.stringify({ error: `Python ended: ${this.errors.trim().split('\n').slice(-3).join(' ')}` }));
      }
    });
  }

  async ask<T>(request: Record<string, unknown>): Promise<T> {
    const line = await new Promise<string>((done) => {
      this.waiting.push(done);
      this.child.stdin?.write(`${JSON.stringify(request)}\n`);
    });
    const answer = JSON.parse(line) as T & { error?: string };
    if (answer.error !== undefined) throw new UserError(`Python: ${answer.error}`);
    return answer;
  }

  end(): void {
    this.child.stdin?.end();
  }
}

/** The Python that has PEFT, or why there is none. */
function findPython(): { python: string } | { why: string } {
  const python = process.env.GORA_PYTHON || 'python3';
  const code = 'import torch, transformers, peft; print(peft.__version__)';
  const { status, stdout, error } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (error || status !== 0) return { why: `${python} has no torch, transformers and peft` };
  const [major, minor] = stdout.trim().split('.').map(Number);
  if (major > 0 || minor >= 21) return { python };
  return { why: `${python} has peft ${stdout.trim()}, and 0.21 or newer is needed` };
}

function inputsOf({ kind, vocabulary }: Subject, random: Random): Inputs {
  const ids = (rows: number, time: number) =>
    Array.from({ length: rows }, () => Array.from({ length: time }, () => 3 + random.int(vocabulary - 3)));
  const labels = Array.from({ length: ROWS }, (_, i) => i % CLASSES);
  if (kind === 'image') {
    const values = random.normals(ROWS * 3 * 16 * 16);
    let at = 0;
    const cube = Array.from({ length: ROWS }, () =>
      Array.from({ length: 3 }, () => Array.from({ length: 16 }, () => Array.from({ length: 16 }, () => values[at++]))),
    );
    return { pixel_values: cube, labels };
  }
  const tokens = ids(ROWS, TIME);
  if (kind === 'causal') return { input_ids: tokens, labels: tokens };
  // the last row is shorter than the others
  const mask = tokens.map((row, i) => row.map((_, t) => (i === ROWS - 1 && t >= TIME - 3 ? 0 : 1)));
  if (kind === 'text') return { input_ids: tokens, attention_mask: mask, labels };
  const answers = ids(ROWS, 5);
  const shifted = answers.map((row) => [0, ...row.slice(0, -1)]);
  return { input_ids: tokens, attention_mask: mask, labels: answers, decoder_input_ids: shifted };
}

/** The same inputs as the kit's batch. */
function batchOf({ kind }: Subject, inputs: Inputs): Batch {
  const ints = (value: Nested) => tf.tensor2d(value as number[][], undefined, 'int32');
  if (kind === 'image') {
    return {
      pixels: tf.tensor4d(inputs.pixel_values as number[][][][]),
      labels: tf.tensor1d(inputs.labels as number[], 'int32'),
    };
  }
  const tokens = ints(inputs.input_ids);
  if (kind === 'causal') {
    const rows = inputs.input_ids as number[][];
    const targets = rows.map((row) => [...row.slice(1), 0]);
    const weights = rows.map((row) => row.map((_, i) => (i + 1 < row.length ? 1 : 0)));
    return { tokens, targets: ints(targets), weights: tf.tensor2d(weights) };
  }
  const tokenMask = tf.tensor2d(inputs.attention_mask as number[][]);
  if (kind === 'text') return { tokens, tokenMask, labels: tf.tensor1d(inputs.labels as number[], 'int32') };
  const labels = inputs.labels as number[][];
  return {
    tokens,
    tokenMask,
    decoderTokens: ints(inputs.decoder_input_ids),
    targets: ints(labels),
    weights: tf.tensor2d(labels.map((row) => row.map(() => 1))),
  };
}

/** One batch as a task, so that everything runs as for a person's own data. */
function registerProof(subject: Subject, inputs: Inputs): string {
  const name = `proof-${subject.name}`;
  const data: Dataset = { size: ROWS, batch: () => batchOf(subject, inputs) };
  registerTask(
    {
      name,
      title: name,
      kinds: [subject.kind],
      models: [],
      options: z.strictObject({}),
      primary: { metric: 'loss', title: 'Loss', higherIsBetter: false },
      training: { steps: KIT_STEPS, batch: ROWS, compile: false },
      open: async () => ({
        ...(subject.labels !== undefined && { head: { labels: subject.labels } }),
        bind: async ({ model }) => ({
          train: data,
          validation: data,
          test: data,
          evaluate: async (net) => {
            const batch = batchOf(subject, inputs);
            const loss = tf.tidy(() => model.loss(net, batch).dataSync()[0]);
            tf.dispose(Object.values(batch));
            return { loss };
          },
          notes: {},
        }),
      }),
    },
    { replace: true },
  );
  return name;
}

async function logitsOf(subject: Subject, inputs: Inputs, model: Model, net: Net): Promise<Float32Array> {
  const batch = batchOf(subject, inputs);
  const logits = tf.tidy(() => model.logits(net, batch));
  const values = (await logits.data()) as Float32Array;
  tf.dispose([logits, ...Object.values(batch)]);
  return values;
}

/** Logits of a base with the adapter of a folder. */
async function logitsWith(subject: Subject, inputs: Inputs, base: string, adapter: string): Promise<Float32Array> {
  const head = headIn(adapter) ?? (subject.labels === undefined ? undefined : { labels: subject.labels });
  const { model } = await loadModel(base, { head });
  try {
    const adapters = attachFolder(model, adapter);
    try {
      return await logitsOf(subject, inputs, model, adapters.net);
    } finally {
      adapters.dispose();
    }
  } finally {
    disposeModel(model);
  }
}

function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [most, worst] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs(expected[i]));
    const off = Math.abs(actual[i] - expected[i]);
    worst = Math.max(worst, Number.isNaN(off) ? Number.POSITIVE_INFINITY : off);
  }
  return worst / Math.max(most, 1e-12);
}

const DIRECTIONS = ['kit → PEFT', 'merged', 'PEFT → kit', 'init → kit', 'shifted → kit'] as const;
type Direction = (typeof DIRECTIONS)[number];

interface Case {
  readonly model: string;
  readonly method: string;
  /** Relative differences; a text is why there is none. */
  readonly differences: Readonly<Partial<Record<Direction, number | string>>>;
  /** How far the trained adapters move the logits: a wrong adapter would be off by as much. */
  readonly moved: number;
}

const SHIFTING = ['pissa', 'olora', 'lora-ga'];
const OPTIONS: Readonly<Record<string, Record<string, unknown>>> = {
  adalora: { initRank: 4, rank: 2, tinit: 1, tfinal: 1, every: 1 },
  gora: { rank: 4, gradientBatches: 1 },
  'ls-lora': { rank: 4, gradientBatches: 1 },
  'lora-ga': { rank: 4, gradientBatches: 1 },
  'lora-one': { rank: 4, gradientBatches: 1 },
};

type Answer = { logits: number[] };

/** What PEFT 0.21 itself cannot make, by model and method. */
const BEYOND_PEFT: Readonly<Record<string, string>> = {
  'gpt2 olora': "PEFT's OLoRA takes a Conv1D's matrix untransposed and its forward pass then fails",
};

async function proveCase(peer: Peer, subject: Subject, inputs: Inputs, method: string, work: string): Promise<Case> {
  const place = (name: string) => join(work, name);
  const { kind, source, python, labels } = subject;
  const request = {
    task: `proof-${subject.name}`,
    method,
    model: source,
    seed: 1,
    set: { lr: subject.lr, ...(OPTIONS[method] ?? { rank: 4 }) },
  };
  const common = { kind, labels, inputs };
  let own: Float32Array = new Float32Array();
  let layers: string[] = [];
  let portable = false;
  await runExperiment(request, {
    dataDir: dataFolder(),
    onTrained: async (task, adapters) => {
      own = await logitsOf(subject, inputs, task.model, adapters.net);
      layers = adapters.targets.map(({ name }) => name);
      portable = isInterleaved(task.model.config);
      const from = { source, found: task.folder };
      await writeAdapterFolder(adapters, task.model, place('kit'), from, {});
      if (portable) await writeAdapterFolder(adapters, task.model, place('portable'), from, { portable });
    },
  });
  const base = await peer.ask<Answer>({ op: 'logits', ...common, base: python });
  const differences: Partial<Record<Direction, number | string>> = {};
  const attempt = async (direction: Direction, work: () => Promise<number>) => {
    try {
      differences[direction] = await work();
    } catch (error) {
      differences[direction] = error instanceof Error ? error.message : String(error);
    }
  };
  await attempt('kit → PEFT', async () => {
    const adapter = place(portable ? 'portable' : 'kit');
    const { logits } = await peer.ask<Answer>({ op: 'logits', ...common, base: python, adapter });
    return apart(own, logits);
  });
  await attempt('merged', async () => {
    await mergeAdapter(source, place('kit'), place('merged'));
    const { logits } = await peer.ask<Answer>({ op: 'logits', kind, inputs, base: place('merged') });
    return apart(own, logits);
  });
  const beyond = BEYOND_PEFT[`${subject.name} ${method}`];
  const fromPeft = async () => {
    const to = place('python');
    const on = SHIFTING.includes(method) ? (subject.headed ?? python) : python;
    const modules = layers.map(toTransformers5);
    const targets = [...new Set(modules.map((name) => name.split('.').slice(-2).join('.')))];
    const { logits } = await peer.ask<Answer>({
      ...{
        op: 'fresh',
        ...common,
        base: python,
        method,
        layers: modules,
        targets,
        steps: PEFT_STEPS,
        lr: LEARNING_RATE,
        to,
      },
    });
    return apart(await logitsWith(subject, inputs, on, to), logits);
  };
  if (!beyond) await attempt('PEFT → kit', fromPeft);
  const initial = async (name: string, shiftedBase?: string) => {
    const [folder, to] = [place(name), place(`${name}-trained`)];
    await initAdapter(request, { dataDir: dataFolder(), folder, shiftedBase, portable: portable || undefined });
    const on = shiftedBase ?? python;
    const trained = await peer.ask<Answer & { before: number[]; losses: number[] }>({
      ...{ op: 'train', ...common, base: on, adapter: folder, steps: INIT_STEPS, lr: subject.lr, to },
    });
    if (!(trained.losses[INIT_STEPS - 1] < trained.losses[0])) throw new UserError('training in Python did not help');
    return apart(await logitsWith(subject, inputs, on, to), trained.logits);
  };
  await attempt('init → kit', () => initial('init'));
  if (SHIFTING.includes(method)) await attempt('shifted → kit', () => initial('plain', place('shifted')));
  rmSync(work, { recursive: true, force: true });
  return { model: subject.name, method, differences, moved: apart(own, base.logits) };
}

async function subjectsOf(peer: Peer, work: string): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const [name, kind] of [
    ['llama', 'causal'],
    ['gpt2', 'causal'],
    ['t5', 'seq2seq'],
    ['bert', 'text'],
    ['vit', 'image'],
  ] as const) {
    const folder = join(work, name);
    await peer.ask({ op: 'make', folder, name });
    subjects.push({ name, kind, source: folder, python: folder, vocabulary: 96, lr: LEARNING_RATE });
  }
  const stories = join(dataFolder(), 'stories260K', 'stories260K.bin');
  if (existsSync(stories)) {
    const python = join(work, 'stories-halves');
    await mergeAdapter(stories, undefined, python);
    subjects.push({ name: 'stories260K', kind: 'causal', source: stories, python, vocabulary: 512, lr: LEARNING_RATE });
  }
  const minilm = [join(dataFolder(), 'models', 'minilm'), process.env.GORA_MINILM ?? ''].find(existsSync);
  if (minilm) {
    const headed = join(work, 'minilm-headed');
    await peer.ask({ op: 'head', kind: 'text', base: minilm, labels: CLASSES, to: headed });
    subjects.push({
      ...{ name: 'minilm', kind: 'text', source: minilm, python: minilm, vocabulary: 1000 },
      ...{ labels: CLASSES, headed, lr: REAL_LEARNING_RATE },
    });
  }
  return subjects;
}

const cellText = (value: number | string | undefined): string =>
  value === undefined ? '–' : typeof value === 'number' ? value.toExponential(1) : 'failed';

function markdown(
  cases: readonly Case[],
  versions: Readonly<Record<string, string>>,
  missing: readonly string[],
): string {
  const numbers = cases.flatMap(({ differences }) => Object.values(differences));
  const worst = Math.max(...numbers.filter((value) => typeof value === 'number'));
  const failed = numbers.filter((value) => typeof value === 'string' || value > TOLERANCE).length;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const rows = cases.map(({ model, method, differences, moved }) => [
    ...[model, method],
    ...DIRECTIONS.map((direction) => cellText(differences[direction])),
    moved.toPrecision(2),
  ]);
  const head = ['model', 'method', ...DIRECTIONS, 'moved'];
  const faults = cases.flatMap(({ model, method, differences }) =>
    Object.entries(differences).flatMap(([direction, value]) =>
      typeof value === 'string' ? [`- ${model}, ${method}, ${direction}: ${value}`] : [],
    ),
  );
  return [
    '# Adapters to and from PEFT',
    '',
    `Made by \`npm run prove:peft\` with ${names.join(', ')}.`,
    '',
    'Each number is the largest difference of the logits, relative to the largest logit.',
    '',
    '- kit → PEFT: trained here, loaded by PEFT',
    '- merged: merged here into a Hugging Face folder, loaded by transformers',
    '- PEFT → kit: made and trained by PEFT in the form that the method has there, loaded here',
    `- init → kit: \`gora init\`, ${INIT_STEPS} steps in Python, loaded here`,
    '- shifted → kit: the same with a shifted base, for methods that have one',
    '- moved: how far training moved the logits from the base, so what a wrong adapter would be off by',
    '',
    `${numbers.length} comparisons, the largest difference ${worst.toExponential(1)}; above ${TOLERANCE.toExponential(0)} or failed: ${failed}.`,
    ...(missing.length > 0 ? ['', `Not here, so not compared: ${missing.join(', ')}.`] : []),
    '',
    `| ${head.join(' | ')} |`,
    `| ${head.map((_, i) => (i < 2 ? '---' : '---:')).join(' | ')} |`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    ...Object.entries(BEYOND_PEFT).map(([which, why]) => `Not made by PEFT: ${which} (${why}).`),
    ...(faults.length > 0 ? ['', ...faults] : []),
    '',
  ].join('\n');
}

const csv = (cases: readonly Case[]): string =>
  [
    `model,method,${DIRECTIONS.join(',')},moved`,
    ...cases.map(({ model, method, differences, moved }) =>
      [model, method, ...DIRECTIONS.map((direction) => differences[direction] ?? ''), moved]
        .map((value) => (typeof value === 'string' && /[",\n]/.test(value) ? JSON.stringify(value) : value))
        .join(','),
    ),
    '',
  ].join('\n');

/** Names after an option, of those that exist; null where it is not given. @throws UserError on another name. */
function chosen(option: string, known: readonly string[]): string[] | null {
  const at = process.argv.indexOf(option);
  if (at < 0) return null;
  const names = (process.argv[at + 1] ?? '').split(',');
  const stranger = names.find((name) => !known.includes(name));
  if (stranger === undefined) return names;
  throw new UserError(`${option} ${stranger}: one of ${known.join(', ')}`);
}

/** Rows of an earlier run with the same versions. */
function earlier(file: string, versions: Readonly<Record<string, string>>): Case[] {
  if (!existsSync(file)) return [];
  const found = JSON.parse(readText(file, 'results')) as { versions: unknown; cases: Case[] };
  return JSON.stringify(found.versions) === JSON.stringify(versions) ? found.cases : [];
}

function write(cases: readonly Case[], versions: Readonly<Record<string, string>>, all: readonly string[]): void {
  const missing = MODELS.filter((name) => !all.includes(name) && !cases.some(({ model }) => model === name));
  const folder = resultsFolder('peft');
  const json = compactJson({ versions, tolerance: TOLERANCE, cases });
  writeFileAtomic(join(folder, 'README.md'), markdown(cases, versions, missing));
  writeFileAtomic(join(folder, 'differences.csv'), csv(cases));
  writeFileAtomic(join(folder, 'differences.json'), `${json}\n`);
  console.log(`written to ${folder.replace(`${projectRoot()}/`, '')}`);
}

/** In the order of the table. */
const MODELS: readonly string[] = ['llama', 'gpt2', 't5', 'bert', 'vit', 'stories260K', 'minilm'];

async function main(): Promise<number> {
  const found = findPython();
  if ('why' in found) {
    console.log(`prove:peft is passed over: ${found.why} (name a Python with GORA_PYTHON)`);
    return 0;
  }
  const adapted = allMethods().flatMap(({ name }) => (/^full(-|$)/.test(name) ? [] : [name]));
  const models = chosen('--models', MODELS);
  const methods = chosen('--methods', adapted);
  await startBackend();
  const peer = new Peer(found.python);
  const work = mkdtempSync(join(tmpdir(), 'gora-prove-'));
  try {
    const versions = {
      ...(await peer.ask<Record<string, string>>({ op: 'versions' })),
      node: process.versions.node,
      tfjs: tf.version.tfjs,
    };
    const all = await subjectsOf(peer, work);
    const cases: Case[] = [];
    for (const subject of all.filter(({ name }) => models?.includes(name) ?? true)) {
      const inputs = inputsOf(subject, new Random(1, subject.name));
      registerProof(subject, inputs);
      for (const method of methods ?? adapted) {
        const place = join(work, `${subject.name}-${method.replace('+', 'plus')}`);
        const one = await proveCase(peer, subject, inputs, method, place);
        cases.push(one);
        const cells = DIRECTIONS.map((direction) => `${direction} ${cellText(one.differences[direction])}`);
        console.log(`${subject.name.padEnd(12)} ${method.padEnd(9)} ${cells.join('  ')}`);
        for (const [direction, why] of Object.entries(one.differences)) {
          if (typeof why === 'string') console.log(`  ${direction}: ${why}`);
        }
      }
    }
    const values = cases.flatMap(({ differences }) => Object.values(differences));
    const wrong = values.filter((value) => typeof value === 'string' || value > TOLERANCE).length;
    console.log(`${values.length} comparisons, ${wrong} above ${TOLERANCE} or failed`);
    if (methods === null) {
      const others = models === null ? [] : earlier(resultsFolder('peft', 'differences.json'), versions);
      const kept = others.filter(({ model }) => !cases.some((one) => one.model === model));
      const rows = [...kept, ...cases].sort((a, b) => MODELS.indexOf(a.model) - MODELS.indexOf(b.model));
      const names = all.map(({ name }) => name);
      write(rows, versions, names);
    }
    return wrong > 0 ? 1 : 0;
  } finally {
    peer.end();
    rmSync(work, { recursive: true, force: true });
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(error instanceof UserError ? error.message : error);
    process.exitCode = 1;
  },
);

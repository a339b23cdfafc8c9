/**
 * Damaged files against their readers. What is read must be what the file says, by a second, plain reading of it; all else
 * must be a UserError, in bounded time and memory. Every case follows from a seed and its number alone.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { messageOf, UserError } from '../../src/errors';
import { openGguf } from '../../src/formats/gguf';
import { type LoadedAdapter, loadAdapter, saveAdapter } from '../../src/formats/peft';
import { openSafetensors, parseSafetensors } from '../../src/formats/safetensors';
import { serializeSafetensors } from '../../src/formats/safetensors-write';
import { attachFolder } from '../../src/methods/adapter-fit';
import { allForms } from '../../src/methods/forms';
import { randomModel } from '../../src/models/auto';
import { Random } from '../../src/tensor/random';
import { loadTokenizer } from '../../src/tokenizers';
import { damageBytes, damageJson, damageSafetensors } from './mutate';
import { PEFT_LAYERS, peftCases } from './peft-cases';

/** What one case came to. */
export type Outcome = 'read' | 'refused' | 'fault';

export interface CaseResult {
  readonly subject: string;
  readonly outcome: Outcome;
  /** What was thrown, or how reader and file disagree. */
  readonly why: string;
  readonly milliseconds: number;
}

/** A reader and files for it. `attempt` damages one and reads it; throws what the reader throws, or a FuzzFault. */
export interface FuzzSubject {
  readonly name: string;
  /** Cases out of a hundred. */
  readonly share: number;
  attempt(random: Random): void;
}

/** The reader took a file for something that it is not. */
export class FuzzFault extends Error {}

/** Runs one case. */
export function runCase(subjects: readonly FuzzSubject[], seed: number, number: number): CaseResult {
  const random = new Random(seed, `case ${number}`);
  const total = subjects.reduce((sum, { share }) => sum + share, 0);
  let at = random.uniform() * total;
  const subject = subjects.find(({ share }) => (at -= share) < 0) ?? subjects[0];
  const began = performance.now();
  let [outcome, why]: [Outcome, string] = ['read', ''];
  try {
    subject.attempt(random);
  } catch (error) {
    outcome = error instanceof UserError ? 'refused' : 'fault';
    why =
      error instanceof UserError
        ? messageOf(error)
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
  }
  return { subject: subject.name, outcome, why, milliseconds: performance.now() - began };
}

const WIDTHS: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
};

/** The tensors of a file by `JSON.parse` and slices: right for files that are right, and nothing else is asked of it. */
function plainReading(bytes: Uint8Array): Map<string, { dtype: string; shape: number[]; data: Buffer }> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 8 + Number(all.readBigUInt64LE(0));
  const header = JSON.parse(all.toString('utf8', 8, end)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: number[] }
  >;
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  return new Map(
    names.map((name) => {
      const {
        dtype,
        shape,
        data_offsets: [from, to],
      } = header[name];
      return [name, { dtype, shape, data: all.subarray(end + from, end + to) }];
    }),
  );
}

const times = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function expect(truth: boolean, what: string): asserts truth {
  if (!truth) throw new FuzzFault(what);
}

/** A reader of safetensors bytes, as `parseSafetensors`. */
export type SafetensorsReader = typeof parseSafetensors;

/** Checks what a reader of safetensors makes of bytes. */
export function checkSafetensors(bytes: Uint8Array, read: SafetensorsReader): void {
  const { tensors } = read(bytes, 'fuzz.safetensors');
  const plain = plainReading(bytes);
  expect(tensors.size === plain.size, `${tensors.size} tensors read, the header has ${plain.size}`);
  let covered = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    const own = plain.get(name);
    expect(own !== undefined, `no tensor ${name} in the header`);
    expect(
      own.dtype === dtype && own.shape.join() === shape.join(),
      `${name} is ${own.dtype} [${own.shape}], read as ${dtype} [${shape}]`,
    );
    expect(own.data.equals(data), `${name} has other bytes than the file`);
    const width = WIDTHS[dtype] ?? 1;
    expect(data.length === times(shape) * width, `${name} of ${dtype} [${shape}] has ${data.length} bytes`);
    covered += data.length;
  }
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  expect(8 + Number(all.readBigUInt64LE(0)) + covered === bytes.length, 'the tensors do not cover the file');
}

function manyTypes(): Uint8Array {
  const random = new Random(3, 'fuzz tensors');
  return serializeSafetensors(
    new Map([
      ['a.weight', { shape: [4, 3], data: random.normals(12), dtype: 'F32' as const }],
      ['b.weight', { shape: [2, 2, 2], data: random.normals(8), dtype: 'F16' as const }],
      ['c.bias', { shape: [5], data: random.normals(5), dtype: 'BF16' as const }],
      ['empty', { shape: [0, 3], data: new Float32Array(), dtype: 'F32' as const }],
      ['scalar', { shape: [], data: Float32Array.of(2), dtype: 'F32' as const }],
      ['ids', { shape: [3], data: Int32Array.of(1, 2, 3), dtype: 'I32' as const }],
    ]),
    { format: 'pt' },
  );
}

/** One to three changes. */
function repeated<T>(value: T, random: Random, change: (value: T, random: Random) => T): T {
  let changed = value;
  for (let left = 1 + random.int(3); left > 0; left--) changed = change(changed, random);
  return changed;
}

const safeRepeat = (bytes: Uint8Array, random: Random) =>
  repeated(bytes, random, (value, dice) => {
    const header = value.length >= 8 ? Buffer.from(value.buffer, value.byteOffset, 8).readBigUInt64LE(0) : 0n;
    const whole = header > 0n && 8n + header <= BigInt(value.length);
    return whole ? damageSafetensors(value, dice) : damageBytes(value, dice);
  });

/** What an adapter that was read must be: its tensors those of the file, ranks and scales of one piece. */
export function checkAdapter({ form, layers, empty, modules }: LoadedAdapter, weights: Uint8Array): void {
  const plain = plainReading(weights);
  let held = modules.size + empty.length * Object.keys(form.tensors).length;
  for (const { name, A, B, extra, rank, scale } of layers) {
    const [r, fanIn] = A.shape;
    const [out, width] = B.shape;
    expect(r === width && r === rank, `${name}: rank ${rank}, A [${A.shape}], B [${B.shape}]`);
    expect(A.data.length === r * fanIn && B.data.length === out * r, `${name}: values do not fill the shapes`);
    expect(Number.isFinite(scale), `${name}: scale ${scale}`);
    for (const [letter, tensor] of [
      ['A', A],
      ['B', B],
    ] as const) {
      const own =
        plain.get(`base_model.model.${name}.lora_${letter}.weight`) ??
        plain.get(`base_model.model.${name}.lora_${letter}`);
      expect(own !== undefined, `${name}: no lora_${letter} in the file`);
      if (own.dtype !== 'F32') continue;
      expect(
        Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength).equals(own.data),
        `${name}: lora_${letter} has other values than the file`,
      );
    }
    held += 2 + Object.keys(extra ?? {}).length;
  }
  expect(held === plain.size, `${held} tensors used of ${plain.size}`);
}

/** A model that the adapters of peft-cases.ts fit. */
const tinyLlama = () =>
  randomModel(
    'tiny',
    {
      model_type: 'llama',
      hidden_size: 8,
      intermediate_size: 12,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      vocab_size: 16,
      max_position_embeddings: 16,
      tie_word_embeddings: true,
      rms_norm_eps: 1e-5,
    },
    new Random(1),
  );

/** One of so many read adapters is attached to a model as well. */
const ATTACH_EVERY = 8;

/**
 * The readers of this kit and files for them.
 * @param folder empty; files are written there. @param fixtures the folder of committed fixtures.
 */
export function fuzzSubjects(folder: string, fixtures: string): FuzzSubject[] {
  const seeds = path.join(folder, 'seeds');
  const adapters = Object.entries(peftCases()).map(([name, adapter]) => {
    const place = path.join(seeds, name);
    const head = { shape: [2, 8], data: new Random(1, 'head').normals(16) };
    saveAdapter(place, { ...adapter, ...(name === 'plain' && { modules: new Map([['classifier.weight', head]]) }) });
    return {
      config: fs.readFileSync(path.join(place, 'adapter_config.json'), 'latin1'),
      weights: new Uint8Array(fs.readFileSync(path.join(place, 'adapter_model.safetensors'))),
      // the head is none of the model's
      fits: name !== 'plain',
    };
  });
  const files = [manyTypes(), ...adapters.map(({ weights }) => weights)];
  const at = (name: string) => path.join(folder, name);
  const adapterFolder = at('adapter');
  fs.mkdirSync(adapterFolder, { recursive: true });
  const model = tinyLlama();
  const layers = new Set(Object.keys(PEFT_LAYERS));

  const gguf = fs.readFileSync(path.join(fixtures, 'gguf', 'types.gguf'));
  const llama = fs.readFileSync(path.join(fixtures, 'gguf', 'llama.gguf'));
  const tokenizers = ['byte-bpe', 'wordpiece', 't5'].map((name) =>
    fs.readFileSync(path.join(fixtures, 'tokenizers', name, 'tokenizer.json'), 'latin1'),
  );
  fs.mkdirSync(at('tokenizer'), { recursive: true });

  return [
    {
      name: 'safetensors in memory',
      share: 50,
      attempt: (random) => checkSafetensors(safeRepeat(random.pick(files), random), parseSafetensors),
    },
    {
      name: 'safetensors on disk',
      share: 10,
      attempt: (random) => {
        const bytes = safeRepeat(random.pick(files), random);
        fs.writeFileSync(at('fuzz.safetensors'), bytes);
        const file = openSafetensors(at('fuzz.safetensors'));
        try {
          const plain = plainReading(bytes);
          for (const name of file.names) {
            const own = plain.get(name);
            expect(
              own !== undefined && own.shape.join() === file.shape(name).join(),
              `${name} is not as in the header`,
            );
            expect(file.read(name).length === times(own.shape), `${name} has another number of values than its shape`);
          }
        } finally {
          file.close();
        }
      },
    },
    {
      name: 'adapter folder',
      share: 30,
      attempt: (random) => {
        const seed = random.pick(adapters);
        const where = random.int(3);
        const config = where === 0 ? seed.config : repeated(seed.config, random, damageJson);
        const weights = where === 1 ? seed.weights : safeRepeat(seed.weights, random);
        fs.writeFileSync(path.join(adapterFolder, 'adapter_config.json'), config, 'latin1');
        fs.writeFileSync(path.join(adapterFolder, 'adapter_model.safetensors'), weights);
        const loaded = loadAdapter(adapterFolder, allForms);
        checkAdapter(loaded, weights);
        if (random.int(ATTACH_EVERY) > 0) return;
        const attached = attachFolder(model, adapterFolder);
        try {
          expect(
            attached.targets.every(({ name }) => layers.has(name)) && attached.targets.length === loaded.layers.length,
            'other layers are adapted than the file has',
          );
        } finally {
          attached.dispose();
        }
      },
    },
    {
      name: 'GGUF',
      share: 7,
      attempt: (random) => {
        const bytes = repeated<Uint8Array>(random.int(4) === 0 ? gguf : llama, random, damageBytes);
        fs.writeFileSync(at('fuzz.gguf'), bytes);
        const file = openGguf(at('fuzz.gguf'));
        try {
          for (const name of file.names) {
            expect(
              file.read(name).length === times(file.shape(name)),
              `${name} has another number of values than its shape`,
            );
          }
        } finally {
          file.close();
        }
      },
    },
    {
      name: 'tokenizer.json',
      share: 3,
      attempt: (random) => {
        fs.writeFileSync(
          at('tokenizer/tokenizer.json'),
          repeated(random.pick(tokenizers), random, damageJson),
          'latin1',
        );
        const tokenizer = loadTokenizer(at('tokenizer'));
        const { ids } = tokenizer.encodeModel('The 2 quick foxes — über jumped, 1234 times!');
        expect(
          ids.every((id) => Number.isSafeInteger(id) && id >= 0 && id < tokenizer.vocabSize),
          `ids ${ids}`,
        );
      },
    },
  ];
}

export interface FuzzReport {
  readonly cases: number;
  readonly outcomes: Readonly<Record<string, Readonly<Record<Outcome, number>>>>;
  readonly faults: readonly (CaseResult & { readonly number: number })[];
  readonly slowest: CaseResult & { readonly number: number };
  /** Most resident memory above what there was at the start, MiB. */
  readonly growth: number;
  /** Tensors of tfjs that were left behind. */
  readonly leaked: number;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  /** First case. */
  readonly from?: number;
  /** Told now and then, and before every case where `number` alone is wanted. */
  readonly onCase?: (number: number) => void;
  /** Milliseconds a case may take. */
  readonly most?: number;
  /** Stop after so many faults; default 20. */
  readonly faults?: number;
}

/** Runs cases `from` … `from + count − 1`. */
export function fuzz(subjects: readonly FuzzSubject[], options: FuzzOptions): FuzzReport {
  const { seed, count, from = 0, most = 5000, faults: enough = 20, onCase } = options;
  const outcomes: Record<string, Record<Outcome, number>> = {};
  const faults: (CaseResult & { number: number })[] = [];
  const start = process.memoryUsage.rss();
  const live = tf.memory().numTensors;
  let slowest: (CaseResult & { number: number }) | null = null;
  let [growth, done] = [0, 0];
  for (let number = from; number < from + count && faults.length < enough; number++) {
    onCase?.(number);
    const result = { ...runCase(subjects, seed, number), number };
    done++;
    const tally = (outcomes[result.subject] ??= { read: 0, refused: 0, fault: 0 });
    const slow = result.milliseconds > most;
    tally[slow ? 'fault' : result.outcome]++;
    if (slow)
      faults.push({ ...result, outcome: 'fault', why: `took ${result.milliseconds.toFixed(0)} ms. ${result.why}` });
    else if (result.outcome === 'fault') faults.push(result);
    if (slowest === null || result.milliseconds > slowest.milliseconds) slowest = result;
    growth = Math.max(growth, process.memoryUsage.rss() - start);
  }
  if (slowest === null) throw new UserError('no case to run: the count is 0');
  return { cases: done, outcomes, faults, slowest, growth: growth / 2 ** 20, leaked: tf.memory().numTensors - live };
}

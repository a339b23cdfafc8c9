/**
 * What is in a file or folder of weights, and what about it is odd: adapters of PEFT, safetensors, model folders, GGUF.
 * Nothing is refused that can be read; what `loadAdapters` would refuse is named.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors';
import { openGguf } from './gguf';
import { CONFIG_FILE, WEIGHTS_FILE } from './peft';
import { fieldProblem, isSet } from './peft-fields';
import { LayerPatterns, targetsOf } from './peft-targets';
import { readText } from './read';
import { openSafetensors } from './safetensors';
import { openShardedSafetensors } from './safetensors-sharded';
import type { WeightFile } from './weights';

export interface InspectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where values were read. */
  readonly values?: { readonly least: number; readonly most: number; readonly rms: number; readonly odd: number };
}

/** One adapted layer. */
export interface InspectedLayer {
  readonly name: string;
  readonly rank: number | null;
  readonly alpha: number;
  readonly scale: number | null;
  readonly A: readonly number[] | null;
  readonly B: readonly number[] | null;
  /** Norm of scale · B · A; 0: it changes nothing yet. */
  readonly change: number | null;
}

export interface Inspection {
  readonly path: string;
  readonly kind: 'PEFT adapter' | 'safetensors file' | 'model folder' | 'GGUF file';
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly tensors: readonly InspectedTensor[];
  /** Adapted layers; adapters only. */
  readonly layers: readonly InspectedLayer[];
  /** What a person should know, a sentence each. */
  readonly odd: readonly string[];
}

export interface InspectOptions {
  /** Read every value, to find NaN, infinity and zeros. Adapters are always read. */
  readonly values?: boolean;
}

type Values = NonNullable<InspectedTensor['values']>;

function valuesOf(data: Float32Array): Values {
  let [least, most, squares, odd] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) odd++;
    else {
      least = Math.min(least, value);
      most = Math.max(most, value);
      squares += value * value;
    }
  }
  const finite = data.length - odd;
  return { least: finite ? least : 0, most: finite ? most : 0, rms: finite ? Math.sqrt(squares / finite) : 0, odd };
}

const countOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function tensorsOf(file: WeightFile, values: boolean): InspectedTensor[] {
  return file.names.map((name) => ({
    name,
    dtype: file.dtype(name),
    shape: file.shape(name),
    ...(values && { values: valuesOf(file.read(name)) }),
  }));
}

/** `F32 12, F16 3`, most first. */
function tally(items: readonly string[], between = ' '): string {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([item, count]) => `${item}${between}${count}`)
    .join(', ');
}

function sizeFacts(tensors: readonly InspectedTensor[]): [string, string][] {
  const values = tensors.reduce((sum, { shape }) => sum + countOf(shape), 0);
  return [
    ['tensors', String(tensors.length)],
    ['values', values.toLocaleString('en')],
    ['types', tally(tensors.map(({ dtype }) => dtype))],
  ];
}

function oddTensors(tensors: readonly InspectedTensor[]): string[] {
  return tensors.flatMap(({ name, shape, values }) => [
    ...(shape.includes(0) ? [`${name} is empty, [${shape}]`] : []),
    ...(values && values.odd > 0 ? [`${name} holds ${values.odd} values that are NaN or infinite`] : []),
  ]);
}

/** The JSON object of a file; null, and a remark, when it is none. */
function readObject(path: string, what: string, odd: string[]): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(readText(path, what));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    odd.push(`${path} does not hold a JSON object`);
  } catch (error) {
    odd.push(`${path} cannot be read: ${messageOf(error)}`);
  }
  return null;
}

/** ‖B·A‖ from the r × r products of the factors: trace(AᵀBᵀBA). */
function productNorm(a: Float32Array, b: Float32Array, rank: number): number {
  const [fanIn, out] = [a.length / rank, b.length / rank];
  let sum = 0;
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < rank; j++) {
      let [aa, bb] = [0, 0];
      for (let k = 0; k < fanIn; k++) aa += a[i * fanIn + k] * a[j * fanIn + k];
      for (let k = 0; k < out; k++) bb += b[k * rank + i] * b[k * rank + j];
      sum += aa * bb;
    }
  }
  return Math.sqrt(Math.max(0, sum));
}

const PREFIX = 'base_model.model.';
const PART = /^(.+)\.lora_(A|B|E)(\.weight)?$/;

const numberOr = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise;

/** A pattern field's values; a remark where it is none. */
function patternsOf(config: Record<string, unknown>, key: string, odd: string[]): LayerPatterns | null {
  const value = config[key];
  if (!isSet(value)) return null;
  try {
    const entries = Object.entries(value as Record<string, unknown>).map(([name, item]): [string, number] => [
      name,
      Number(item),
    ]);
    return new LayerPatterns(new Map(entries), key);
  } catch (error) {
    odd.push(messageOf(error));
    return null;
  }
}

function adapterLayers(
  file: WeightFile,
  config: Record<string, unknown>,
  odd: string[],
): { layers: InspectedLayer[]; modules: string[] } {
  const parts = new Map<string, Map<string, string>>();
  const modules: string[] = [];
  for (const name of file.names) {
    if (!name.startsWith(PREFIX)) odd.push(`the tensor ${name} does not begin with ${PREFIX}`);
    const bare = name.replace(PREFIX, '');
    const match = PART.exec(bare);
    if (match) {
      const found = parts.get(match[1]) ?? new Map<string, string>();
      parts.set(match[1], found.set(match[2], name));
    } else if (!/\.lora_magnitude_vector(\.weight)?$/.test(bare)) modules.push(bare);
  }
  const adalora = config.peft_type === 'ADALORA';
  const usualRank = adalora ? numberOr(config.init_r, 12) : numberOr(config.r, 8);
  /** PEFT's factor of B·A; AdaLoRA's is that of the starting rank, whatever is left of a layer. */
  const scaleOf = (alpha: number, rank: number): number => {
    if (adalora) return (alpha > 0 ? alpha : usualRank) / (usualRank + 1e-5);
    return alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank);
  };
  const usualAlpha = numberOr(config.lora_alpha, 8);
  const ranks = adalora ? null : patternsOf(config, 'rank_pattern', odd);
  const alphas = patternsOf(config, 'alpha_pattern', odd);
  const names = [...parts.keys()];
  for (const patterns of [ranks, alphas]) {
    try {
      if (names.length > 0) patterns?.checkUsed(names);
    } catch (error) {
      odd.push(messageOf(error));
    }
  }
  const layers = Array.from(parts, ([name, part]): InspectedLayer => {
    const shape = (letter: string) => {
      const own = part.get(letter);
      return own === undefined ? null : file.shape(own);
    };
    const [A, B] = [shape('A'), shape('B')];
    const alpha = alphas?.valueOf(name, usualAlpha) ?? usualAlpha;
    const given = ranks?.valueOf(name, usualRank) ?? usualRank;
    const rank = A?.[0] ?? B?.[1] ?? null;
    if (!A || !B) odd.push(`${name} has no lora_${A ? 'B' : 'A'}`);
    if (A && B && A[0] !== B[1]) odd.push(`${name}: lora_A [${A}] and lora_B [${B}] do not fit together`);
    if (!adalora && rank !== null && rank !== given)
      odd.push(`${name} has rank ${rank}, and the config gives it ${given}`);
    let change: number | null = null;
    const fits = A && B && A.length === 2 && B.length === 2 && A[0] === B[1] && A[0] > 0;
    if (fits && rank !== null && !adalora) {
      const [a, b] = [file.read(part.get('A') as string), file.read(part.get('B') as string)];
      change = Math.abs(scaleOf(alpha, rank)) * productNorm(a, b, rank);
    }
    return { name, rank, alpha, scale: rank ? scaleOf(alpha, rank) : null, A, B, change };
  });
  return { layers, modules };
}

/** What the config says of the layers: those that it does not name. */
function oddTargets(config: Record<string, unknown>, layers: readonly InspectedLayer[], odd: string[]): void {
  try {
    const targets = targetsOf(config, CONFIG_FILE);
    const strangers = targets ? layers.filter(({ name }) => !targets(name)) : [];
    if (strangers.length > 0) {
      odd.push(
        `target_modules does not name ${strangers[0].name}${strangers.length > 1 ? ` and ${strangers.length - 1} more` : ''}: PEFT would leave them out`,
      );
    }
  } catch (error) {
    odd.push(messageOf(error));
  }
}

/** A field's value in few characters. */
function short(value: unknown): string {
  if (Array.isArray(value) && value.length > 6) return `${value.slice(0, 6).join(', ')}, … (${value.length})`;
  const text = Array.isArray(value)
    ? value.join(', ')
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}

const ADAPTER_FIELDS = [
  'peft_type',
  'task_type',
  'base_model_name_or_path',
  'r',
  'init_r',
  'lora_alpha',
  'use_rslora',
  'use_dora',
  'init_lora_weights',
  'target_modules',
  'rank_pattern',
  'alpha_pattern',
  'modules_to_save',
];

function inspectAdapter(folder: string): Inspection {
  const odd: string[] = [];
  const config = readObject(join(folder, CONFIG_FILE), 'adapter config', odd) ?? {};
  const path = join(folder, WEIGHTS_FILE);
  if (!existsSync(path)) {
    const pickle = existsSync(join(folder, 'adapter_model.bin')) ? '; adapter_model.bin is a Python pickle' : '';
    throw new UserError(`${folder} has ${CONFIG_FILE} and no ${WEIGHTS_FILE}${pickle}`);
  }
  const file = openSafetensors(path);
  try {
    const tensors = tensorsOf(file, true);
    const { layers, modules } = adapterLayers(file, config, odd);
    oddTargets(config, layers, odd);
    if (config.peft_type !== 'LORA' && config.peft_type !== 'ADALORA') {
      odd.push(`peft_type is ${JSON.stringify(config.peft_type)}; LORA and ADALORA are loaded`);
    } else {
      const problem = fieldProblem(config);
      if (problem !== null) odd.push(problem);
    }
    const still = layers.filter(({ change }) => change === 0);
    if (layers.length > 0 && still.length === layers.length) odd.push('every change is 0: it was not trained yet');
    else if (still.length > 0)
      odd.push(`${still.length} of ${layers.length} layers change nothing, e.g. ${still[0].name}`);
    odd.push(...oddTensors(tensors));
    const fields = ADAPTER_FIELDS.filter((key) => isSet(config[key])).map((key): [string, string] => [
      key,
      short(config[key]),
    ]);
    const ranks = layers.map(({ rank }) => String(rank));
    return {
      path: folder,
      kind: 'PEFT adapter',
      facts: [
        ...fields,
        ['layers', String(layers.length)],
        ['ranks', tally(ranks, ' ×')],
        ...(modules.length > 0 ? [['whole modules', short(modules)] as [string, string]] : []),
        ...sizeFacts(tensors),
      ],
      tensors,
      layers,
      odd,
    };
  } finally {
    file.close();
  }
}

const MODEL_FIELDS = [
  'model_type',
  'architectures',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'vocab_size',
  'torch_dtype',
  'dtype',
  'rope_interleaved',
];

function inspectModel(folder: string, values: boolean): Inspection {
  const odd: string[] = [];
  const config = existsSync(join(folder, 'config.json'))
    ? (readObject(join(folder, 'config.json'), "model's configuration", odd) ?? {})
    : {};
  const whole = join(folder, 'model.safetensors');
  const index = `${whole}.index.json`;
  if (!existsSync(whole) && !existsSync(index)) {
    throw new UserError(
      `${folder} holds neither an adapter (${CONFIG_FILE}) nor a model (model.safetensors); it has ${readdirSync(folder).slice(0, 5).join(', ') || 'nothing'}`,
    );
  }
  const file = existsSync(whole) ? openSafetensors(whole) : openShardedSafetensors(index);
  try {
    const tensors = tensorsOf(file, values);
    if (!existsSync(join(folder, 'config.json')))
      odd.push('there is no config.json, so nothing can load it as a model');
    if (
      !readdirSync(folder).some((name) => /^(tokenizer\.json|vocabulary\.json|preprocessor_config\.json)$/.test(name))
    )
      odd.push('there is neither a tokenizer nor a preprocessor beside the weights');
    if (config.rope_interleaved === true)
      odd.push('its rotary pairs are neighbours (llama2.c): transformers has no such model; `gora merge` writes one');
    odd.push(...oddTensors(tensors));
    const fields = MODEL_FIELDS.filter((key) => isSet(config[key])).map((key): [string, string] => [
      key,
      short(config[key]),
    ]);
    return { path: folder, kind: 'model folder', facts: [...fields, ...sizeFacts(tensors)], tensors, layers: [], odd };
  } finally {
    file.close();
  }
}

function inspectGguf(path: string, values: boolean): Inspection {
  const file = openGguf(path);
  try {
    const odd: string[] = [];
    const readable = (name: string) => {
      try {
        return { values: valuesOf(file.read(name)) };
      } catch (error) {
        odd.push(messageOf(error));
        return {};
      }
    };
    const tensors = file.names.map((name) => ({
      name,
      dtype: file.dtype(name),
      shape: file.shape(name),
      ...(values && readable(name)),
    }));
    const facts = Array.from(file.metadata, ([key, value]): [string, string] => [key, short(value)]);
    odd.push(...oddTensors(tensors));
    return { path, kind: 'GGUF file', facts: [...facts, ...sizeFacts(tensors)], tensors, layers: [], odd };
  } finally {
    file.close();
  }
}

/**
 * Looks at an adapter folder, a model folder, a `.safetensors` or a `.gguf`.
 * @throws UserError when there is nothing of that kind, or it cannot be read at all.
 */
export function inspectPath(path: string, { values = false }: InspectOptions = {}): Inspection {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new UserError(`${path}: no such file or folder; check the path`);
  if (stats.isDirectory()) {
    return existsSync(join(path, CONFIG_FILE)) ? inspectAdapter(path) : inspectModel(path, values);
  }
  if (path.endsWith('.gguf')) return inspectGguf(path, values);
  if (!/\.safetensors(\.gz)?$/.test(path)) {
    throw new UserError(`${path} is not looked into: name a folder, a .safetensors or a .gguf`);
  }
  const file = openSafetensors(path);
  try {
    const tensors = tensorsOf(file, values);
    return { path, kind: 'safetensors file', facts: sizeFacts(tensors), tensors, layers: [], odd: oddTensors(tensors) };
  } finally {
    file.close();
  }
}

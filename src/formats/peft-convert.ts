/**
 * PEFT folders rewritten in place, by their files alone: the half of a converted adapter that trains, and rotary rows
 * in Hugging Face's order. Whoever calls this does so in a folder that nobody reads yet.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../errors';
import { writeFileAtomic } from './atomic';
import { CONFIG_FILE, WEIGHTS_FILE } from './peft';
import type { Matrix } from './peft-layer';
import { toTransformers5 } from './peft-names';
import { readText } from './read';
import { interleavedToHalves } from './rotary';
import { readSafetensors, toFloat32 } from './safetensors';
import { writeSafetensors } from './safetensors-write';

type Config = Record<string, unknown>;

const FACTOR = /\.lora_([AB])(\.weight)?$/;

/** Every tensor of the folder's weights, changed by `change`. */
function rewriteTensors(
  folder: string,
  change: (name: string, tensor: Matrix) => Matrix,
  rename = (name: string) => name,
): void {
  const file = path.join(folder, WEIGHTS_FILE);
  const { tensors, metadata } = readSafetensors(file);
  const changed = Array.from(tensors, ([name, tensor]): [string, Matrix] => [
    rename(name),
    change(name, { shape: tensor.shape, data: toFloat32(tensor) }),
  ]);
  writeSafetensors(file, new Map(changed.map(([name, tensor]) => [name, { ...tensor, dtype: 'F32' }])), metadata);
}

/** The adapter config of a folder, changed by `change`; keys stay in their order. */
export function rewriteConfig(folder: string, change: (config: Config) => Config): void {
  const file = path.join(folder, CONFIG_FILE);
  const config = JSON.parse(readText(file, 'adapter config')) as Config;
  writeFileAtomic(file, `${JSON.stringify(change(config), null, 2)}\n`);
}

/** Sizes of lora_A by layer path: their ranks. */
export function ranksInFile(folder: string): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const [name, { shape }] of readSafetensors(path.join(folder, WEIGHTS_FILE)).tensors) {
    const match = /^base_model\.model\.(.+)\.lora_A(\.weight)?$/.exec(name);
    if (match) ranks.set(match[1], shape[0]);
  }
  return ranks;
}

/** Rows 0 … n/2 − 1 of A [n, in], or columns 0 … n/2 − 1 of B [out, n]. */
function firstHalf({ shape, data }: Matrix, factor: string): Matrix {
  const [rows, columns] = shape;
  if ((factor === 'A' ? rows : columns) % 2 !== 0) throw new UserError('a converted adapter has an even rank');
  if (factor === 'A') return { shape: [rows / 2, columns], data: data.slice(0, (rows / 2) * columns) };
  const half = columns / 2;
  const out = new Float32Array(rows * half);
  for (let i = 0; i < rows; i++) out.set(data.subarray(i * columns, i * columns + half), i * half);
  return { shape: [rows, half], data: out };
}

/**
 * Undoes `changeFromInit` in a saved folder: [A; A₀] and [B, −B₀] over the untouched base become A and B over the base
 * that was shifted by s·B₀·A₀. Ranks halve, and α so that the scale stays.
 */
export function keepTrainedHalf(folder: string): void {
  rewriteTensors(folder, (name, tensor) => {
    const factor = FACTOR.exec(name);
    return factor ? firstHalf(tensor, factor[1]) : tensor;
  });
  rewriteConfig(folder, (config) => {
    const by = config.use_rslora ? Math.SQRT2 : 2;
    const alpha = (value: number) => Number((value / by).toPrecision(12));
    const each = (pattern: unknown, change: (value: number) => number) =>
      Object.fromEntries(Object.entries((pattern ?? {}) as Record<string, number>).map(([k, v]) => [k, change(v)]));
    return {
      ...config,
      r: (config.r as number) / 2,
      lora_alpha: alpha(config.lora_alpha as number),
      rank_pattern: each(config.rank_pattern, (value) => value / 2),
      alpha_pattern: each(config.alpha_pattern, alpha),
    };
  });
}

/**
 * Puts the rows of B (and DoRA's magnitudes) of q_proj and k_proj into Hugging Face's rotary order; see rotary.ts.
 * @param headSize dimensions of one head.
 */
export function toHalvesInPlace(folder: string, headSize: number): void {
  rewriteTensors(folder, (name, tensor) =>
    /(^|\.)[qk]_proj\.(lora_B(\.weight)?|lora_magnitude_vector(\.weight)?)$/.test(name)
      ? interleavedToHalves(tensor, headSize)
      : tensor,
  );
}

/** Gives every tensor another name, and the config other targets and patterns. */
export function renameInPlace(
  folder: string,
  rename: (name: string) => string,
  config: (config: Config) => Config,
): void {
  rewriteTensors(folder, (_, tensor) => tensor, rename);
  rewriteConfig(folder, config);
}

/** Names of transformers 5 in a folder that this kit saved; see peft-names.ts. */
export function toTransformers5InPlace(folder: string): void {
  const keys = (value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, item]) => [toTransformers5(key), item]))
      : value;
  renameInPlace(folder, toTransformers5, (config) => ({
    ...config,
    target_modules: (config.target_modules as string[]).map(toTransformers5),
    rank_pattern: keys(config.rank_pattern),
    alpha_pattern: keys(config.alpha_pattern),
  }));
}

/** Whether a path is a PEFT folder. */
export const isAdapterFolder = (folder: string): boolean => fs.existsSync(path.join(folder, CONFIG_FILE));

/** Whether a PEFT folder was made for a model: compared by names and shapes, before anything is attached. */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors';
import { CONFIG_FILE, WEIGHTS_FILE } from '../formats/peft';
import { renameInPlace } from '../formats/peft-convert';
import { fromTransformers5, toTransformers5 } from '../formats/peft-names';
import { LayerPatterns, targetsOf } from '../formats/peft-targets';
import { openSafetensors } from '../formats/safetensors';
import type { HeadRequest, Model } from '../models/model';
import type { Adapters } from './method';
import { loadAdapters } from './save';

const PREFIX = 'base_model.model.';
const PART = /^(.+)\.(lora_A|lora_B|lora_E|lora_magnitude_vector)(\.weight)?$/;

/** Names as the kit has them, without prefix, and shapes of the tensors of a folder; empty where there is no safetensors file. */
function shapesIn(folder: string): Map<string, readonly number[]> {
  const file = join(folder, WEIGHTS_FILE);
  if (!existsSync(file)) return new Map();
  const weights = openSafetensors(file);
  weights.close();
  return new Map(weights.names.map((name) => [fromTransformers5(name.replace(PREFIX, '')), weights.shape(name)]));
}

/** What of an adapter has no counterpart in the model, or one of another shape, a sentence each. */
export function adapterDifferences(model: Model, folder: string): string[] {
  const layers = new Map(model.linears.map((layer) => [layer.name, layer]));
  const found: string[] = [];
  const strangers = new Set<string>();
  for (const [name, shape] of shapesIn(folder)) {
    const match = PART.exec(name);
    if (!match) {
      const own = model.params.get(name);
      if (!own) found.push(`the model has no weight "${name}" [${shape}]`);
      else if (own.shape.join() !== shape.join()) {
        found.push(`"${name}" is [${shape}] in the adapter and [${own.shape}] in the model`);
      }
      continue;
    }
    const [, path, part] = match;
    const layer = layers.get(path);
    if (!layer) {
      if (!strangers.has(path)) found.push(`the model has no linear layer "${path}"`);
      strangers.add(path);
    } else if (part === 'lora_A' && shape.length === 2 && shape[1] !== layer.in) {
      found.push(`"${path}" reads ${shape[1]} numbers in the adapter and ${layer.in} in the model`);
    } else if (part === 'lora_B' && shape.length === 2 && shape[0] !== layer.out) {
      found.push(`"${path}" gives ${shape[0]} numbers in the adapter and ${layer.out} in the model`);
    }
  }
  return found;
}

/** @throws UserError naming the first three differences between adapter and model. */
export function checkAdapterFits(model: Model, folder: string): void {
  const found = adapterDifferences(model, folder);
  if (found.length === 0) return;
  const more = found.length > 3 ? `; and ${found.length - 3} more` : '';
  throw new UserError(
    `${folder} does not fit ${model.name}: ${found.slice(0, 3).join('; ')}${more}. Name the model that it was trained on`,
  );
}

/** Whether the tensors of a folder have names of transformers 5 that the kit has otherwise. */
function hasNewNames(folder: string): boolean {
  const file = join(folder, WEIGHTS_FILE);
  if (!existsSync(file)) return false;
  const weights = openSafetensors(file);
  weights.close();
  return weights.names.some((name) => fromTransformers5(name) !== name);
}

type Config = Record<string, unknown>;

/** A pattern field by the model's own paths; keys that fit no layer stay, for the loader to refuse. */
function ownPattern(model: Model, config: Config, key: string, folder: string): unknown {
  const value = config[key];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const source = `${join(folder, CONFIG_FILE)}: ${key}`;
  const own: Record<string, unknown> = {};
  const names = model.linears.map(({ name }) => name);
  for (const [pattern, item] of Object.entries(value)) {
    // AdaLoRA's: which directions of a tensor are kept, by its whole name
    if (Array.isArray(item)) {
      own[fromTransformers5(pattern)] = item;
      continue;
    }
    const one = new LayerPatterns(new Map([[pattern, 1]]), source);
    const fitting = names.filter((name) => one.valueOf(toTransformers5(name), 0) === 1);
    if (fitting.length === 0) own[pattern] = item;
    for (const name of fitting) if (!Object.hasOwn(own, name)) own[name] = item;
  }
  return own;
}

/** The folder's config with targets and patterns by the model's own paths. */
function ownConfig(model: Model, config: Config, folder: string): Config {
  const targets = targetsOf(config, join(folder, CONFIG_FILE));
  const own = model.linears.map(({ name }) => name);
  return {
    ...config,
    ...(targets && {
      target_modules: own.filter((name) => targets(toTransformers5(name))),
      exclude_modules: null,
      layers_to_transform: null,
      layers_pattern: null,
    }),
    rank_pattern: ownPattern(model, config, 'rank_pattern', folder),
    alpha_pattern: ownPattern(model, config, 'alpha_pattern', folder),
  };
}

/** Loads a folder with names of transformers 5 through a copy with the kit's. */
function loadRenamed(model: Model, folder: string): Adapters {
  const copy = mkdtempSync(join(tmpdir(), 'gora-adapter-'));
  try {
    for (const file of [CONFIG_FILE, WEIGHTS_FILE]) cpSync(join(folder, file), join(copy, file));
    renameInPlace(copy, fromTransformers5, (config) => ownConfig(model, config, folder));
    return loadAdapters(model, copy);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.message.replaceAll(copy, folder), { cause: error });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/**
 * Attaches the adapters of a PEFT folder to a model that they fit; picture models' may have the names of transformers 4 or 5.
 * @throws UserError naming the first three differences, or what else `loadAdapters` refuses.
 */
export function attachFolder(model: Model, folder: string): Adapters {
  checkAdapterFits(model, folder);
  return hasNewNames(folder) ? loadRenamed(model, folder) : loadAdapters(model, folder);
}

/** Last weight of a head [outputs, dim], as architectures name it. */
const HEAD = /^(classifier|classifier\.out_proj|score|head)\.weight$/;

/** The head that an adapter brings along, so that a base without one can take it; undefined where it brings none. */
export function headIn(folder: string): HeadRequest | undefined {
  for (const [name, shape] of shapesIn(folder)) {
    if (HEAD.test(name)) return { labels: shape[0] === 1 ? 'regress' : shape[0], fresh: true };
  }
  return undefined;
}

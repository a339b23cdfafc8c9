/** Whether a PEFT folder was made for a model: compared by names and shapes, before anything is attached. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { WEIGHTS_FILE } from '../formats/peft';
import { openSafetensors } from '../formats/safetensors';
import type { HeadRequest, Model } from '../models/model';
import type { Adapters } from './method';
import { loadAdapters } from './save';

const PREFIX = 'base_model.model.';
const PART = /^(.+)\.(lora_A|lora_B|lora_E|lora_magnitude_vector)(\.weight)?$/;

/** Names without prefix and shapes of the tensors of a folder; empty where there is no safetensors file. */
function shapesIn(folder: string): Map<string, readonly number[]> {
  const file = join(folder, WEIGHTS_FILE);
  if (!existsSync(file)) return new Map();
  const weights = openSafetensors(file);
  weights.close();
  return new Map(weights.names.map((name) => [name.replace(PREFIX, ''), weights.shape(name)]));
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

/**
 * Attaches the adapters of a PEFT folder to a model that they fit.
 * @throws UserError naming the first three differences, or what else `loadAdapters` refuses.
 */
export function attachFolder(model: Model, folder: string): Adapters {
  checkAdapterFits(model, folder);
  return loadAdapters(model, folder);
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

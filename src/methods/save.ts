/**
 * Adapters to and from Hugging Face PEFT folders. Ranks that differ go into `rank_pattern` (GoRA, EVA); methods that
 * shifted the base are saved as their change against the untouched weights, at twice the rank.
 */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import {
  type AdapterLayer,
  changeFromStart,
  type LoadedAdapter,
  loadAdapter,
  type Matrix,
  saveAdapter,
} from '../formats/peft';
import { peftAlpha } from '../formats/peft-config';
import type { LinearLayer, Model } from '../models/model';
import { layerOf, param } from '../models/params';
import { AdaLoraAdapters, adaLoraFields } from './adalora';
import { DoraAdapters } from './dora';
import { LoraAdapters } from './lora-adapters';
import type { AdapterState, Adapters, LayerState } from './method';

export interface SaveOptions {
  /** Written as `base_model_name_or_path`. Default: the model's name. */
  readonly base?: string;
  /** PEFT's task type, e.g. `CAUSAL_LM`. Default none. */
  readonly taskType?: string;
}

type Kind = 'lora' | 'rslora' | 'adalora';

/** 12 digits take back the rounding of α/√r·√r. */
const rounded = (alpha: number) => Number(alpha.toPrecision(12));

const kindOf = ({ kind, rankStabilised }: AdapterState): Kind =>
  kind === 'adalora' ? 'adalora' : rankStabilised ? 'rslora' : 'lora';

function layerToSave(state: LayerState, kind: Kind): AdapterLayer & { readonly alpha: number } {
  const { layer, rank, magnitude, lambda, start } = state;
  const a = (data: Float32Array): Matrix => ({ shape: [rank, layer.in], data });
  const b = (data: Float32Array): Matrix => ({ shape: [layer.out, rank], data });
  const plain = {
    name: layer.name,
    A: a(state.A),
    B: b(state.B),
    alpha: rounded(peftAlpha(state.scale, rank, kind)),
    ...(lambda && { E: { shape: [rank, 1], data: lambda } }),
    ...(magnitude && { magnitude: { shape: [layer.out], data: magnitude } }),
  };
  if (!start) return plain;
  const change = changeFromStart(plain, { A: a(start.A), B: b(start.B) }, kind === 'rslora');
  return { ...change, alpha: rounded(change.alpha) };
}

/** The value that most layers share. */
function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}

/** Says what an adapter trained over a base in NF4 needs to compute what was trained. */
function warnOfNf4({ notes }: Adapters, { layers }: AdapterState, folder: string): void {
  if (notes.base !== 'nf4') return;
  const error =
    typeof notes.quantisationError === 'number' ? `, ${(100 * notes.quantisationError).toFixed(1)} % off` : '';
  const shifted = layers.some(({ start }) => start);
  const remedy = shifted
    ? 'Its method moved the base before it was rounded, so no base of the same weights gives exactly what was trained: measure it again after loading'
    : 'Load it over the base in NF4 (quantiseBase here, bitsandbytes with PEFT); over the float32 base its outputs differ';
  console.warn(`${folder}: this adapter was trained over a base in NF4${error}. ${remedy}.`);
}

/**
 * Writes adapters, and a freshly trained head beside them, as a PEFT folder over the untouched base model. Warns on the console
 * when that base was in NF4.
 * @throws UserError when the method has no adapters, or the folder cannot be written.
 */
export async function saveAdapters(
  adapters: Adapters,
  model: Model,
  folder: string,
  options: SaveOptions = {},
): Promise<void> {
  if (!adapters.state)
    throw new UserError(`${adapters.method} trains the weights themselves: there is no adapter to save`);
  const state = await adapters.state();
  warnOfNf4(adapters, state, folder);
  const kind = kindOf(state);
  const layers = state.layers.map((layer) => layerToSave(layer, kind));
  const modules = new Map<string, Matrix>();
  for (const name of model.head) {
    const value = param(model, name);
    modules.set(name, { shape: value.shape, data: (await value.data()) as Float32Array });
  }
  saveAdapter(folder, {
    layers,
    modules,
    config: {
      r: mostCommon(layers.map((layer) => layer.A.shape[0])),
      lora_alpha: mostCommon(layers.map((layer) => layer.alpha)),
      use_rslora: kind === 'rslora',
      use_dora: state.kind === 'dora',
      base_model_name_or_path: options.base ?? model.name,
      task_type: options.taskType ?? null,
      extra: state.config,
    },
  });
}

/** @throws UserError when the model has no such layer, or it has another shape. */
function layerFor(model: Model, folder: string, { name, A, B }: AdapterLayer): LinearLayer {
  if (!model.linears.some((layer) => layer.name === name)) {
    throw new UserError(`${folder}: ${model.name} has no linear layer "${name}". Was it trained on another model?`);
  }
  const layer = layerOf(model, name);
  if (A.shape[1] === layer.in && B.shape[0] === layer.out) return layer;
  throw new UserError(
    `${folder}: ${name} adapts [${B.shape[0]}, ${A.shape[1]}], the model has [${layer.out}, ${layer.in}]`,
  );
}

/** @throws UserError when the config names a layer or a whole module of the model that the weights hold nothing of. */
function checkComplete(model: Model, folder: string, { layers, modules, targets, config }: LoadedAdapter): void {
  const incomplete = (field: string, name: string) =>
    new UserError(
      `${folder}: ${field} names ${name}, and the weights hold nothing of it. The file is not whole, or more is named than was trained`,
    );
  const held = new Set(layers.map(({ name }) => name));
  const layer = model.linears.find(({ name }) => targets?.(name) && !held.has(name));
  if (layer) throw incomplete('target_modules', layer.name);
  const saved = Array.isArray(config.modules_to_save) ? config.modules_to_save.map(String) : [];
  const under = (module: string) => (name: string) => `.${name}`.includes(`.${module}.`);
  // PEFT lists every usual name of a head, whether the model has it or not
  const module = saved.find(
    (one) => [...model.params.keys()].some(under(one)) && ![...modules.keys()].some(under(one)),
  );
  if (module !== undefined) throw incomplete('modules_to_save', module);
}

/**
 * Attaches the adapters of a PEFT folder to a model with untouched base weights. They can be trained on, merged and
 * saved again; a saved head replaces the model's.
 * @throws UserError when the folder is broken or belongs to another model.
 */
export function loadAdapters(model: Model, folder: string): Adapters {
  const loaded = loadAdapter(folder);
  const starts = loaded.layers.map((saved) => ({
    layer: layerFor(model, folder, saved),
    rank: saved.rank,
    scale: saved.scale,
    a: saved.A.data,
    b: saved.B.data,
    lambda: saved.E?.data ?? new Float32Array(0),
    magnitude: saved.magnitude?.data,
  }));
  checkComplete(model, folder, loaded);
  for (const [name, { shape, data }] of loaded.modules) {
    if (model.params.get(name)?.shape.join() !== shape.join()) {
      throw new UserError(`${folder}: ${model.name} has no parameter "${name}" [${shape}]`);
    }
    tf.tidy(() => param(model, name).assign(tf.tensor(data, [...shape])));
  }
  if (starts[0].lambda.length > 0) {
    return new AdaLoraAdapters(model, starts, null, 0, adaLoraFields(loaded.config));
  }
  const magnitudes = new Map(starts.flatMap(({ layer, magnitude }) => (magnitude ? [[layer.name, magnitude]] : [])));
  const rankStabilised = loaded.config.use_rslora === true;
  if (magnitudes.size > 0) return new DoraAdapters(model, starts, { method: 'dora', rankStabilised }, magnitudes);
  return new LoraAdapters(model, starts, { method: 'lora', rankStabilised });
}

/**
 * Adapters to and from Hugging Face PEFT folders. Ranks that differ go into `rank_pattern` (GoRA, EVA); methods that
 * shifted the base are saved as their change against the untouched weights, at twice the rank.
 */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { changeFromInit, type LoadedAdapter, loadAdapter, type Matrix, saveAdapter } from '../formats/peft';
import { roundedAlpha } from '../formats/peft-patterns';
import type { Model } from '../models/model';
import { param } from '../models/params';
import { allForms } from './forms';
import type { AdapterForm } from './forms/form';
import type { AdapterState, Adapters } from './method';

export interface SaveOptions {
  /** Written as `base_model_name_or_path`. Default: the model's name. */
  readonly base?: string;
  /** PEFT's task type, e.g. `CAUSAL_LM`. Default none. */
  readonly taskType?: string;
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
  const shifted = layers.some(({ init }) => init);
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
  const { form, rankStabilised: use_rslora } = state;
  const layers = state.layers.map(changeFromInit);
  const modules = new Map<string, Matrix>();
  for (const name of model.head) {
    const value = param(model, name);
    modules.set(name, { shape: value.shape, data: (await value.data()) as Float32Array });
  }
  const r = form.usualRank?.(layers, state.config ?? {}) ?? mostCommon(layers.map(({ rank }) => rank));
  const alphas = layers.map(({ rank, scale }) => roundedAlpha(scale / form.unitScale(rank, { r, use_rslora })));
  const transposed = adapters.targets.filter((layer) => layer.transposed).length;
  saveAdapter(folder, {
    form,
    layers,
    modules,
    config: {
      r,
      lora_alpha: mostCommon(alphas),
      use_rslora,
      fan_in_fan_out: transposed > 0,
      base_model_name_or_path: options.base ?? model.name,
      task_type: options.taskType ?? null,
      extra: state.config,
    },
  });
}

/** The first three of the differences, and how many more there are. */
function firstOf(differences: readonly string[]): string {
  const more = differences.length > 3 ? `; and ${differences.length - 3} more` : '';
  return differences.slice(0, 3).join('; ') + more;
}

/** @throws UserError naming the first layers and parameters that the model lacks or has in another shape. */
function checkFits(model: Model, folder: string, { layers, empty, modules }: LoadedAdapter): void {
  const known = new Map(model.linears.map((layer) => [layer.name, layer]));
  const strange = [...layers.map(({ name }) => name), ...empty].filter((name) => !known.has(name));
  if (strange.length > 0) {
    const lacks = strange.map((name) => `${model.name} has no linear layer "${name}" that adapters can be on`);
    throw new UserError(`${folder}: ${firstOf(lacks)}. Was it trained on another model?`);
  }
  const shapes = layers.flatMap(({ name, A, B }) => {
    const layer = known.get(name);
    if (!layer || (A.shape[1] === layer.in && B.shape[0] === layer.out)) return [];
    return [`${name} adapts [${B.shape[0]}, ${A.shape[1]}], the model has [${layer.out}, ${layer.in}]`];
  });
  const parameters = Array.from(modules, ([name, { shape }]) => {
    const own = model.params.get(name)?.shape;
    if (!own) return [`${model.name} has no parameter "${name}" [${shape}]`];
    return own.join() === shape.join() ? [] : [`"${name}" is [${shape}], the model has [${own}]`];
  });
  const differences = [...shapes, ...parameters.flat()];
  if (differences.length > 0) throw new UserError(`${folder}: ${firstOf(differences)}`);
}

/** @throws UserError when the config names a layer or a whole module of the model that the weights hold nothing of. */
function checkComplete(model: Model, folder: string, loaded: LoadedAdapter): void {
  const { layers, empty, modules, targets, config } = loaded;
  const incomplete = (field: string, name: string) =>
    new UserError(
      `${folder}: ${field} names ${name}, and the weights hold nothing of it. The file is not whole, or more is named than was trained`,
    );
  const held = new Set([...layers.map(({ name }) => name), ...empty]);
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
 * Puts the adapters of a PEFT folder on a model with untouched base weights. They can be trained on, merged and
 * saved again; a saved head replaces the model's.
 * @throws UserError when the folder is broken or belongs to another model; the model is then as it was.
 */
export function loadAdapters(model: Model, folder: string): Adapters {
  const loaded = loadAdapter<AdapterForm>(folder, allForms);
  checkFits(model, folder, loaded);
  checkComplete(model, folder, loaded);
  const { form, layers, modules, config } = loaded;
  if (layers.length === 0) throw new UserError(`${folder}: every layer has rank 0, so nothing is adapted`);
  for (const [name, { shape, data }] of modules) tf.tidy(() => param(model, name).assign(tf.tensor(data, [...shape])));
  const rankStabilised = config.use_rslora === true;
  return form.restore(model, layers, { method: form.name, rankStabilised, config: form.own?.(config) });
}

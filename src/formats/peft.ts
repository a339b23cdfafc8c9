/**
 * Adapter folders of Hugging Face PEFT: `adapter_config.json` and `adapter_model.safetensors`, so that an adapter trained
 * here runs under PEFT, vLLM and whatever else reads them. Which tensors a layer has, and what the config says of ranks
 * and scales, is told by the form's codec.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { messageOf, UserError } from '../errors';
import { writeFileAtomic } from './atomic';
import { type PeftOptions, peftConfig } from './peft-config';
import { fieldProblem } from './peft-fields';
import type { AdaptedLayer, Matrix, PeftCodec, PeftFields } from './peft-layer';
import { targetsOf } from './peft-targets';
import { readText } from './read';
import { readSafetensors, type StoredTensor, toFloat32 } from './safetensors';
import { type TensorToWrite, writeSafetensors } from './safetensors-write';

export type { AdaptedLayer, Matrix, PeftCodec } from './peft-layer';

/** An adapter to save. */
export interface AdapterFolder {
  readonly form: PeftCodec;
  readonly layers: readonly AdaptedLayer[];
  readonly config: PeftOptions;
  /** Parameters of wholly trained modules (a fresh head), by full name, e.g. `classifier.weight`. */
  readonly modules?: ReadonlyMap<string, Matrix>;
}

/** A loaded adapter. */
export interface LoadedAdapter<F extends PeftCodec = PeftCodec> {
  readonly form: F;
  readonly layers: readonly AdaptedLayer[];
  /** Layers of rank 0, which the adapter leaves as they are. */
  readonly empty: readonly string[];
  readonly modules: ReadonlyMap<string, Matrix>;
  /** `adapter_config.json` as it stands in the file. */
  readonly config: PeftFields;
  /** Whether the config adapts a module of a model; null where it does not say which. */
  readonly targets: ((module: string) => boolean) | null;
}

export const CONFIG_FILE = 'adapter_config.json';
export const WEIGHTS_FILE = 'adapter_model.safetensors';
const PREFIX = 'base_model.model.';

type Parts = Readonly<Record<string, Matrix>>;

/** A, B and the form's own parts under one roof. */
const partsOf = ({ A, B, extra }: AdaptedLayer): Parts => ({ A, B, ...extra });

/** `lora_A` of `lora_A.weight`. */
const shortName = (suffix: string) => suffix.replace(/\.weight$/, '');

function listed(words: readonly string[]): string {
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : (words[0] ?? 'none');
}

/** Why a layer's tensors are not those of its form; null when they are. */
function partsProblem(form: PeftCodec, parts: Partial<Parts>): string | null {
  const wanted = Object.keys(form.tensors);
  const held = Object.keys(parts).filter((part) => parts[part]);
  if (wanted.length === held.length && wanted.every((part) => parts[part])) return null;
  const names = wanted.map((part) => shortName(form.tensors[part]));
  return `must have ${listed(names)} and has ${held.length} of such tensors: the tensors and ${form.says} disagree`;
}

/** @throws UserError when the parts of a layer are not those of its form, or their shapes do not fit together. */
function checkLayer(form: PeftCodec, layer: AdaptedLayer): void {
  const parts = partsOf(layer);
  const problem = partsProblem(form, parts);
  if (problem) throw new UserError(`${layer.name} ${problem}.`);
  const { A, B } = layer;
  const [rank, out] = [A.shape[0], B.shape[0]];
  const fits =
    A.shape.length === 2 &&
    B.shape.length === 2 &&
    B.shape[1] === rank &&
    (rank > 0 || form.emptyLayers) &&
    Object.entries(layer.extra ?? {}).every(([part, { shape }]) => `${shape}` === `${form.shapeOf?.(part, rank, out)}`);
  if (fits) return;
  const found = Object.entries(parts).map(([part, { shape }]) => `${shortName(form.tensors[part])} [${shape}]`);
  const right = Object.keys(parts).map((part) =>
    part === 'A' ? '[r, in]' : part === 'B' ? '[out, r]' : `[${form.shapeOf?.(part, rank, out)}]`,
  );
  throw new UserError(
    `Shapes of ${layer.name} do not fit together: ${found.join(', ')}; right is ${right.join(', ')}.`,
  );
}

/** JSON as Python's `json.dumps(indent=2, sort_keys=True)` writes it. */
function sortedJson(value: unknown): string {
  const sort = (_: string, item: unknown) =>
    item && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item;
  return `${JSON.stringify(value, sort, 2)}\n`;
}

/**
 * Saves an adapter as a PEFT folder, in float32. Both files are written whole or not at all, the config last.
 * @throws UserError when there is no layer, shapes do not fit, a name comes twice, or the folder cannot be written.
 */
export function saveAdapter(folder: string, { form, layers, config, modules = new Map() }: AdapterFolder): void {
  if (layers.length === 0) throw new UserError(`There is no adapted layer to save into ${folder}.`);
  const tensors = new Map<string, TensorToWrite>();
  const add = (name: string, tensor: Matrix) => {
    const key = PREFIX + name;
    if (tensors.has(key)) throw new UserError(`The adapter has two tensors named ${name}; layer names must differ.`);
    tensors.set(key, { ...tensor, dtype: 'F32' });
  };
  for (const layer of layers) {
    checkLayer(form, layer);
    const parts = partsOf(layer);
    for (const [part, suffix] of Object.entries(form.tensors)) add(`${layer.name}.${suffix}`, parts[part]);
  }
  for (const [name, tensor] of modules) add(name, tensor);
  const moduleNames = [...new Set(Array.from(modules.keys(), (name) => name.slice(0, name.lastIndexOf('.'))))];
  const json = sortedJson(peftConfig(form, layers, config, moduleNames.sort()));
  writeSafetensors(path.join(folder, WEIGHTS_FILE), tensors, { format: 'pt' });
  writeFileAtomic(path.join(folder, CONFIG_FILE), json);
}

/** PEFT's older weights file, a Python pickle, which runs code when it is read. */
const PICKLE_FILE = 'adapter_model.bin';

/** The weights file of a folder. @throws UserError when only a pickle is there. */
function weightsFile(folder: string): string {
  const file = path.join(folder, WEIGHTS_FILE);
  const pickle = path.join(folder, PICKLE_FILE);
  if (fs.existsSync(file) || !fs.existsSync(pickle)) return file;
  const convert = `python -c "import torch, safetensors.torch as s; s.save_file({k: v.contiguous() for k, v in torch.load('${PICKLE_FILE}', weights_only=True).items()}, '${WEIGHTS_FILE}', {'format': 'pt'})"`;
  throw new UserError(
    `${pickle} is a Python pickle, which this kit does not read, and there is no ${WEIGHTS_FILE}. Convert it in that folder: ${convert}`,
  );
}

/** The config's fields. @throws UserError naming the file, the key and what would be right. */
export function readAdapterConfig(folder: string): PeftFields {
  const file = path.join(folder, CONFIG_FILE);
  const bad = (what: string) => new UserError(`${file}: ${what}.`);
  const text = readText(file, 'adapter config');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw bad(`not JSON (${messageOf(error)})`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw bad('not a JSON object');
  return parsed as PeftFields;
}

/** @throws UserError when no form fits, or a field would change what is computed. */
function formOf<F extends PeftCodec>(config: PeftFields, file: string, forms: readonly F[]): F {
  const form = forms.find((one) => one.fits(config));
  if (!form) {
    throw new UserError(`${file}: peft_type must be LORA or ADALORA, not ${JSON.stringify(config.peft_type)}.`);
  }
  const problem = fieldProblem(config);
  if (problem !== null) throw new UserError(`${file}: ${problem}.`);
  return form;
}

/** Splits `a.q.lora_A.weight` into layer and part; null where no form has such a tensor. */
function splitter(forms: readonly PeftCodec[]): (name: string) => { layer: string; part: string } | null {
  const known = forms.flatMap(({ tensors }) => Object.entries(tensors));
  return (name) => {
    const found = known.find(([, suffix]) => name.endsWith(`.${suffix}`));
    return found ? { layer: name.slice(0, -found[1].length - 1), part: found[0] } : null;
  };
}

/** The tensors of a weights file, sorted by layer; `modules` are those of wholly trained modules. */
function readTensors(file: string, forms: readonly PeftCodec[]) {
  const layers = new Map<string, Record<string, Matrix>>();
  const modules = new Map<string, Matrix>();
  const split = splitter(forms);
  for (const [key, tensor] of readSafetensors(file).tensors) {
    if (!key.startsWith(PREFIX)) throw new UserError(`${file}: tensor ${key} does not begin with ${PREFIX}.`);
    const name = key.slice(PREFIX.length);
    const place = split(name);
    if (place) {
      const found = layers.get(place.layer) ?? {};
      found[place.part] = matrix(tensor);
      layers.set(place.layer, found);
    } else if (/\.(lora|ada)_/.test(name)) {
      throw new UserError(`${file}: tensor ${key} belongs to a variant of LoRA that is not supported.`);
    } else {
      // older versions of PEFT keep the name of their wrapper
      modules.set(name.replace(/\.modules_to_save(\.default)?\./, '.'), matrix(tensor));
    }
  }
  return { layers, modules };
}

/**
 * Loads a PEFT folder of one of the forms.
 * @throws UserError when a file is missing or broken, a tensor belongs to a variant that this kit does not compute, the
 * base was moved before training, a rank in the weights differs from the one in the config, or a pattern, a tensor or a
 * module has no counterpart.
 */
export function loadAdapter<F extends PeftCodec>(folder: string, forms: readonly F[]): LoadedAdapter<F> {
  const config = readAdapterConfig(folder);
  const configFile = path.join(folder, CONFIG_FILE);
  const form = formOf(config, configFile, forms);
  const rules = form.read(config, configFile);
  const targets = targetsOf(config, configFile);
  const file = weightsFile(folder);
  const read = readTensors(file, forms);
  const all = Array.from(read.layers, ([name, parts]): AdaptedLayer => {
    const problem = partsProblem(form, parts);
    if (problem) throw new UserError(`${file}: ${name} ${problem}.`);
    const { A, B, ...extra } = parts;
    const rank = rules.rankOf(name);
    const scale = rules.scaleOf(name);
    const layer = { name, rank, scale, A, B, ...(Object.keys(extra).length > 0 && { extra }) };
    checkLayer(form, layer);
    if (A.shape[0] === rank) return layer;
    throw new UserError(`${file}: ${name} has rank ${A.shape[0]}, but ${CONFIG_FILE} gives it rank ${rank}.`);
  });
  const names = all.map(({ name }) => name);
  if (names.length === 0) throw new UserError(`${file} holds no adapted layer.`);
  const stranger = targets && names.find((name) => !targets(name));
  if (stranger) {
    throw new UserError(
      `${file}: it adapts ${stranger}, which target_modules of ${CONFIG_FILE} does not name, so PEFT would leave that out. Name it there, or remove the tensors`,
    );
  }
  rules.checkUsed(names);
  return {
    form,
    layers: all.filter(({ rank }) => rank > 0),
    empty: all.filter(({ rank }) => rank === 0).map(({ name }) => name),
    modules: read.modules,
    config,
    targets,
  };
}

const matrix = (tensor: StoredTensor): Matrix => ({ shape: [...tensor.shape], data: toFloat32(tensor) });

/**
 * A method that shifts the base at its init (PiSSA, OLoRA, LoRA-GA) trains B·A over W₀ − s·B₀·A₀. Against the untouched
 * W₀ its change is s·(B·A − B₀·A₀) = s·[B, −B₀]·[A; A₀]: a plain adapter of twice the rank and the same scale, which is
 * what PEFT's `path_initial_model_for_weight_conversion` makes. A layer without `init` stays as it is.
 * @throws UserError when init and adapter have other shapes.
 */
export function changeFromInit(layer: AdaptedLayer): AdaptedLayer {
  const { init, A, B, ...rest } = layer;
  if (!init) return layer;
  const [rank, fanIn] = A.shape;
  const fanOut = B.shape[0];
  if (`${init.A.shape};${init.B.shape}` !== `${A.shape};${B.shape}`) {
    throw new UserError(`The init of ${layer.name} has other shapes than its trained adapter.`);
  }
  const a = new Float32Array(2 * rank * fanIn);
  a.set(A.data);
  a.set(init.A.data, rank * fanIn);
  const b = new Float32Array(2 * rank * fanOut);
  for (let o = 0; o < fanOut; o++) {
    for (let k = 0; k < rank; k++) {
      b[o * 2 * rank + k] = B.data[o * rank + k];
      b[o * 2 * rank + rank + k] = -init.B.data[o * rank + k];
    }
  }
  return {
    ...rest,
    rank: 2 * rank,
    A: { shape: [2 * rank, fanIn], data: a },
    B: { shape: [fanOut, 2 * rank], data: b },
  };
}

/**
 * Adapter folders of Hugging Face PEFT: `adapter_config.json` and `adapter_model.safetensors`, so that an adapter trained
 * here runs under PEFT, vLLM and whatever else reads them. Tensors: lora_A [r, in], lora_B [out, r], DoRA's
 * lora_magnitude_vector [out], AdaLoRA's lora_E [r, 1].
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../errors';
import { writeFileAtomic } from './atomic';
import { type PeftOptions, peftConfig, peftScale } from './peft-config';
import type { AdapterLayer, Matrix } from './peft-layer';
import { type AdapterConfig, parseAdapterConfig } from './peft-read';
import { readSafetensors, type StoredTensor, toFloat32 } from './safetensors';
import { type TensorToWrite, writeSafetensors } from './safetensors-write';

export type { AdapterLayer, Matrix } from './peft-layer';

/** An adapter to save. */
export interface AdapterFolder {
  readonly layers: readonly AdapterLayer[];
  readonly config: PeftOptions;
  /** Parameters of wholly trained modules (a fresh head), by full name, e.g. `classifier.weight`. */
  readonly modules?: ReadonlyMap<string, Matrix>;
}

/** A loaded layer with the rank and scale that the config gives it. */
export interface LoadedLayer extends AdapterLayer {
  readonly rank: number;
  readonly alpha: number;
  readonly scale: number;
}

/** A loaded adapter. */
export interface LoadedAdapter {
  readonly layers: readonly LoadedLayer[];
  readonly modules: ReadonlyMap<string, Matrix>;
  /** `adapter_config.json` as it stands in the file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether the config adapts a module of a model; null where it does not say which. */
  readonly targets: ((module: string) => boolean) | null;
}

export const CONFIG_FILE = 'adapter_config.json';
export const WEIGHTS_FILE = 'adapter_model.safetensors';
const PREFIX = 'base_model.model.';

/** The tensors of a layer by PEFT's suffix; AdaLoRA's are parameters of the layer itself and carry no `.weight`. */
function tensorsOf({ A, B, E, magnitude }: AdapterLayer): [suffix: string, tensor: Matrix][] {
  const tensors: [string, Matrix][] = E
    ? [
        ['lora_A', A],
        ['lora_B', B],
        ['lora_E', E],
      ]
    : [
        ['lora_A.weight', A],
        ['lora_B.weight', B],
      ];
  if (magnitude) tensors.push(['lora_magnitude_vector', magnitude]);
  return tensors;
}

/** @throws UserError when the shapes of a layer do not fit together. */
function checkLayer({ name, A, B, E, magnitude }: AdapterLayer): void {
  const rank = A.shape[0];
  const fits =
    A.shape.length === 2 &&
    B.shape.length === 2 &&
    B.shape[1] === rank &&
    rank > 0 &&
    (!E || (E.shape.length === 2 && E.shape[0] === rank && E.shape[1] === 1)) &&
    (!magnitude || (magnitude.shape.length === 1 && magnitude.shape[0] === B.shape[0]));
  if (fits) return;
  const shapes = [A, B, E, magnitude].map((tensor) => (tensor ? `[${tensor.shape}]` : 'none'));
  const found = `lora_A ${shapes[0]}, lora_B ${shapes[1]}, lora_E ${shapes[2]}, magnitude ${shapes[3]}`;
  throw new UserError(`Shapes of ${name} do not fit together: ${found}; right is [r, in], [out, r], [r, 1], [out].`);
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
export function saveAdapter(folder: string, { layers, config, modules = new Map() }: AdapterFolder): void {
  if (layers.length === 0) throw new UserError(`There is no adapted layer to save into ${folder}.`);
  const dora = layers.filter((layer) => layer.magnitude).length;
  if (dora !== (config.use_dora ? layers.length : 0)) {
    throw new UserError(
      `use_dora is ${config.use_dora ?? false}, but ${dora} of ${layers.length} layers have magnitudes.`,
    );
  }
  const tensors = new Map<string, TensorToWrite>();
  const add = (name: string, tensor: Matrix) => {
    const key = PREFIX + name;
    if (tensors.has(key)) throw new UserError(`The adapter has two tensors named ${name}; layer names must differ.`);
    tensors.set(key, { ...tensor, dtype: 'F32' });
  };
  for (const layer of layers) {
    checkLayer(layer);
    for (const [suffix, tensor] of tensorsOf(layer)) add(`${layer.name}.${suffix}`, tensor);
  }
  for (const [name, tensor] of modules) add(name, tensor);
  const moduleNames = [...new Set(Array.from(modules.keys(), (name) => name.slice(0, name.lastIndexOf('.'))))];
  const json = sortedJson(peftConfig(layers, config, moduleNames.sort()));
  writeSafetensors(path.join(folder, WEIGHTS_FILE), tensors, { format: 'pt' });
  writeFileAtomic(path.join(folder, CONFIG_FILE), json);
}

const LORA_KEY = /^(.+)\.lora_(?:(A|B)\.weight|(A|B|E)|(magnitude)_vector)$/;

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

/** @throws UserError when a layer is none of the config's targets, or a pattern fits no layer. */
function checkNames(file: string, config: AdapterConfig, layers: readonly string[]): void {
  const stranger = config.targets && layers.find((layer) => !config.targets?.(layer));
  if (stranger) {
    throw new UserError(
      `${file}: it adapts ${stranger}, which target_modules of ${CONFIG_FILE} does not name, so PEFT would leave that out. Name it there, or remove the tensors`,
    );
  }
  config.rankPattern.checkUsed(layers);
  config.alphaPattern.checkUsed(layers);
}

/**
 * Loads a PEFT folder, LoRA (with rsLoRA, DoRA, patterns) or AdaLoRA.
 * @throws UserError when a file is missing or broken, a tensor belongs to a variant that this kit does not compute, the
 * base was moved before training, a rank in the weights differs from the one in the config, or a pattern, a tensor or a
 * module has no counterpart.
 */
export function loadAdapter(folder: string): LoadedAdapter {
  const config = parseAdapterConfig(path.join(folder, CONFIG_FILE));
  const file = weightsFile(folder);
  const parts = new Map<string, Record<string, Matrix>>();
  const modules = new Map<string, Matrix>();
  for (const [key, tensor] of readSafetensors(file).tensors) {
    if (!key.startsWith(PREFIX)) throw new UserError(`${file}: tensor ${key} does not begin with ${PREFIX}.`);
    const name = key.slice(PREFIX.length);
    const match = LORA_KEY.exec(name);
    if (match) {
      const [, layer, weight, plain, magnitude] = match;
      const found = parts.get(layer) ?? {};
      found[weight ?? plain ?? magnitude] = matrix(tensor);
      parts.set(layer, found);
    } else if (/\.(lora|ada)_/.test(name)) {
      throw new UserError(`${file}: tensor ${key} belongs to a variant of LoRA that is not supported.`);
    } else modules.set(name, matrix(tensor));
  }
  const layers = Array.from(parts, ([name, { A, B, E, magnitude }]): LoadedLayer => {
    if (!A || !B || !E !== (config.kind !== 'adalora')) {
      const expected = config.kind === 'adalora' ? 'lora_A, lora_B and lora_E' : 'lora_A and lora_B';
      throw new UserError(`${file}: ${name} must have ${expected}, as peft_type says.`);
    }
    if (!magnitude === config.dora) throw new UserError(`${file}: ${name} and use_dora = ${config.dora} disagree.`);
    const rank = config.rankPattern.valueOf(name, config.rank);
    const alpha = config.alphaPattern.valueOf(name, config.alpha);
    const layer = { name, A, B, ...(E && { E }), ...(magnitude && { magnitude }) };
    checkLayer(layer);
    if (A.shape[0] !== rank) {
      throw new UserError(`${file}: ${name} has rank ${A.shape[0]}, but ${CONFIG_FILE} gives it rank ${rank}.`);
    }
    return { ...layer, rank, alpha, scale: peftScale(alpha, rank, config.kind) };
  });
  if (layers.length === 0) throw new UserError(`${file} holds no adapted layer.`);
  checkNames(
    file,
    config,
    layers.map(({ name }) => name),
  );
  return { layers, modules, config: config.raw, targets: config.targets };
}

const matrix = (tensor: StoredTensor): Matrix => ({ shape: [...tensor.shape], data: toFloat32(tensor) });

/**
 * A method that shifts the base at its start (PiSSA, OLoRA, LoRA-GA) trains B·A over W₀ − s·B₀·A₀. Against the untouched
 * W₀ its change is s·(B·A − B₀·A₀) = s·[B, −B₀]·[A; A₀]: a plain adapter of twice the rank, which is what PEFT's
 * `path_initial_model_for_weight_conversion` makes. The scale stays the same, so α becomes 2α, or √2·α with rsLoRA.
 * @param alpha α that the layer was trained with.
 */
export function changeFromStart(
  layer: AdapterLayer & { readonly alpha: number },
  start: { readonly A: Matrix; readonly B: Matrix },
  useRslora: boolean,
): AdapterLayer & { readonly alpha: number } {
  const [rank, fanIn] = layer.A.shape;
  const fanOut = layer.B.shape[0];
  if (`${start.A.shape};${start.B.shape}` !== `${layer.A.shape};${layer.B.shape}`) {
    throw new UserError(`The start of ${layer.name} has other shapes than its trained adapter.`);
  }
  const a = new Float32Array(2 * rank * fanIn);
  a.set(layer.A.data);
  a.set(start.A.data, rank * fanIn);
  const b = new Float32Array(2 * rank * fanOut);
  for (let o = 0; o < fanOut; o++) {
    for (let k = 0; k < rank; k++) {
      b[o * 2 * rank + k] = layer.B.data[o * rank + k];
      b[o * 2 * rank + rank + k] = -start.B.data[o * rank + k];
    }
  }
  return {
    name: layer.name,
    A: { shape: [2 * rank, fanIn], data: a },
    B: { shape: [fanOut, 2 * rank], data: b },
    alpha: layer.alpha * (useRslora ? Math.SQRT2 : 2),
  };
}

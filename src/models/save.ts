/** A model as a Hugging Face folder: configuration, weights, and the tokenizer's files beside them. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors';
import { writeFileAtomic } from '../formats/atomic';
import { configJson } from '../formats/config-json';
import type { DType } from '../formats/dtypes';
import { type TensorToWrite, writeSafetensors } from '../formats/safetensors-write';
import type { Model } from './model';
import { exportWeights, transposed } from './params';

export interface SaveModelOptions {
  /** Stored element type; default F32. */
  readonly dtype?: Extract<DType, 'F32' | 'F16' | 'BF16'>;
  /** Folder whose tokenizer, preprocessor and generation files are taken along. */
  readonly from?: string;
  /** Largest file of weights, bytes; more are sharded as Hugging Face does. Default 5 GB. */
  readonly maxShardBytes?: number;
}

/** What lies beside the weights and goes with the model. */
const COMPANIONS =
  /^(tokenizer.*\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|vocabulary\.json|chat_template.*|preprocessor_config\.json|processor_config\.json|generation_config\.json|spiece\.model|.*\.model)$/;

const bytesOf = { F32: 4, F16: 2, BF16: 2 } as const;

/** `config.json`'s name of a stored type. */
const typeName = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

/** Weights as the file holds them: Conv1D's matrices are [in, out] there. */
async function storedForm(model: Model, dtype: SaveModelOptions['dtype']): Promise<Map<string, TensorToWrite>> {
  const turned = new Set(model.linears.flatMap((layer) => (layer.transposed ? [layer.weight] : [])));
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, { shape, data }] of await exportWeights(model)) {
    const form = turned.has(name)
      ? { shape: [shape[1], shape[0]], data: transposed(data, shape[0], shape[1]) }
      : { shape, data };
    tensors.set(name, { ...form, dtype });
  }
  return tensors;
}

/** Names in the order of the tree, cut where a file would be too large. */
function shardsOf(tensors: ReadonlyMap<string, TensorToWrite>, bytes: number, most: number): string[][] {
  const shards: string[][] = [[]];
  let held = 0;
  for (const [name, { shape }] of tensors) {
    const size = bytes * shape.reduce((a, b) => a * b, 1);
    if (held > 0 && held + size > most) {
      shards.push([]);
      held = 0;
    }
    shards[shards.length - 1].push(name);
    held += size;
  }
  return shards;
}

function writeWeights(folder: string, tensors: ReadonlyMap<string, TensorToWrite>, bytes: number, most: number): void {
  const shards = shardsOf(tensors, bytes, most);
  const part = (names: readonly string[]) => new Map(names.map((name) => [name, tensors.get(name) as TensorToWrite]));
  if (shards.length === 1) {
    writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
    return;
  }
  const digits = (i: number) => String(i).padStart(5, '0');
  const weightMap: Record<string, string> = {};
  shards.forEach((names, i) => {
    const file = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    writeSafetensors(join(folder, file), part(names), { format: 'pt' });
    for (const name of names) weightMap[name] = file;
  });
  const total = [...tensors.values()].reduce((sum, { shape }) => sum + bytes * shape.reduce((a, b) => a * b, 1), 0);
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  writeFileAtomic(join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

/**
 * Writes the folder whole or not at all.
 * @throws UserError when the folder is there and not empty, or cannot be written.
 */
export async function saveModel(model: Model, folder: string, options: SaveModelOptions = {}): Promise<void> {
  const { dtype = 'F32', from, maxShardBytes = 5e9 } = options;
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new UserError(`${folder} is there and not empty: name a new folder, or empty it`);
  }
  mkdirSync(dirname(folder), { recursive: true });
  const made = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`));
  try {
    writeWeights(made, await storedForm(model, dtype), bytesOf[dtype], maxShardBytes);
    const { torch_dtype: _, dtype: __, ...config } = model.config as Record<string, unknown>;
    writeFileAtomic(join(made, 'config.json'), configJson({ ...config, torch_dtype: typeName[dtype] }));
    if (from) {
      for (const file of readdirSync(from)) if (COMPANIONS.test(file)) copyFileSync(join(from, file), join(made, file));
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(made, folder);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    throw error;
  }
}

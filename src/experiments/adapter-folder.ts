/** Writing adapters for the world outside: the base's name, PEFT's task type, rotary order; the folder appears whole. */
import { existsSync } from 'node:fs';
import { UserError } from '../errors';
import { toHalvesInPlace, toTransformers5InPlace } from '../formats/peft-convert';
import { toTransformers5 } from '../formats/peft-names';
import { writeFolderWhole } from '../formats/whole-folder';
import { isHubName } from '../hub';
import type { Adapters } from '../methods/method';
import { saveAdapters } from '../methods/save';
import { headSizeOf, isInterleaved } from '../models/hugging-face';
import type { Model } from '../models/model';

export interface FolderOptions {
  /** Written as `base_model_name_or_path`; default what the model was loaded from. */
  readonly base?: string;
  /** Rotary order of transformers, for a base that `gora merge` wrote from llama2.c's weights. */
  readonly portable?: boolean;
  /** Whose names the modules of a picture model have, which transformers 5 renamed; default 5. */
  readonly transformers?: 4 | 5;
}

/**
 * PEFT's name of what a model does; null where it has none. For SEQ_CLS PEFT expects a trained head in the folder, so a
 * model that keeps its checkpoint's head has none.
 */
export function taskTypeOf(model: Model): string | null {
  if (model.kind === 'causal') return 'CAUSAL_LM';
  if (model.kind === 'seq2seq') return 'SEQ_2_SEQ_LM';
  return model.kind === 'text' && model.head.length > 0 ? 'SEQ_CLS' : null;
}

/**
 * What Python calls the base: the hub's name without `hf:`, a path as it was given, the folder of a known name.
 * @param folder where the model was found.
 */
export function baseNameOf(source: string, folder: string): string {
  if (isHubName(source)) return source.replace(/^hf:/, '').replace(/@.*$/, '');
  return existsSync(source) || folder === '' ? source : folder;
}

/** @throws UserError when a rotary order is asked for and the model has the usual one. */
function headSize(model: Model, portable: boolean): number | null {
  if (!portable) return null;
  if (isInterleaved(model.config)) return headSizeOf(model.config);
  throw new UserError(
    `${model.name} has its rotary pairs as transformers does, so its adapters are portable as they are: leave --portable out`,
  );
}

/**
 * Writes adapters as a PEFT folder, whole or not at all.
 * @param source what the model was loaded from. @param found folder where it was found.
 * @param finish changes the folder before it takes its place.
 * @throws UserError when the method has no adapters, or the folder is there and not empty or cannot be written.
 */
export async function writeAdapterFolder(
  adapters: Adapters,
  model: Model,
  folder: string,
  { source, found }: { readonly source: string; readonly found: string },
  { base, portable = false, transformers = 5 }: FolderOptions,
  finish: (made: string) => void = () => {},
): Promise<void> {
  const size = headSize(model, portable);
  await writeFolderWhole(folder, async (made) => {
    await saveAdapters(adapters, model, made, {
      base: base ?? baseNameOf(source, found),
      taskType: taskTypeOf(model) ?? undefined,
    });
    finish(made);
    if (size !== null) toHalvesInPlace(made, size);
    const renamed = adapters.targets.some(({ name }) => toTransformers5(name) !== name);
    if (transformers === 5 && renamed) toTransformers5InPlace(made);
  });
}

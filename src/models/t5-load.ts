/** T5 from a folder as Hugging Face saves it: `config.json` and `model.safetensors`, whole or in shards. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors';
import { readText } from '../formats/read';
import { readSafetensors } from '../formats/safetensors';
import { readShardedSafetensors } from '../formats/safetensors-sharded';
import { hostWeights } from './load';
import type { HostTensor } from './params';
import { makeT5, type T5 } from './t5';
import { parseT5Config } from './t5-config';

/** Names under which a tied embedding may be stored. */
const EMBEDDINGS = ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'];

function readWeights(folder: string): Map<string, HostTensor> {
  const whole = join(folder, 'model.safetensors');
  const index = `${whole}.index.json`;
  const weights = hostWeights(
    !existsSync(whole) && existsSync(index) ? readShardedSafetensors(index) : readSafetensors(whole),
  );
  const found = EMBEDDINGS.map((name) => weights.get(name)).find((weight) => weight !== undefined);
  if (found) weights.set('shared.weight', found);
  return weights;
}

/**
 * Loads a T5 v1.0 or v1.1 model.
 * @param name for records and errors; default the folder.
 * @throws UserError when a file is missing or unreadable, or a weight is missing or of another shape.
 */
export function loadT5(folder: string, name: string = folder): T5 {
  const path = join(folder, 'config.json');
  const text = readText(path, "model's configuration");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  const weights = readWeights(folder);
  return makeT5(name, parseT5Config(json, !weights.has('lm_head.weight'), path), weights, folder);
}

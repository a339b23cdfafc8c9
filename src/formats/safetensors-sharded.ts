/**
 * Checkpoints split into shards: `model.safetensors.index.json` maps every tensor to the file beside it that holds it.
 * A shard's name comes from the file, so it may name nothing outside the index's own folder.
 */
import * as path from 'node:path';
import { JsonError, type JsonObject, parseJson } from './json';
import { readText } from './read';
import { readSafetensors, SafetensorsError, type SafetensorsFile, type StoredTensor } from './safetensors';

/** A shard's name must be a plain file name: no folder, no drive, no way up. */
const SHARD_NAME = /^[^/\\:\0]+\.safetensors$/;

/** The tensor → shard map of an index. @throws SafetensorsError `bad-index` or `shard-name`. */
function readIndex(indexPath: string): Map<string, string> {
  const bad = (message: string) => new SafetensorsError('bad-index', indexPath, message);
  let index: unknown;
  try {
    index = parseJson(readText(indexPath, 'safetensors index'));
  } catch (error) {
    if (error instanceof JsonError) throw bad(error.message);
    throw error;
  }
  const map = index instanceof Map ? (index as JsonObject).get('weight_map') : undefined;
  if (!(map instanceof Map) || map.size === 0) throw bad('"weight_map" must be an object with at least one tensor');
  for (const [name, shard] of map) {
    if (typeof shard !== 'string') throw bad(`the shard of tensor ${JSON.stringify(name)} is not a string`);
    if (!SHARD_NAME.test(shard)) {
      throw new SafetensorsError('shard-name', indexPath, `${JSON.stringify(shard)} is not a plain *.safetensors name`);
    }
  }
  return map as Map<string, string>;
}

/**
 * Reads a sharded checkpoint whole.
 * @param indexPath path of `*.safetensors.index.json`; the shards stand beside it.
 * @returns all tensors of all shards; metadata of the first shard.
 * @throws SafetensorsError when the index or a shard breaks a rule, a tensor is in two shards, or is in none.
 */
export function readShardedSafetensors(indexPath: string): SafetensorsFile {
  const map = readIndex(indexPath);
  const tensors = new Map<string, StoredTensor>();
  const holder = new Map<string, string>();
  let metadata: Record<string, string> | undefined;
  for (const shard of [...new Set(map.values())].sort()) {
    const file = readSafetensors(path.join(path.dirname(indexPath), shard));
    metadata ??= file.metadata;
    for (const [name, tensor] of file.tensors) {
      const other = holder.get(name);
      if (other !== undefined) {
        const message = `tensor ${JSON.stringify(name)} is in ${other} and in ${shard}`;
        throw new SafetensorsError('duplicate-shard-key', indexPath, message);
      }
      holder.set(name, shard);
      tensors.set(name, tensor);
    }
  }
  for (const [name, shard] of map) {
    if (holder.get(name) !== shard) {
      const message = `tensor ${JSON.stringify(name)} is not in ${shard}`;
      throw new SafetensorsError('shard-key-missing', indexPath, message);
    }
  }
  return { metadata: metadata ?? {}, tensors };
}

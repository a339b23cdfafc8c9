/**
 * Checkpoints split into shards: `model.safetensors.index.json` maps every tensor to the file beside it that holds it.
 * A shard's name comes from the file, so it may name nothing outside the index's own folder.
 */
import * as path from 'node:path';
import { JsonError, type JsonObject, parseJson } from './json';
import { readText } from './read';
import { openSafetensors, readSafetensors, SafetensorsError, type SafetensorsFile } from './safetensors';
import { type WeightEntry, type WeightFile, weightFile } from './weights';

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
 * Opens every shard that an index names and checks that index and shards agree.
 * @param open reads or opens one shard. @param namesOf the tensors it holds.
 * @returns the shards in the order of their file names.
 * @throws SafetensorsError when the index breaks a rule, a tensor is in two shards, or is in none.
 */
function openShards<Shard>(
  indexPath: string,
  open: (path: string) => Shard,
  namesOf: (shard: Shard) => Iterable<string>,
): Shard[] {
  const map = readIndex(indexPath);
  const holder = new Map<string, string>();
  const shards = [...new Set(map.values())].sort().map((name) => {
    const shard = open(path.join(path.dirname(indexPath), name));
    for (const tensor of namesOf(shard)) {
      const other = holder.get(tensor);
      if (other !== undefined) {
        const message = `tensor ${JSON.stringify(tensor)} is in ${other} and in ${name}`;
        throw new SafetensorsError('duplicate-shard-key', indexPath, message);
      }
      holder.set(tensor, name);
    }
    return shard;
  });
  for (const [tensor, shard] of map) {
    if (holder.get(tensor) !== shard) {
      const message = `tensor ${JSON.stringify(tensor)} is not in ${shard}`;
      throw new SafetensorsError('shard-key-missing', indexPath, message);
    }
  }
  return shards;
}

/**
 * Reads a sharded checkpoint whole.
 * @param indexPath path of `*.safetensors.index.json`; the shards stand beside it.
 * @returns all tensors of all shards; metadata of the first shard.
 * @throws SafetensorsError when the index or a shard breaks a rule, a tensor is in two shards, or is in none.
 */
export function readShardedSafetensors(indexPath: string): SafetensorsFile {
  const shards = openShards(indexPath, readSafetensors, ({ tensors }) => tensors.keys());
  return { metadata: shards[0].metadata, tensors: new Map(shards.flatMap(({ tensors }) => [...tensors])) };
}

/**
 * Opens a sharded checkpoint: all headers are checked at once, a tensor is read when asked for.
 * @param indexPath path of `*.safetensors.index.json`; the shards stand beside it.
 * @throws SafetensorsError when the index or a shard breaks a rule, a tensor is in two shards, or is in none.
 */
export function openShardedSafetensors(indexPath: string): WeightFile {
  const opened: WeightFile[] = [];
  const close = () => {
    for (const shard of opened) shard.close();
  };
  const open = (file: string): WeightFile => {
    const shard = openSafetensors(file);
    opened.push(shard);
    return shard;
  };
  try {
    const shards = openShards(indexPath, open, ({ names }) => names);
    const entries = shards.flatMap((shard) =>
      shard.names.map((name): [string, WeightEntry] => [
        name,
        { shape: shard.shape(name), dtype: shard.dtype(name), read: () => shard.read(name) },
      ]),
    );
    return weightFile(indexPath, new Map(entries), close);
  } catch (error) {
    close();
    throw error;
  }
}

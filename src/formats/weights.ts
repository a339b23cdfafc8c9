/**
 * Named weights in a file, read one at a time: a model is loaded by reading a weight, placing it, and letting it go, so
 * loading needs little more memory than the model itself, whatever the file's element type.
 */
import { UserError } from '../errors';
import { DTYPE_BYTES, type DType, decodeInto } from './dtypes';
import type { FileParts } from './file-parts';

/** Where weights come from: a safetensors file, a sharded checkpoint, a GGUF file, or memory. */
export interface WeightFile {
  /** Path of the file, for error messages. */
  readonly source: string;
  /** Names of the weights, in the file's order. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Dimensions, slowest first (row-major, as PyTorch prints them). @throws UserError on an unknown name. */
  shape(name: string): readonly number[];
  /** Element type as the file spells it: F32, F16, BF16, I64, Q4_1, … @throws UserError on an unknown name. */
  dtype(name: string): string;
  /** The values as a fresh float32 array, row-major. @throws UserError on an unknown name or when reading fails. */
  read(name: string): Float32Array;
  /** Frees the file; nothing can be read afterwards. */
  close(): void;
}

/** A weight as an array, row-major. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a weight file knows of each weight before it is read. */
export interface WeightEntry {
  readonly shape: readonly number[];
  readonly dtype: string;
  read(): Float32Array;
}

/** Names shown in an error message about one that is missing. */
const NAMES_SHOWN = 4;

/** A weight file from its entries. @param close called once, by `close`. */
export function weightFile(
  source: string,
  entries: ReadonlyMap<string, WeightEntry>,
  close: () => void = () => {},
): WeightFile {
  const names = [...entries.keys()];
  const entry = (name: string): WeightEntry => {
    const found = entries.get(name);
    if (found) return found;
    const shown = names.slice(0, NAMES_SHOWN).map((other) => JSON.stringify(other));
    const listed = shown.length ? `${shown.join(', ')}${names.length > NAMES_SHOWN ? ', …' : ''}` : 'none';
    const message = `${source} has no weight ${JSON.stringify(name)} among its ${names.length} (${listed}).`;
    throw new UserError(`${message} Is it the checkpoint of this model?`);
  };
  return {
    source,
    names,
    has: (name) => entries.has(name),
    shape: (name) => entry(name).shape,
    dtype: (name) => entry(name).dtype,
    read: (name) => entry(name).read(),
    close,
  };
}

/** Weights in memory as a weight file; `read` gives copies. */
export function weightFileOf(tensors: ReadonlyMap<string, HostTensor>, source: string): WeightFile {
  const entry = ({ shape, data }: HostTensor): WeightEntry => ({ shape, dtype: 'F32', read: () => data.slice() });
  return weightFile(source, new Map(Array.from(tensors, ([name, tensor]) => [name, entry(tensor)])));
}

/** How stored bytes become float32: a number of values to a block, a number of bytes to a block. */
export interface Codec {
  /** Values in a block; 1 where every value is stored by itself. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Decodes whole blocks into `out` from element `at` on. */
  decode(bytes: Uint8Array, out: Float32Array, at: number): void;
}

/** The codec of an element type. */
export const dtypeCodec = (dtype: DType): Codec => ({
  values: 1,
  bytes: DTYPE_BYTES[dtype],
  decode: (bytes, out, at) => decodeInto(dtype, bytes, out, at),
});

/** Bytes converted at a time: what reading a weight costs beside the weight itself. */
const PIECE_BYTES = 2 ** 24;

/**
 * Reads `count` values of a file as float32. Only a piece of the stored bytes is in memory beside the result.
 * @param offset of the first byte. @param count a multiple of the codec's values a block.
 * @throws UserError as `FileParts.readInto`.
 */
export function readFloat32(file: FileParts, codec: Codec, offset: number, count: number): Float32Array {
  const out = new Float32Array(count);
  const blocks = count / codec.values;
  const step = Math.floor(PIECE_BYTES / codec.bytes);
  const piece = new Uint8Array(codec.bytes * Math.min(step, blocks));
  for (let at = 0; at < blocks; at += step) {
    const part = piece.subarray(0, codec.bytes * Math.min(step, blocks - at));
    file.readInto(part, offset + codec.bytes * at);
    codec.decode(part, out, codec.values * at);
  }
  return out;
}

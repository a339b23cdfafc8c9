/** Writing safetensors: same tensors, same bytes, whatever order they were given in. */
import { UserError } from '../errors';
import { writeFileAtomic } from './atomic';
import { DTYPE_BYTES, type DType, dtypeOf, encode, type NumericArray } from './dtypes';

/** A tensor to write. A Uint8Array with a dtype other than U8 is that type's raw bytes, so a read tensor fits as is. */
export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly data: NumericArray;
  /** Stored element type; by default the one of `data`. */
  readonly dtype?: DType;
}

interface Planned extends TensorToWrite {
  readonly name: string;
  readonly dtype: DType;
  readonly bytes: number;
}

function plan(name: string, tensor: TensorToWrite): Planned {
  const where = `Tensor ${JSON.stringify(name)}`;
  if (name === '__metadata__') throw new UserError(`${where}: this name is reserved by the format; choose another.`);
  const dtype = tensor.dtype ?? dtypeOf(tensor.data);
  const elements = tensor.shape.reduce((product, dimension) => product * dimension, 1);
  if (!tensor.shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0)) {
    throw new UserError(`${where}: the shape [${tensor.shape}] must hold integers ≥ 0.`);
  }
  const raw = tensor.data instanceof Uint8Array;
  const held = raw ? tensor.data.length / DTYPE_BYTES[dtype] : tensor.data.length;
  if (held !== elements) {
    throw new UserError(`${where}: shape [${tensor.shape}] needs ${elements} elements of ${dtype}, got ${held}.`);
  }
  return { ...tensor, name, dtype, bytes: elements * DTYPE_BYTES[dtype] };
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The pieces of a file in order: header, then each tensor, encoded only when it is asked for. */
function* pieces(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  // Wide elements first, as the reference writer does: with an 8-byte aligned header every tensor is then aligned.
  const planned = Array.from(tensors, ([name, tensor]) => plan(name, tensor)).sort(
    (a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || byCodeUnit(a.name, b.name),
  );
  const members: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => byCodeUnit(a, b));
  if (notes.length) members.push(`"__metadata__":${JSON.stringify(Object.fromEntries(notes))}`);
  let offset = 0;
  for (const { name, dtype, shape, bytes } of planned) {
    const entry = JSON.stringify({ dtype, shape, data_offsets: [offset, offset + bytes] });
    members.push(`${JSON.stringify(name)}:${entry}`); // joined by hand: an object would reorder names like "1"
    offset += bytes;
  }
  const json = Buffer.from(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  header.set(json, 8);
  yield header;
  for (const { name, dtype, data } of planned) yield encode(data, dtype, `Tensor ${JSON.stringify(name)}`);
}

/** The bytes of a safetensors file. @throws UserError naming the tensor whose shape or values do not fit. */
export function serializeSafetensors(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return Buffer.concat([...pieces(tensors, metadata)]);
}

/**
 * Writes a safetensors file whole or not at all, one tensor in memory at a time.
 * @throws UserError naming the tensor whose shape or values do not fit, or the path that cannot be written.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeFileAtomic(path, pieces(tensors, metadata));
}

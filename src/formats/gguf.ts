/**
 * GGUF, llama.cpp's file of a model: magic, version, metadata by key, descriptions of the tensors, then their bytes
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; versions 2 and 3, little-endian). A file comes from
 * anywhere, so every length is checked against the file's before anything of that length is made.
 */
import { UserError } from '../errors';
import { type FileParts, openParts, readPart } from './file-parts';
import { ggmlType, unreadableType } from './gguf-blocks';
import { readFloat32, type WeightEntry, type WeightFile, weightFile } from './weights';

/** The rule of the format that a file breaks. */
export type GgufRule =
  | 'magic'
  | 'version'
  | 'big-endian'
  | 'truncated'
  | 'header-too-large'
  | 'invalid-utf8'
  | 'value-type'
  | 'too-deep'
  | 'duplicate-key'
  | 'duplicate-name'
  | 'alignment'
  | 'bad-shape'
  | 'row-size'
  | 'bad-offset'
  | 'offset-past-end'
  | 'overlap';

/** A refused GGUF file; `rule` says which rule it breaks. */
export class GgufError extends UserError {
  constructor(
    readonly rule: GgufRule,
    readonly source: string,
    message: string,
  ) {
    super(`${source} is not a valid GGUF file (${rule}): ${message}. Fetch or write the file again.`);
    this.name = 'GgufError';
  }
}

/** A value of the metadata; 64-bit integers are numbers where a number holds them exactly. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

/** An open GGUF file. Names and types are the file's own; dimensions are row-major, the reverse of ggml's order. */
export interface GgufFile extends WeightFile {
  readonly metadata: ReadonlyMap<string, GgufValue>;
}

/** Far above the header of any model (a vocabulary of 250,000 with its merges takes 20 MB). */
const MAX_HEADER_BYTES = 2 ** 28;
/** Bytes of the header read at a time. */
const WINDOW_BYTES = 2 ** 20;
const MAX_DIMENSIONS = 4;
const MAX_NESTING = 4;
const DEFAULT_ALIGNMENT = 32;

type Refuse = (rule: GgufRule, message: string) => GgufError;

/** Reads the header from its first byte on, a window of the file at a time. */
class Cursor {
  at = 0;
  private window: DataView = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(
    private readonly file: FileParts,
    private readonly refuse: Refuse,
  ) {}

  /** Bytes that the header can still have. */
  get left(): number {
    return Math.min(this.file.size, MAX_HEADER_BYTES) - this.at;
  }

  /** A view whose byte 0 is the next byte, of at least `length` bytes; moves past them. */
  private take(length: number, what: string): DataView {
    if (length > this.left) {
      if (this.at + length > this.file.size) throw this.refuse('truncated', `the file ends within ${what}`);
      throw this.refuse('header-too-large', `${what} ends after ${MAX_HEADER_BYTES} bytes`);
    }
    if (this.at + length > this.windowStart + this.window.byteLength) {
      const size = Math.min(Math.max(length, WINDOW_BYTES), this.file.size - this.at);
      this.window = new DataView(readPart(this.file, this.at, size).buffer);
      this.windowStart = this.at;
    }
    const view = new DataView(this.window.buffer, this.at - this.windowStart, length);
    this.at += length;
    return view;
  }

  u32(what: string): number {
    return this.take(4, what).getUint32(0, true);
  }

  u64(what: string): bigint {
    return this.take(8, what).getBigUint64(0, true);
  }

  /** A number of things that take at least `bytes` each, so that no more are asked for than the file can hold. */
  count(bytes: number, what: string): number {
    const count = this.u64(what);
    if (count * BigInt(bytes) > BigInt(this.left)) throw this.refuse('truncated', `${count} ${what} cannot fit in it`);
    return Number(count);
  }

  text(what: string): string {
    const length = this.count(1, `bytes of ${what}`);
    try {
      return this.utf8.decode(this.take(length, what));
    } catch (error) {
      if (error instanceof GgufError) throw error;
      throw this.refuse('invalid-utf8', `${what} is not UTF-8`);
    }
  }

  /** A metadata value of the type of that number (gguf.h, `enum gguf_type`). */
  value(type: number, what: string, depth = 0): GgufValue {
    const scalar = SCALARS[type];
    if (scalar) return scalar.read(this.take(scalar.bytes, what));
    if (type === TEXT) return this.text(what);
    if (type !== LIST) throw this.refuse('value-type', `${what} is of the unknown type ${type}`);
    if (depth === MAX_NESTING) throw this.refuse('too-deep', `${what} is a list nested deeper than ${MAX_NESTING}`);
    const of = this.u32(what);
    const smallest = SCALARS[of]?.bytes ?? (of === TEXT ? 8 : 12);
    const count = this.count(smallest, `items of ${what}`);
    const items: GgufValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(of, what, depth + 1));
    return items;
  }
}

const [TEXT, LIST] = [8, 9];

/** A 64-bit integer as a number where a number holds it exactly. */
const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

const SCALARS: Readonly<Record<number, { bytes: number; read(view: DataView): GgufValue }>> = {
  0: { bytes: 1, read: (view) => view.getUint8(0) },
  1: { bytes: 1, read: (view) => view.getInt8(0) },
  2: { bytes: 2, read: (view) => view.getUint16(0, true) },
  3: { bytes: 2, read: (view) => view.getInt16(0, true) },
  4: { bytes: 4, read: (view) => view.getUint32(0, true) },
  5: { bytes: 4, read: (view) => view.getInt32(0, true) },
  6: { bytes: 4, read: (view) => view.getFloat32(0, true) },
  7: { bytes: 1, read: (view) => view.getUint8(0) !== 0 },
  10: { bytes: 8, read: (view) => exact(view.getBigUint64(0, true)) },
  11: { bytes: 8, read: (view) => exact(view.getBigInt64(0, true)) },
  12: { bytes: 8, read: (view) => view.getFloat64(0, true) },
};

/** `GGUF` as a little-endian word. */
const MAGIC = 0x46554747;

/** A tensor as the header describes it. */
interface TensorInfo {
  readonly name: string;
  readonly where: string;
  /** Row-major. */
  readonly shape: number[];
  readonly type: number;
  /** First byte, counted from the start of the data. */
  readonly offset: number;
  readonly bytes: number;
}

interface Header {
  readonly metadata: Map<string, GgufValue>;
  readonly tensors: TensorInfo[];
  /** First byte of the data. */
  readonly start: number;
}

function readHeader(file: FileParts, refuse: Refuse): Header {
  const cursor = new Cursor(file, refuse);
  if (file.size < 4 || cursor.u32('the magic') !== MAGIC) throw refuse('magic', 'it does not begin with GGUF');
  const version = cursor.u32('the version');
  if (version !== 0 && (version & 0xffff) === 0) throw refuse('big-endian', 'its numbers are big-endian');
  if (version !== 2 && version !== 3) throw refuse('version', `it is of version ${version}; 2 and 3 are read`);
  const tensorCount = cursor.count(24, 'tensors'); // a name's length, the number of dimensions, type and offset
  const keyCount = cursor.count(13, 'metadata keys'); // a key's length, a type, one byte
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.text(`metadata key ${i}`);
    const what = `metadata ${JSON.stringify(key)}`;
    if (metadata.has(key)) throw refuse('duplicate-key', `${what} is there twice`);
    metadata.set(key, cursor.value(cursor.u32(what), what));
  }
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (
    typeof alignment !== 'number' ||
    !(alignment >= 1 && alignment <= 2 ** 20 && Number.isInteger(Math.log2(alignment)))
  ) {
    throw refuse('alignment', `general.alignment is ${String(alignment)}, not a power of 2 up to 2²⁰`);
  }
  const tensors = Array.from({ length: tensorCount }, (_, i) => readInfo(cursor, i, alignment, refuse));
  const start = Math.ceil(cursor.at / alignment) * alignment;
  checkPlaces(tensors, file.size - start, refuse);
  return { metadata, tensors, start };
}

function readInfo(cursor: Cursor, index: number, alignment: number, refuse: Refuse): TensorInfo {
  const name = cursor.text(`the name of tensor ${index}`);
  const where = `tensor ${JSON.stringify(name)}`;
  const rank = cursor.u32(where);
  if (rank > MAX_DIMENSIONS)
    throw refuse('bad-shape', `${where} has ${rank} dimensions; ${MAX_DIMENSIONS} is the most`);
  const dimensions = Array.from({ length: rank }, () => cursor.u64(where));
  const type = cursor.u32(where);
  const offset = cursor.u64(where);
  const { values, bytes: blockBytes, name: typeName } = ggmlType(type);
  const elements = dimensions.reduce((product, dimension) => product * dimension, 1n);
  const bytes = (elements / BigInt(values)) * BigInt(blockBytes);
  // each dimension too, since a 0 among them hides the others from the product
  if ([elements, bytes, ...dimensions].some((size) => size > BigInt(Number.MAX_SAFE_INTEGER))) {
    throw refuse('bad-shape', `${where} of dimensions [${dimensions}] is too large`);
  }
  if ((dimensions[0] ?? 1n) % BigInt(values) !== 0n) {
    throw refuse(
      'row-size',
      `${where} has rows of ${dimensions[0] ?? 1} values, no multiple of ${typeName}'s ${values}`,
    );
  }
  if (offset % BigInt(alignment) !== 0n) {
    throw refuse('bad-offset', `${where} begins at ${offset}, no multiple of the alignment ${alignment}`);
  }
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse('offset-past-end', `${where} begins at ${offset}`);
  const shape = dimensions.map(Number).reverse();
  return { name, where, shape, type, offset: Number(offset), bytes: Number(bytes) };
}

/** Every tensor within the file, no two in one place, no name twice. */
function checkPlaces(tensors: readonly TensorInfo[], available: number, refuse: Refuse): void {
  const names = new Set<string>();
  let before: TensorInfo | undefined;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    const { name, where, offset, bytes } = tensor;
    if (names.has(name)) throw refuse('duplicate-name', `${where} is there twice`);
    names.add(name);
    if (offset + bytes > available) {
      const message = `${where} stands at bytes ${offset} to ${offset + bytes} of ${Math.max(0, available)} bytes of data`;
      throw refuse('offset-past-end', message);
    }
    if (before && before.offset + before.bytes > offset) throw refuse('overlap', `${where} overlaps ${before.where}`);
    before = tensor;
  }
}

/**
 * Opens a GGUF file: the header is read and checked at once, a tensor is read and dequantised when asked for.
 * `read` of a tensor whose type is not supported throws a UserError that names tensor and type.
 * @throws GgufError naming the broken rule; UserError when the file cannot be read.
 */
export function openGguf(path: string): GgufFile {
  const file = openParts(path, 'GGUF file');
  try {
    const { metadata, tensors, start } = readHeader(file, (rule, message) => new GgufError(rule, path, message));
    const entries = tensors.map(({ name, shape, type, offset }): [string, WeightEntry] => {
      const { name: dtype, codec } = ggmlType(type);
      const count = shape.reduce((product, dimension) => product * dimension, 1);
      const read = () => {
        if (!codec) throw unreadableType(path, name, dtype);
        return readFloat32(file, codec, start + offset, count);
      };
      return [name, { shape, dtype, read }];
    });
    return { ...weightFile(path, new Map(entries), () => file.close()), metadata };
  } catch (error) {
    file.close();
    throw error;
  }
}

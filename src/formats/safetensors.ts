/**
 * Reading safetensors: 8 bytes of header length, a JSON header, then the tensors' bytes without gap or overlap
 * (https://github.com/huggingface/safetensors#format). A file comes from anywhere, so every rule of the format is
 * checked before a tensor is handed out, and each broken rule has its own code.
 */
import { UserError } from '../errors';
import { DTYPE_BYTES, type DType, decodeFloat32, isDType } from './dtypes';
import { bytesAsFile, type FileParts, openParts, readPart } from './file-parts';
import { type Json, JsonError, type JsonObject, parseJson } from './json';
import { readBytes } from './read';
import { dtypeCodec, readFloat32, type WeightEntry, type WeightFile, weightFile } from './weights';

/** The rule of the format that a file breaks. */
export type SafetensorsRule =
  | 'short-file'
  | 'header-too-large'
  | 'header-past-end'
  | 'header-empty'
  | 'invalid-utf8'
  | 'bom'
  | 'header-start'
  | 'bad-json'
  | 'not-object'
  | 'too-deep'
  | 'duplicate-name'
  | 'bad-metadata'
  | 'bad-fields'
  | 'unknown-dtype'
  | 'bad-shape'
  | 'product-overflow'
  | 'bad-offsets'
  | 'offsets-reversed'
  | 'offsets-past-end'
  | 'size-mismatch'
  | 'first-offset'
  | 'overlap'
  | 'hole'
  | 'trailing-bytes'
  | 'truncated'
  | 'bad-index'
  | 'shard-name'
  | 'shard-key-missing'
  | 'duplicate-shard-key';

/** A refused safetensors file; `rule` says which rule it breaks. */
export class SafetensorsError extends UserError {
  constructor(
    readonly rule: SafetensorsRule,
    readonly source: string,
    message: string,
  ) {
    super(`${source} is not a valid safetensors file (${rule}): ${message}. Fetch or write the file again.`);
    this.name = 'SafetensorsError';
  }
}

/** One tensor as stored. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Little-endian elements, row-major; a view of the file's bytes, possibly unaligned. */
  readonly data: Uint8Array;
}

/** A parsed file; tensors in the order of their names in the header. */
export interface SafetensorsFile {
  readonly metadata: Record<string, string>;
  readonly tensors: Map<string, StoredTensor>;
}

/** Largest header accepted, as in the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;
/** A legal header is three levels deep: header, tensor, shape. */
const MAX_DEPTH = 8;

/** Where a tensor stands. */
interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: number[];
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

const WHAT = 'safetensors file';

/**
 * Reads a safetensors file whole, also compressed (`.gz`).
 * @throws SafetensorsError naming the broken rule; UserError when the file cannot be read.
 */
export function readSafetensors(path: string): SafetensorsFile {
  return parseSafetensors(readBytes(path, WHAT), path);
}

/**
 * Opens a safetensors file, also compressed (`.gz`): the header is checked at once, a tensor is read when asked for.
 * @throws SafetensorsError naming the broken rule; UserError when the file cannot be read.
 */
export function openSafetensors(path: string): WeightFile {
  const file = openParts(path, WHAT);
  try {
    const { entries, start } = readLayout(file);
    const weights = entries.map(({ name, dtype, shape, begin, end }): [string, WeightEntry] => {
      const count = (end - begin) / DTYPE_BYTES[dtype];
      return [name, { dtype, shape, read: () => readFloat32(file, dtypeCodec(dtype), start + begin, count) }];
    });
    return weightFile(path, new Map(weights), () => file.close());
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A tensor's values as a fresh float32 array, row-major; integers and float64 are rounded, booleans are 0 and 1. */
export function toFloat32(tensor: StoredTensor): Float32Array {
  return decodeFloat32(tensor.dtype, tensor.data);
}

/**
 * Parses the bytes of a safetensors file. The tensors are views of `bytes`.
 * @param source name of the file for error messages.
 * @throws SafetensorsError naming the broken rule.
 */
export function parseSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  const { metadata, entries, start } = readLayout(bytesAsFile(bytes, source, WHAT));
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, { dtype, shape, data: bytes.subarray(start + begin, start + end) });
  }
  return { metadata, tensors };
}

/** The header of a file, checked against the file's size. `start` is the first byte after the header. */
function readLayout(file: FileParts): { metadata: Record<string, string>; entries: Entry[]; start: number } {
  const refuse = (rule: SafetensorsRule, message: string) => new SafetensorsError(rule, file.path, message);
  const { header, start } = readHeader(file, refuse);
  const metadata = readMetadata(header.get('__metadata__'), refuse);
  header.delete('__metadata__');
  const entries = Array.from(header, ([name, value]) => readEntry(name, value, refuse));
  checkLayout(entries, file.size - start, refuse);
  return { metadata, entries, start };
}

type Refuse = (rule: SafetensorsRule, message: string) => SafetensorsError;

function readHeader(file: FileParts, refuse: Refuse): { header: JsonObject; start: number } {
  if (file.size < 8) throw refuse('short-file', `it has ${file.size} bytes, fewer than 8`);
  const length = new DataView(readPart(file, 0, 8).buffer).getBigUint64(0, true); // a bigint, so that lengths near 2⁵³ and 2⁶⁴ compare exactly
  if (length > BigInt(MAX_HEADER_BYTES)) throw refuse('header-too-large', `a header of ${length} bytes`);
  if (length === 0n) throw refuse('header-empty', 'the header has 0 bytes');
  const start = 8 + Number(length);
  if (start > file.size) throw refuse('header-past-end', `the header ends at byte ${start} of ${file.size}`);
  const text = decodeHeader(readPart(file, 8, start - 8), refuse);
  let header: Json;
  try {
    header = parseJson(text, MAX_DEPTH);
  } catch (error) {
    if (error instanceof JsonError) throw refuse(error.rule, `header: ${error.message}`);
    throw error;
  }
  if (!(header instanceof Map)) throw refuse('not-object', 'the header is not a JSON object');
  if (text[0] !== '{') throw refuse('header-start', 'the header does not begin with {');
  return { header, start };
}

function decodeHeader(bytes: Uint8Array, refuse: Refuse): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse('invalid-utf8', 'the header is not UTF-8');
  }
  if (text.startsWith('\ufeff')) throw refuse('bom', 'the header begins with a byte order mark');
  return text;
}

function readMetadata(value: Json | undefined, refuse: Refuse): Record<string, string> {
  if (value === undefined) return {};
  if (!(value instanceof Map)) throw refuse('bad-metadata', '__metadata__ is not an object');
  return Object.fromEntries(
    Array.from(value, ([key, text]) => {
      if (typeof text !== 'string') throw refuse('bad-metadata', `__metadata__ ${JSON.stringify(key)} is not a string`);
      return [key, text];
    }),
  );
}

const FIELDS = ['dtype', 'shape', 'data_offsets'];

function readEntry(name: string, value: Json, refuse: Refuse): Entry {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!(value instanceof Map) || value.size !== FIELDS.length || !FIELDS.every((field) => value.has(field))) {
    throw refuse('bad-fields', `${where} must have exactly the fields ${FIELDS.join(', ')}`);
  }
  const dtype = value.get('dtype');
  if (!isDType(dtype)) {
    throw refuse('unknown-dtype', `${where} has dtype ${quote(dtype)}, not one of ${Object.keys(DTYPE_BYTES)}`);
  }
  const shape = readShape(value.get('shape'), where, refuse);
  const size = shape.includes(0) ? 0 : shape.reduce((product, dimension) => product * dimension, DTYPE_BYTES[dtype]);
  if (!Number.isSafeInteger(size)) throw refuse('product-overflow', `${where} of shape [${shape}] has too many bytes`);
  const offsets = value.get('data_offsets');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw refuse('bad-offsets', `${where} has data_offsets ${quote(offsets)}, not two integers ≥ 0`);
  }
  const [begin, end] = offsets.map(Number);
  if (begin > end) throw refuse('offsets-reversed', `${where} ends at ${end}, before it begins at ${begin}`);
  if (end - begin !== size) {
    throw refuse('size-mismatch', `${where} of ${dtype} [${shape}] needs ${size} bytes and has ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

/** Whether a parsed number is an integer ≥ 0 that JavaScript represents exactly. */
const isCount = (value: Json): boolean =>
  typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER);

function readShape(value: Json | undefined, where: string, refuse: Refuse): number[] {
  if (!Array.isArray(value) || !value.every(isCount)) {
    throw refuse('bad-shape', `${where} has shape ${quote(value)}, not a list of integers ≥ 0`);
  }
  return value.map(Number);
}

/** A short rendering of a refused value. */
function quote(value: Json | undefined): string {
  const text = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item)) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The tensors must cover the data area exactly: from its first byte to its last, without gap or overlap. */
function checkLayout(entries: readonly Entry[], available: number, refuse: Refuse): void {
  let reached = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const where = `tensor ${JSON.stringify(name)} at bytes ${begin} to ${end}`;
    if (begin !== reached && end > available) {
      throw refuse('offsets-past-end', `${where} stands past the end of the data (${available} bytes)`);
    }
    if (begin < reached) throw refuse('overlap', `${where} overlaps the one before, which ends at ${reached}`);
    if (begin > reached && reached === 0) throw refuse('first-offset', `${where} is the first and must begin at 0`);
    if (begin > reached) throw refuse('hole', `${where} leaves a hole after byte ${reached}`);
    reached = end;
  }
  if (reached > available) throw refuse('truncated', `the tensors need ${reached} bytes, the file holds ${available}`);
  if (reached < available) throw refuse('trailing-bytes', `${available - reached} bytes follow the last tensor`);
}

/** Element types of tensor files and their conversion to and from float32. Files are little-endian, as is every host. */
import { UserError } from '../errors';

/** Bytes of one element. */
export const DTYPE_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type DType = keyof typeof DTYPE_BYTES;

/** Whether a name is an element type this kit knows. */
export const isDType = (name: unknown): name is DType => typeof name === 'string' && Object.hasOwn(DTYPE_BYTES, name);

/** Arrays of numbers that can be written. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

const NATIVE = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
} as const;

/** The element type that holds an array as it is. */
export function dtypeOf(data: NumericArray): DType {
  for (const [dtype, type] of Object.entries(NATIVE)) if (data instanceof type) return dtype as DType;
  throw new UserError('Tensor data must be a typed array of numbers.');
}

/** A small float: sign, exponent and mantissa bits in one integer. E4M3 ("fn") has no infinities, one NaN pattern. */
function smallFloat(bits: number, exponentBits: number, mantissaBits: number, infinities: boolean): number {
  const sign = bits >> (exponentBits + mantissaBits) ? -1 : 1;
  const top = (1 << exponentBits) - 1;
  const exponent = (bits >> mantissaBits) & top;
  const ones = (1 << mantissaBits) - 1;
  const mantissa = bits & ones;
  const bias = (1 << (exponentBits - 1)) - 1;
  if (exponent === top && infinities) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === top && mantissa === ones) return Number.NaN;
  const unit = 2 ** (Math.max(exponent, 1) - bias - mantissaBits);
  return sign * unit * (exponent ? mantissa + (1 << mantissaBits) : mantissa);
}

const tables = new Map<string, Float32Array>();

/** All values of a small float type, by bit pattern. */
function table(dtype: 'F16' | 'F8_E4M3' | 'F8_E5M2'): Float32Array {
  let values = tables.get(dtype);
  if (!values) {
    const [size, e, m, inf] =
      dtype === 'F16'
        ? ([65536, 5, 10, true] as const)
        : dtype === 'F8_E5M2'
          ? ([256, 5, 2, true] as const)
          : ([256, 4, 3, false] as const);
    values = Float32Array.from({ length: size }, (_, bits) => smallFloat(bits, e, m, inf));
    tables.set(dtype, values);
  }
  return values;
}

/** The values of all half-precision floats, by bit pattern. */
export const halfValues = (): Float32Array => table('F16');

/** A typed array over bytes that stand elsewhere. */
type View<T> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayLike<T>;

/** Decodes little-endian bytes to float32; a fresh array. Integers past 2²⁴ and float64 are rounded to nearest. */
export function decodeFloat32(dtype: DType, bytes: Uint8Array): Float32Array {
  const out = new Float32Array(bytes.byteLength / DTYPE_BYTES[dtype]);
  decodeInto(dtype, bytes, out, 0);
  return out;
}

/** Decodes little-endian bytes of whole elements into `out` from element `at` on; rounding as `decodeFloat32`. */
export function decodeInto(dtype: DType, bytes: Uint8Array, out: Float32Array, at: number): void {
  const size = DTYPE_BYTES[dtype];
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes); // typed arrays are aligned
  const count = bytes.byteLength / size;
  switch (dtype) {
    case 'F16':
      look(table('F16'), new Uint16Array(buffer, byteOffset, count), out, at);
      return;
    case 'F8_E4M3':
    case 'F8_E5M2':
      look(table(dtype), bytes, out, at);
      return;
    case 'BF16': {
      const halves = new Uint16Array(buffer, byteOffset, count);
      const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
      for (let i = 0; i < count; i++) words[at + i] = halves[i] << 16;
      return;
    }
    case 'BOOL':
      for (let i = 0; i < count; i++) out[at + i] = bytes[i] ? 1 : 0;
      return;
    case 'I64':
    case 'U64': {
      const Integers: View<bigint> = NATIVE[dtype];
      const integers = new Integers(buffer, byteOffset, count);
      for (let i = 0; i < count; i++) out[at + i] = Number(integers[i]);
      return;
    }
    default: {
      const Numbers: View<number> = NATIVE[dtype];
      out.set(new Numbers(buffer, byteOffset, count), at);
    }
  }
}

/** A plain loop: `Float32Array.from` with a function goes through an iterator and is many times slower. */
function look(values: Float32Array, bits: Uint8Array | Uint16Array, out: Float32Array, at: number): void {
  for (let i = 0; i < bits.length; i++) out[at + i] = values[bits[i]];
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** float → bfloat16 bits, ties to even. */
function bf16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0];
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN stays NaN
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** float → half bits, ties to even; values that round past 65504 give infinity. */
function f16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  // log2 can be one off next to a power of two; the clamp keeps the step right or finer, never coarser
  const e = 2 ** exponent > size && exponent > -14 ? exponent - 1 : exponent;
  const steps = size / 2 ** (e - 10);
  let whole = Math.floor(steps);
  const rest = steps - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2 === 1)) whole++;
  return sign | (whole + (e + 14) * 1024); // subnormals have whole < 1024, and a carry moves into the exponent
}

const INTEGER_LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  I32: [-(2 ** 31), 2 ** 31 - 1],
  U32: [0, 2 ** 32 - 1],
  I16: [-32768, 32767],
  U16: [0, 65535],
  I8: [-128, 127],
  U8: [0, 255],
  BOOL: [0, 1],
};

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/**
 * Encodes numbers as little-endian bytes of an element type, floats rounded to nearest even.
 * A Uint8Array with a dtype other than U8 is taken as that type's raw bytes.
 * @param where what is being encoded, for the error message.
 * @throws UserError when a finite value does not fit the type.
 */
export function encode(data: NumericArray, dtype: DType, where: string): Uint8Array {
  if (data instanceof Uint8Array || dtypeOf(data) === dtype) return bytesOf(data);
  const bad = (value: number | bigint) => new UserError(`${where}: ${value} cannot be stored as ${dtype}.`);
  const values: ArrayLike<number> & Iterable<number> =
    data instanceof BigInt64Array || data instanceof BigUint64Array
      ? Array.from(data as Iterable<bigint>, (value) => {
          if (!Number.isSafeInteger(Number(value))) throw bad(value);
          return Number(value);
        })
      : data;
  if (dtype === 'F32' || dtype === 'F64') {
    const out = NATIVE[dtype].from(values);
    for (let i = 0; i < out.length; i++) {
      if (!Number.isFinite(out[i]) && Number.isFinite(values[i])) throw bad(values[i]);
    }
    return bytesOf(out);
  }
  if (dtype === 'F16' || dtype === 'BF16') {
    const [convert, infinity] = dtype === 'F16' ? [f16, 0x7c00] : [bf16, 0x7f80];
    const out = Uint16Array.from(values, convert);
    for (let i = 0; i < out.length; i++) {
      if ((out[i] & 0x7fff) === infinity && Number.isFinite(values[i])) throw bad(values[i]);
    }
    return bytesOf(out);
  }
  if (dtype === 'I64' || dtype === 'U64') {
    return bytesOf(
      NATIVE[dtype].from(
        Array.from(values, (value) => {
          if (!Number.isSafeInteger(value) || (dtype === 'U64' && value < 0)) throw bad(value);
          return BigInt(value);
        }),
      ),
    );
  }
  const limits = INTEGER_LIMITS[dtype];
  if (!limits) throw new UserError(`${where}: writing numbers as ${dtype} is not supported; use F16 or BF16.`);
  const type = (dtype === 'BOOL' ? Uint8Array : NATIVE[dtype as 'I32']) as Int32ArrayConstructor;
  return bytesOf(
    type.from(values, (value) => {
      if (!Number.isInteger(value) || value < limits[0] || value > limits[1]) throw bad(value);
      return value;
    }),
  );
}

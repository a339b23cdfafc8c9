/**
 * The element types of GGUF files and how their blocks become numbers (ggml's ggml-quants.c). Values agree bit for bit
 * with `gguf.quants.dequantize` of Python's gguf package: products of a half-precision scale and small integers are
 * exact, and the one rounding left, of a sum of two float32, is the same whether done in float32 or in float64 first.
 */
import { UserError } from '../errors';
import { halfValues } from './dtypes';
import { type Codec, dtypeCodec } from './weights';

/** An element type of ggml. */
export interface GgmlType {
  readonly name: string;
  /** Values and bytes of a block. */
  readonly values: number;
  readonly bytes: number;
  /** How to decode it; missing for types this kit does not read. */
  readonly codec?: Codec;
}

let halves: Float32Array | undefined;
/** The half-precision number at byte `at`. */
const half = (bytes: Uint8Array, at: number): number => (halves ??= halfValues())[bytes[at] | (bytes[at + 1] << 8)];

/** Decodes one block that begins at byte `b` into `out` from element `o` on. */
type DecodeBlock = (bytes: Uint8Array, b: number, out: Float32Array, o: number) => void;

const codec = (values: number, bytes: number, block: DecodeBlock): Codec => ({
  values,
  bytes,
  decode: (stored, out, at) => {
    for (let b = 0, o = at; b < stored.length; b += bytes, o += values) block(stored, b, out, o);
  },
});

/** 4 bits: value i in the low half of byte i, value 16 + i in the high half. */
const q4_0: DecodeBlock = (bytes, b, out, o) => {
  const d = half(bytes, b);
  for (let i = 0; i < 16; i++) {
    const q = bytes[b + 2 + i];
    out[o + i] = d * ((q & 15) - 8);
    out[o + 16 + i] = d * ((q >> 4) - 8);
  }
};

/** 4 bits with a minimum. */
const q4_1: DecodeBlock = (bytes, b, out, o) => {
  const [d, m] = [half(bytes, b), half(bytes, b + 2)];
  for (let i = 0; i < 16; i++) {
    const q = bytes[b + 4 + i];
    out[o + i] = d * (q & 15) + m;
    out[o + 16 + i] = d * (q >> 4) + m;
  }
};

/** The fifth bit of value i in a little-endian word at `at`, moved to its place. */
const fifth = (bytes: Uint8Array, at: number, i: number): number => ((bytes[at + (i >> 3)] >> (i & 7)) & 1) << 4;

/** 5 bits: four as in Q4_0, the fifth of every value in one word before them. */
const q5_0: DecodeBlock = (bytes, b, out, o) => {
  const d = half(bytes, b);
  for (let i = 0; i < 16; i++) {
    const q = bytes[b + 6 + i];
    out[o + i] = d * (((q & 15) | fifth(bytes, b + 2, i)) - 16);
    out[o + 16 + i] = d * (((q >> 4) | fifth(bytes, b + 2, 16 + i)) - 16);
  }
};

/** 5 bits with a minimum. */
const q5_1: DecodeBlock = (bytes, b, out, o) => {
  const [d, m] = [half(bytes, b), half(bytes, b + 2)];
  for (let i = 0; i < 16; i++) {
    const q = bytes[b + 8 + i];
    out[o + i] = d * ((q & 15) | fifth(bytes, b + 4, i)) + m;
    out[o + 16 + i] = d * ((q >> 4) | fifth(bytes, b + 4, 16 + i)) + m;
  }
};

/** A signed byte. */
const signed = (byte: number): number => (byte << 24) >> 24;

const q8_0: DecodeBlock = (bytes, b, out, o) => {
  const d = half(bytes, b);
  for (let i = 0; i < 32; i++) out[o + i] = signed(bytes[b + 2 + i]) * d;
};

/** The 6-bit scale and minimum of sub-block `i` (0 … 7) of Q4_K and Q5_K; twelve bytes at `at` hold all of them. */
function scaleAndMinimum(bytes: Uint8Array, at: number, i: number): [scale: number, minimum: number] {
  if (i < 4) return [bytes[at + i] & 63, bytes[at + 4 + i] & 63];
  const low = bytes[at + 4 + i];
  return [(low & 15) | ((bytes[at + i - 4] >> 2) & 48), (low >> 4) | ((bytes[at + i] >> 2) & 48)];
}

/** 4 bits, eight sub-blocks of 32 with 6-bit scales and minima; two sub-blocks share 32 bytes. */
const q4_k: DecodeBlock = (bytes, b, out, o) => {
  const [d, dmin] = [half(bytes, b), half(bytes, b + 2)];
  for (let sub = 0; sub < 8; sub++) {
    const [scale, minimum] = scaleAndMinimum(bytes, b + 4, sub);
    const [ds, dm] = [d * scale, dmin * minimum];
    const [from, shift] = [b + 16 + 32 * (sub >> 1), 4 * (sub & 1)];
    for (let i = 0; i < 32; i++) out[o + 32 * sub + i] = ds * ((bytes[from + i] >> shift) & 15) - dm;
  }
};

/** As Q4_K, with the fifth bit of sub-block s in bit s of 32 bytes before. */
const q5_k: DecodeBlock = (bytes, b, out, o) => {
  const [d, dmin] = [half(bytes, b), half(bytes, b + 2)];
  for (let sub = 0; sub < 8; sub++) {
    const [scale, minimum] = scaleAndMinimum(bytes, b + 4, sub);
    const [ds, dm] = [d * scale, dmin * minimum];
    const [from, shift] = [b + 48 + 32 * (sub >> 1), 4 * (sub & 1)];
    for (let i = 0; i < 32; i++) {
      const q = ((bytes[from + i] >> shift) & 15) | (((bytes[b + 16 + i] >> sub) & 1) << 4);
      out[o + 32 * sub + i] = ds * q - dm;
    }
  }
};

/** 6 bits in two halves of 128 values; sixteen signed scales, one to 16 values. */
const q6_k: DecodeBlock = (bytes, b, out, o) => {
  const d = half(bytes, b + 208);
  for (let row = 0; row < 8; row++) {
    const [side, part] = [row >> 2, row & 3]; // half of the block, quarter of the half
    const low = b + 64 * side + 32 * (part & 1);
    const high = b + 128 + 32 * side;
    for (let i = 0; i < 32; i++) {
      const q = ((bytes[low + i] >> (4 * (part >> 1))) & 15) | (((bytes[high + i] >> (2 * part)) & 3) << 4);
      const scale = signed(bytes[b + 192 + 2 * row + (i >> 4)]);
      out[o + 32 * row + i] = d * scale * (q - 32);
    }
  }
};

const known = (name: string, codec: Codec): GgmlType => ({ name, values: codec.values, bytes: codec.bytes, codec });
const unread = (name: string, values: number, bytes: number): GgmlType => ({ name, values, bytes });

/** Types by their number in a file (ggml.h, `enum ggml_type`). */
const TYPES: Readonly<Record<number, GgmlType>> = {
  0: known('F32', dtypeCodec('F32')),
  1: known('F16', dtypeCodec('F16')),
  2: known('Q4_0', codec(32, 18, q4_0)),
  3: known('Q4_1', codec(32, 20, q4_1)),
  6: known('Q5_0', codec(32, 22, q5_0)),
  7: known('Q5_1', codec(32, 24, q5_1)),
  8: known('Q8_0', codec(32, 34, q8_0)),
  10: unread('Q2_K', 256, 84),
  11: unread('Q3_K', 256, 110),
  12: known('Q4_K', codec(256, 144, q4_k)),
  13: known('Q5_K', codec(256, 176, q5_k)),
  14: known('Q6_K', codec(256, 210, q6_k)),
  16: unread('IQ2_XXS', 256, 66),
  17: unread('IQ2_XS', 256, 74),
  18: unread('IQ3_XXS', 256, 98),
  19: unread('IQ1_S', 256, 50),
  20: unread('IQ4_NL', 32, 18),
  21: unread('IQ3_S', 256, 110),
  22: unread('IQ2_S', 256, 82),
  23: unread('IQ4_XS', 256, 136),
  24: known('I8', dtypeCodec('I8')),
  25: known('I16', dtypeCodec('I16')),
  26: known('I32', dtypeCodec('I32')),
  27: known('I64', dtypeCodec('I64')),
  28: known('F64', dtypeCodec('F64')),
  29: unread('IQ1_M', 256, 56),
  30: known('BF16', dtypeCodec('BF16')),
  34: unread('TQ1_0', 256, 54),
  35: unread('TQ2_0', 256, 66),
  39: unread('MXFP4', 32, 17),
};

/** The type of that number; a type unknown here has a name made of its number and no size. */
export const ggmlType = (number: number): GgmlType => TYPES[number] ?? unread(`type ${number}`, 1, 0);

/** The error about a tensor of a type that cannot be read; null when it can. @param type its name. */
export function unreadableType(source: string, tensor: string, type: string): UserError | null {
  const readable = Object.values(TYPES).filter((candidate) => candidate.codec);
  if (readable.some((candidate) => candidate.name === type)) return null;
  const names = readable.map((candidate) => candidate.name).join(', ');
  const message = `${source}: tensor ${JSON.stringify(tensor)} is of type ${type}, which cannot be read (only ${names})`;
  return new UserError(`${message}. Take the model in one of these types, such as Q8_0.`);
}

/**
 * 4-bit NormalFloat with double quantisation (Dettmers et al. 2023, QLoRA §3), on the host.
 *
 * Blocks of 64 weights share one scale, their largest magnitude; a weight becomes the nearest of 16 values of equal
 * probability under a normal distribution. The scales, less their mean, are stored in 8 bits (dynamic map) in blocks
 * of 256. Code books, block sizes, order and packing are those of bitsandbytes (`quantize_4bit`, `compress_statistics`).
 */

/** Weights a scale, and scales a second-level scale. */
export const NF4_BLOCK = 64;
export const SCALE_BLOCK = 256;

/** The 16 values of NF4, rising; index 7 is 0. */
export const NF4_CODE = Float32Array.of(
  -1.0,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0.0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1.0,
);

/**
 * The signed 8-bit dynamic map (Dettmers 2015), rising: for i = 0 … 6 the 2ⁱ midpoints of [0.1, 1] times 10^(i−6),
 * with both signs, and 0 and 1.
 */
export const DYNAMIC_CODE: Float32Array = (() => {
  const values = [0, 1];
  for (let i = 0; i < 7; i++) {
    const items = 2 ** i;
    for (let k = 0; k < items; k++) {
      const middle = 0.1 + (0.9 * (k + 0.5)) / items;
      values.push(middle * 10 ** (i - 6), -middle * 10 ** (i - 6));
    }
  }
  return Float32Array.from(values).sort();
})();

/** A matrix in NF4. */
export interface Nf4Values {
  /** Number of weights. */
  readonly size: number;
  /** Two codes a byte, the first in the high half; whole blocks, padded with zeros. [32 · blocks] */
  readonly codes: Uint8Array;
  /** Index into the dynamic map a block. [blocks] */
  readonly scaleCodes: Uint8Array;
  /** Second-level scales. [⌈blocks/256⌉] */
  readonly scaleMaxima: Float32Array;
  /** Mean of the scales, taken off before they are quantised. */
  readonly offset: number;
}

const midpoints = (code: Float32Array) =>
  Float64Array.from({ length: code.length - 1 }, (_, i) => (code[i] + code[i + 1]) / 2);
const NF4_MIDPOINTS = midpoints(NF4_CODE);
const DYNAMIC_MIDPOINTS = midpoints(DYNAMIC_CODE);

/** Index of the nearest value; the lower one in the middle. */
function nearest(x: number, middles: Float64Array): number {
  let low = 0;
  let high = middles.length;
  while (low < high) {
    const at = (low + high) >> 1;
    if (x > middles[at]) low = at + 1;
    else high = at;
  }
  return low;
}

/** Largest magnitude of each block. */
function maxima(values: Float32Array, block: number): Float32Array {
  const found = new Float32Array(Math.ceil(values.length / block));
  for (let b = 0; b < found.length; b++) {
    const end = Math.min(values.length, (b + 1) * block);
    for (let i = b * block; i < end; i++) found[b] = Math.max(found[b], Math.abs(values[i]));
  }
  return found;
}

/** v·(1/m) within [−1, 1], in float32 as bitsandbytes computes it; 0 for a block of zeros. */
function normalised(value: number, maximum: number): number {
  if (maximum === 0) return 0;
  return Math.max(-1, Math.min(1, Math.fround(value * Math.fround(1 / maximum))));
}

export function quantiseNf4(values: Float32Array): Nf4Values {
  const scales = maxima(values, NF4_BLOCK);
  const codes = new Uint8Array((scales.length * NF4_BLOCK) / 2).fill(0x77);
  for (let block = 0; block < scales.length; block++) {
    const end = Math.min(values.length, (block + 1) * NF4_BLOCK);
    for (let i = block * NF4_BLOCK; i < end; i++) {
      const code = nearest(normalised(values[i], scales[block]), NF4_MIDPOINTS);
      const byte = codes[i >> 1];
      codes[i >> 1] = i & 1 ? (byte & 0xf0) | code : (code << 4) | (byte & 0x0f);
    }
  }
  const offset = Math.fround(scales.reduce((sum, v) => sum + v, 0) / scales.length);
  const centred = scales.map((v) => v - offset);
  const scaleMaxima = maxima(centred, SCALE_BLOCK);
  const scaleCodes = Uint8Array.from(centred, (v, i) =>
    nearest(normalised(v, scaleMaxima[Math.floor(i / SCALE_BLOCK)]), DYNAMIC_MIDPOINTS),
  );
  return { size: values.length, codes, scaleCodes, scaleMaxima, offset };
}

/** Scale of every block, as the 8-bit codes say. */
export function nf4Scales({ scaleCodes, scaleMaxima, offset }: Nf4Values): Float32Array {
  return Float32Array.from(scaleCodes, (code, b) =>
    Math.fround(Math.fround(DYNAMIC_CODE[code] * scaleMaxima[Math.floor(b / SCALE_BLOCK)]) + offset),
  );
}

/** Both weights of a byte, [256, 2]. */
export const NF4_PAIRS = Float32Array.from({ length: 512 }, (_, i) => NF4_CODE[i % 2 === 0 ? i >> 5 : (i >> 1) & 15]);

export function dequantiseNf4(stored: Nf4Values): Float32Array {
  const scales = nf4Scales(stored);
  const { codes, size } = stored;
  const values = new Float32Array(scales.length * NF4_BLOCK);
  let at = 0;
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block];
    for (let end = at + NF4_BLOCK; at < end; at += 2) {
      const pair = 2 * codes[at >> 1];
      values[at] = NF4_PAIRS[pair] * scale;
      values[at + 1] = NF4_PAIRS[pair + 1] * scale;
    }
  }
  return values.length === size ? values : values.slice(0, size);
}

/** Bytes of the stored matrix. */
export function nf4Bytes({ codes, scaleCodes, scaleMaxima }: Nf4Values): number {
  return codes.byteLength + scaleCodes.byteLength + scaleMaxima.byteLength + 4;
}

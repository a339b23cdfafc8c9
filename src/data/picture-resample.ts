/**
 * Resizing as Pillow does it (its `Resample.c`), to the bit: a separable convolution whose support grows with the
 * scale, so that shrinking does not alias; rows first, then columns; weights of 22 bits, rounded to bytes between the
 * passes. Rows come first always, as in torchvision and in Pillow up to 12; Pillow 13 begins with the columns where a
 * picture shrinks mostly in height, which moves single pixels by a few levels. The `resample` of a `preprocessor_config.json` means these filters. (libvips and the browser's canvas differ
 * from them by more than a hundred levels at an edge.)
 */
import type { RgbPicture } from '../formats/picture-file';

export type Filter = 'bilinear' | 'bicubic' | 'lanczos';

interface Kernel {
  /** Half its width in source pixels at scale 1. */
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const KERNELS: Readonly<Record<Filter, Kernel>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5; // Keys 1981
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Bits behind the point of a weight: 8 of 32 are the pixel's, 2 are kept free. */
const BITS = 22;
const HALF = 1 << (BITS - 1);

/** For each output pixel: where its source pixels begin, how many they are, and their weights. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly values: Int32Array;
  /** Weights an output pixel has room for. */
  readonly stride: number;
}

function weightsOf(from: number, to: number, { support, weight }: Kernel): Weights {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const stride = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const values = new Int32Array(to * stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const n = Math.min(from, Math.trunc(centre + reach + 0.5)) - start;
    const exact = Array.from({ length: n }, (_, j) => weight((j + start - centre + 0.5) / stretch));
    const total = exact.reduce((sum, value) => sum + value, 0);
    first[i] = start;
    count[i] = n;
    for (let j = 0; j < n; j++) {
      const value = (total === 0 ? exact[j] : exact[j] / total) * (1 << BITS);
      values[i * stride + j] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    }
  }
  return { first, count, values, stride };
}

const toByte = (sum: number) => {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

function resizeRows({ width, height, data }: RgbPicture, to: number, kernel: Kernel): RgbPicture {
  const { first, count, values, stride } = weightsOf(width, to, kernel);
  const out = new Uint8Array(to * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      let [r, g, b] = [HALF, HALF, HALF];
      let pixel = (y * width + first[x]) * 3;
      const end = x * stride + count[x];
      for (let k = x * stride; k < end; k++, pixel += 3) {
        r += data[pixel] * values[k];
        g += data[pixel + 1] * values[k];
        b += data[pixel + 2] * values[k];
      }
      out[at++] = toByte(r);
      out[at++] = toByte(g);
      out[at++] = toByte(b);
    }
  }
  return { width: to, height, data: out };
}

function resizeColumns({ width, height, data }: RgbPicture, to: number, kernel: Kernel): RgbPicture {
  const { first, count, values, stride } = weightsOf(height, to, kernel);
  const row = width * 3;
  const out = new Uint8Array(row * to);
  const sums = new Int32Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]; k++) {
      const value = values[y * stride + k];
      const from = (first[y] + k) * row;
      for (let i = 0; i < row; i++) sums[i] += data[from + i] * value;
    }
    for (let i = 0; i < row; i++) out[y * row + i] = toByte(sums[i]);
  }
  return { width, height: to, data: out };
}

/** The picture in another size; the same picture when the size is its own. */
export function resizePicture(picture: RgbPicture, width: number, height: number, filter: Filter): RgbPicture {
  const kernel = KERNELS[filter];
  const rows = picture.width === width ? picture : resizeRows(picture, width, kernel);
  return rows.height === height ? rows : resizeColumns(rows, height, kernel);
}

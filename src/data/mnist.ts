/** Images of MNIST and Fashion-MNIST (28 × 28 bytes in IDX files) as patches. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import { readIdx } from '../formats/idx';
import { toPatches } from './glyphs/raster';
import { FEATURES, type Pictures, TOKENS } from './pictures';
import { PATCH, SIDE } from './pictures/canvas';

export const MNIST_CLASSES = 10;

/**
 * Reads `PART-images-idx3-ubyte.gz` and its labels; grey 0 … 255 becomes −1 … 1.
 * @param part `train` or `t10k`.
 * @throws UserError when a file is missing or wrong, the two do not fit, an image is not 28 × 28, or a label is above 9.
 */
export function readMnist(folder: string, part: 'train' | 't10k'): Pictures {
  const path = join(folder, `${part}-images-idx3-ubyte.gz`);
  if (!existsSync(path)) {
    throw new UserError(
      `${path} is not there. Name the folder that holds ${basename(folder)}/ with --data-dir DIR or GORA_DATA`,
    );
  }
  const images = readIdx(path, 3);
  const labels = readIdx(join(folder, `${part}-labels-idx1-ubyte.gz`), 1);
  const [count, rows, columns] = images.shape;
  if (rows !== SIDE || columns !== SIDE) {
    throw new UserError(`${path} holds images of ${rows} × ${columns} pixels; they must have ${SIDE} × ${SIDE}`);
  }
  if (labels.shape[0] !== count) {
    throw new UserError(`${path} holds ${count} images, but its labels are ${labels.shape[0]}: download both again`);
  }
  const stray = labels.data.findIndex((label) => label >= MNIST_CLASSES);
  if (stray >= 0) throw new UserError(`${folder}: ${part} label ${stray} is ${labels.data[stray]}, not 0 … 9`);
  const features = new Float32Array(count * TOKENS * FEATURES);
  const size = SIDE * SIDE;
  for (let i = 0; i < count; i++) {
    const pixels = Float32Array.from(images.data.subarray(i * size, (i + 1) * size), (v) => v / 127.5 - 1);
    toPatches(pixels, features, i * size, SIDE, PATCH);
  }
  return { features, labels: Int32Array.from(labels.data) };
}

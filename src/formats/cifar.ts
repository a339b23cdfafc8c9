/**
 * CIFAR-10's binary layout, for pictures of any square size: a record each, one byte for the class, then the red, the
 * green and the blue plane, row by row.
 */
import { UserError } from '../errors';
import type { RgbPicture } from './picture-file';
import { readBytes } from './read';

export interface CifarPictures {
  readonly size: number;
  readonly labels: Uint8Array;
  /** One picture, its planes put beside each other. */
  picture(index: number): RgbPicture;
}

/**
 * Reads a file of records, `.gz` transparently.
 * @param size side of the pictures; CIFAR's is 32.
 * @throws UserError when the file is missing, empty, or no whole number of records.
 */
export function readCifar(path: string, size = 32): CifarPictures {
  const bytes = readBytes(path, 'CIFAR file');
  const plane = size * size;
  const record = 1 + 3 * plane;
  if (bytes.length === 0) throw new UserError(`${path} is empty`);
  if (bytes.length % record !== 0) {
    throw new UserError(
      `${path} is no CIFAR file of ${size} x ${size} pictures: its ${bytes.length} bytes are no multiple of ${record}`,
    );
  }
  const count = bytes.length / record;
  return {
    size,
    labels: Uint8Array.from({ length: count }, (_, i) => bytes[i * record]),
    picture: (index) => {
      const from = index * record + 1;
      const data = new Uint8Array(3 * plane);
      for (let c = 0; c < 3; c++) for (let i = 0; i < plane; i++) data[i * 3 + c] = bytes[from + c * plane + i];
      return { width: size, height: size, data };
    },
  };
}

/** A grey picture, one byte a pixel (as in MNIST's files), as RGB. */
export function greyPicture(pixels: Uint8Array, width: number, height: number): RgbPicture {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.fill(pixels[i], 3 * i, 3 * i + 3);
  return { width, height, data };
}

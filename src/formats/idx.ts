/**
 * IDX, the format of MNIST and Fashion-MNIST: two zero bytes, a type, the number of dimensions, big-endian int32 sizes,
 * then the elements. Images and labels are unsigned bytes, the only type read here.
 */
import { UserError } from '../errors';
import { readBytes } from './read';

/** An array of unsigned bytes, row-major; images have the shape [count, rows, columns], labels [count]. */
export interface IdxArray {
  readonly shape: number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;

/**
 * Reads an IDX file of unsigned bytes, `.gz` transparently.
 * @param dimensions how many dimensions it must have: 3 for images, 1 for labels.
 * @throws UserError when the file is missing, of another kind, truncated, or has bytes left over.
 */
export function readIdx(path: string, dimensions: number): IdxArray {
  const bytes = readBytes(path, 'IDX file');
  const bad = (what: string) => new UserError(`${path} is not an IDX file of ${dimensions} dimension(s): ${what}.`);
  const start = 4 + 4 * dimensions;
  if (bytes.byteLength < start) throw bad(`it has ${bytes.byteLength} bytes, fewer than its header`);
  if (bytes[0] !== 0 || bytes[1] !== 0) throw bad('it does not begin with two zero bytes');
  if (bytes[2] !== UNSIGNED_BYTE) throw bad(`its elements have type 0x${bytes[2].toString(16)}, not 0x8`);
  if (bytes[3] !== dimensions) throw bad(`it has ${bytes[3]} dimension(s)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (start + size !== bytes.byteLength) {
    const fault = start + size > bytes.byteLength ? 'it is truncated' : 'bytes follow the last element';
    throw bad(`${fault}: [${shape}] needs ${start + size} bytes and it has ${bytes.byteLength}`);
  }
  return { shape, data: bytes.subarray(start) };
}

/** Reading parts of a file without holding the whole, so that a checkpoint costs the memory of one tensor at a time. */
import * as fs from 'node:fs';
import { UserError } from '../errors';
import { readBytes, unreadable } from './read';

/** An open file of known size. */
export interface FileParts {
  readonly path: string;
  /** Bytes in the file. */
  readonly size: number;
  /**
   * Fills `target` with the bytes from `offset` on.
   * @throws UserError when the file ends before, cannot be read, or has been closed.
   */
  readInto(target: Uint8Array, offset: number): void;
  /** Frees the file; closing twice is no fault. */
  close(): void;
}

/** Longest single read: the system takes no more than 2³¹ − 1 bytes a call. */
const LONGEST_READ = 2 ** 30;

class OnDisk implements FileParts {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly what: string,
    private descriptor: number | null,
  ) {}

  static open(path: string, what: string): OnDisk {
    let descriptor: number | null = null;
    try {
      descriptor = fs.openSync(path, 'r');
      const stats = fs.fstatSync(descriptor);
      // a folder opens without complaint and fails only when read
      if (stats.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
      return new OnDisk(path, stats.size, what, descriptor);
    } catch (error) {
      if (descriptor !== null) fs.closeSync(descriptor);
      throw unreadable(path, what, error);
    }
  }

  readInto(target: Uint8Array, offset: number): void {
    if (this.descriptor === null) throw new UserError(`The ${this.what} ${this.path} has been closed; open it again.`);
    for (let done = 0; done < target.byteLength; ) {
      const wanted = Math.min(target.byteLength - done, LONGEST_READ);
      let got: number;
      try {
        got = fs.readSync(this.descriptor, target, done, wanted, offset + done);
      } catch (error) {
        throw unreadable(this.path, this.what, error);
      }
      if (got === 0) throw pastEnd(this.path, this.what, offset + target.byteLength);
      done += got;
    }
  }

  close(): void {
    if (this.descriptor !== null) fs.closeSync(this.descriptor);
    this.descriptor = null;
  }
}

const pastEnd = (path: string, what: string, end: number): UserError =>
  new UserError(`The ${what} ${path} ends before byte ${end}; fetch or write the file again.`);

/** Bytes in memory read as a file is. @param what what they should be, for the error message. */
export function bytesAsFile(bytes: Uint8Array, path: string, what: string): FileParts {
  return {
    path,
    size: bytes.byteLength,
    readInto: (target, offset) => {
      const end = offset + target.byteLength;
      if (end > bytes.byteLength) throw pastEnd(path, what, end);
      target.set(bytes.subarray(offset, end));
    },
    close: () => {},
  };
}

/**
 * Opens a file for reading in parts; a name that ends in `.gz` is decompressed into memory.
 * @param what what the file should be, for the error message, e.g. `safetensors file`.
 * @throws UserError when it is missing, unreadable, a folder, or broken gzip data.
 */
export function openParts(path: string, what: string): FileParts {
  return path.endsWith('.gz') ? bytesAsFile(readBytes(path, what), path, what) : OnDisk.open(path, what);
}

/** A part of a file as fresh bytes. @throws UserError as `readInto`. */
export function readPart(file: FileParts, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.readInto(bytes, offset);
  return bytes;
}

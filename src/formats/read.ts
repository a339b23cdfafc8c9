/** Reading whole files, `.gz` transparently, with errors that say what to do. */
import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import { messageOf, UserError } from '../errors';

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'no such file; check the path',
  ENOTDIR: 'a part of the path is a file, not a folder; check the path',
  EISDIR: 'it is a folder; name a file',
  EACCES: 'permission denied; change its permissions',
  EPERM: 'permission denied; change its permissions',
  ERR_FS_FILE_TOO_LARGE: 'larger than 2 GiB; split it into shards',
};

/** The error that says why a file could not be read. @param what what the file should be, e.g. `safetensors file`. */
export function unreadable(path: string, what: string, cause: unknown): UserError {
  const remedy = REMEDIES[(cause as NodeJS.ErrnoException).code ?? ''] ?? messageOf(cause);
  return new UserError(`Cannot read ${what} ${path}: ${remedy}.`, { cause });
}

/** Largest decompressed size accepted, so that a small hostile file cannot fill the memory. */
const MAX_INFLATED = 2 ** 31 - 1;

/**
 * The bytes of a file; a name that ends in `.gz` is decompressed.
 * @param what what the file should be, for the error message, e.g. `safetensors file`.
 * @throws UserError when it is missing, unreadable, a folder, or broken gzip data.
 */
export function readBytes(path: string, what: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = fs.readFileSync(path);
  } catch (error) {
    throw unreadable(path, what, error);
  }
  if (!path.endsWith('.gz')) return bytes;
  try {
    return zlib.gunzipSync(bytes, { maxOutputLength: MAX_INFLATED });
  } catch (error) {
    throw new UserError(`Cannot decompress ${what} ${path}: ${messageOf(error)}; fetch the file again.`, {
      cause: error,
    });
  }
}

/** The text of a UTF-8 file, `.gz` transparently. @throws UserError as `readBytes`, and on invalid UTF-8. */
export function readText(path: string, what: string): string {
  const bytes = readBytes(path, what);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UserError(`The ${what} ${path} is not valid UTF-8; convert it to UTF-8.`, { cause: error });
  }
}

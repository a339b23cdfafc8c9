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

/** Longest text that a string can hold, in bytes of ASCII. */
const MAX_TEXT = 512 * 1024 * 1024 - 32;

const NEWLINE = 10;

/** The first line that is not UTF-8, from 1; 0 when there is none. */
function brokenLine(bytes: Uint8Array): number {
  const strict = new TextDecoder('utf-8', { fatal: true });
  for (let from = 0, line = 1; from < bytes.length; line++) {
    const next = bytes.indexOf(NEWLINE, from);
    const end = next < 0 ? bytes.length : next + 1;
    try {
      strict.decode(bytes.subarray(from, end));
    } catch {
      return line;
    }
    from = end;
  }
  return 0;
}

/** The text of a UTF-8 file, `.gz` transparently. @throws UserError as `readBytes`, and naming a line that is not UTF-8. */
export function readText(path: string, what: string): string {
  const bytes = readBytes(path, what);
  if (bytes.length > MAX_TEXT) throw new UserError(`The ${what} ${path} is larger than 512 MiB of text; split it.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const line = brokenLine(bytes);
    throw new UserError(`The ${what} ${path} is not valid UTF-8 (line ${line}); convert it to UTF-8.`, {
      cause: error,
    });
  }
}

/** Writing files so that a reader sees the old content or the new, never a part: temp file, fsync, rename. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { messageOf, UserError } from '../errors';

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; change the permissions of the folder or write elsewhere',
  EPERM: 'not permitted; change the permissions of the folder or write elsewhere',
  EROFS: 'the file system is read-only; write elsewhere',
  ENOSPC: 'the disk is full; free some space or write elsewhere',
  EDQUOT: 'the disk quota is used up; free some space or write elsewhere',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another path',
  EEXIST: 'a part of the path is a file, not a folder; choose another path',
  EISDIR: 'it is a folder; name a file',
  ENOENT: 'its folder does not exist; make it or write elsewhere',
  ENOTSUP: 'it is a device or the like, not a file; name a file',
  ENAMETOOLONG: 'the name is too long; shorten it',
};

/** Why a path cannot be written, and what to do. */
export function writeRemedy(error: unknown): string {
  return REMEDIES[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
}

/** A failed write as an error that names the path, the reason and the remedy; null when it is no error of the system. */
export function writeError(file: string, error: unknown): UserError | null {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof UserError || code === undefined) return null;
  return new UserError(`Cannot write ${file}: ${writeRemedy(error)}.`, { cause: error });
}

let counter = 0;

/** A name beside the file that nobody else uses. */
const temporary = (file: string): string =>
  path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.${counter++}.tmp`);

/** @throws what the system says where no file can be written: it is a folder, or something else that is no file. */
function refuseOtherKinds(file: string): void {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
  if (found && !found.isFile()) throw Object.assign(new Error('is no file'), { code: 'ENOTSUP' });
}

/**
 * Tries whether `writeFileAtomic` could write the file, before the work that makes its content. Leaves nothing behind.
 * @throws UserError naming the path, the reason and the remedy.
 */
export function checkWritable(file: string): void {
  const temp = temporary(file);
  try {
    refuseOtherKinds(file);
    fs.closeSync(fs.openSync(temp, 'wx'));
    fs.rmSync(temp);
  } catch (error) {
    throw writeError(file, error) ?? error;
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += fs.writeSync(fd, bytes, done);
}

/**
 * Writes a file whole or not at all, making missing folders on the way. On failure the old file, if any, is untouched
 * and nothing else is left behind.
 * @param content text (UTF-8), bytes, or pieces of bytes written one after the other.
 * @throws UserError naming the path, the reason and the remedy; errors thrown by an iterable pass unchanged.
 */
export function writeFileAtomic(file: string, content: string | Uint8Array | Iterable<Uint8Array>): void {
  const folder = path.dirname(file);
  const temp = temporary(file);
  const pieces = typeof content === 'string' ? [Buffer.from(content)] : content;
  let fd: number | null = null;
  let made = false;
  try {
    refuseOtherKinds(file);
    fs.mkdirSync(folder, { recursive: true });
    fd = fs.openSync(temp, 'wx');
    made = true;
    for (const piece of pieces instanceof Uint8Array ? [pieces] : pieces) writeAll(fd, piece);
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    fd = null;
    fs.renameSync(temp, file);
  } catch (error) {
    if (fd !== null) fs.closeSync(fd);
    if (made) fs.rmSync(temp, { force: true });
    throw writeError(file, error) ?? error;
  }
  syncFolder(folder);
}

/** Makes the rename itself durable; some file systems cannot, which is no reason to fail. */
function syncFolder(folder: string): void {
  try {
    const fd = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Folders cannot be opened on Windows, nor synced on some network file systems.
  }
}

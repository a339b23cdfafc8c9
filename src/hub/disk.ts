/** What the downloads ask of the disk and the system. */
import type { Hash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { writeError } from '../formats/atomic';
import { bytesText } from './progress';

/** Hex digest of a file's bytes, read piece by piece. */
export async function digestFile(path: string, hash: Hash): Promise<string> {
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece);
  return hash.digest('hex');
}

/** Bytes of the files in a folder, links followed. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, stat) => sum + (stat?.isFile() ? stat.size : 0), 0);
}

/** What the disk refused as an error that names path, reason and remedy; null when it was not the disk. */
export function diskError(path: string, error: unknown): UserError | null {
  return (error as NodeJS.ErrnoException).syscall === undefined ? null : writeError(path, error);
}

/** Whether a process of this machine runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Makes a folder and looks whether its disk has room, before hours of download rather than after.
 * @param move how to have the files elsewhere, for the error message.
 * @throws UserError when it clearly has not.
 */
export function checkSpace(folder: string, bytes: number, move: string): void {
  mkdirSync(folder, { recursive: true });
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(folder);
    free = bavail * bsize;
  } catch {
    // some network file systems do not say
    return;
  }
  if (free >= bytes) return;
  throw new UserError(
    `${bytesText(bytes)} are to come and ${folder} has room for ${bytesText(free)}: free some space, or ${move}`,
  );
}

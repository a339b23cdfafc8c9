/** Folders that a command writes into: tried before the work, and gone again where nothing came of it. */
import { existsSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { writeRemedy } from '../formats/atomic';

/** Takes a folder away again if it was made here and is empty, and what was made above it. */
export type Undo = () => void;

/** Removes empty folders from `dir` up to `top`. */
function removeEmpty(dir: string, top: string): void {
  try {
    for (let folder = dir; folder.length >= top.length; folder = dirname(folder)) rmdirSync(folder);
  } catch {
    // not empty, or gone already
  }
}

/** The system's own word on a folder that cannot be made: Linux says only that a read-only file system lacks it. */
function reasonOf(dir: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  let above = dirname(dir);
  while (!existsSync(above)) above = dirname(above);
  try {
    mkdirSync(join(above, `.gora.${process.pid}`));
    rmdirSync(join(above, `.gora.${process.pid}`));
    return error;
  } catch (reason) {
    return reason;
  }
}

/**
 * Makes a folder and tries whether these files can be written into it; leaves the folder alone.
 * @param option the command's option for it, for the message.
 * @param files names of files to come.
 * @throws UserError when the folder cannot be made or written, or holds a folder of a file's name.
 */
export function prepareFolder(dir: string, option = '--out', files: readonly string[] = []): Undo {
  const folder = resolve(dir);
  const refuse = (why: string, cause?: unknown) =>
    new UserError(`cannot make the folder ${dir} or write into it: ${why}. Choose another with ${option} DIR`, {
      cause,
    });
  let made: string | undefined;
  try {
    made = mkdirSync(folder, { recursive: true });
  } catch (error) {
    const reason = reasonOf(folder, error);
    throw refuse(writeRemedy(reason), reason);
  }
  const undo = () => (made === undefined ? undefined : removeEmpty(folder, made));
  const probe = join(folder, `.gora.${process.pid}.tmp`);
  try {
    writeFileSync(probe, 'gora');
    rmSync(probe);
  } catch (error) {
    rmSync(probe, { force: true });
    undo();
    throw refuse(writeRemedy(error), error);
  }
  const taken = files.find((file) => statSync(join(folder, file), { throwIfNoEntry: false })?.isDirectory());
  if (taken === undefined) return undo;
  undo();
  throw refuse(`${taken} is a folder there`);
}

/** Folders that appear whole or not at all: filled beside their place, then renamed. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { messageOf, UserError } from '../errors';
import { writeError } from './atomic';

/** @throws UserError when the folder is there and not empty, is a file, or its parent cannot be written. */
export function checkNewFolder(folder: string): void {
  const place = path.resolve(folder);
  const stats = fs.statSync(place, { throwIfNoEntry: false });
  if (stats && !stats.isDirectory()) throw new UserError(`${folder} is a file: name a new folder`);
  if (stats && fs.readdirSync(place).length > 0) {
    throw new UserError(`${folder} is there and not empty: name a new folder, or empty it`);
  }
  try {
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.accessSync(path.dirname(place), fs.constants.W_OK);
  } catch (error) {
    throw new UserError(`cannot make the folder ${folder}: ${messageOf(error)}. Name another`, { cause: error });
  }
}

/**
 * Fills a folder and puts it in its place; when filling fails nothing of it is left.
 * @param fill writes into the folder that it is given.
 * @throws UserError as `checkNewFolder`, and what `fill` throws.
 */
export async function writeFolderWhole(folder: string, fill: (made: string) => void | Promise<void>): Promise<void> {
  checkNewFolder(folder);
  const place = path.resolve(folder);
  const made = fs.mkdtempSync(path.join(path.dirname(place), `.${path.basename(place)}-`));
  try {
    await fill(made);
    fs.chmodSync(made, 0o777 & ~process.umask()); // mkdtemp gives it to its owner alone
    if (fs.existsSync(place)) fs.rmdirSync(place);
    fs.renameSync(made, place);
  } catch (error) {
    fs.rmSync(made, { recursive: true, force: true });
    throw writeError(folder, error) ?? error;
  }
}

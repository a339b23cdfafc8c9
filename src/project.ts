/** The project's folders: its root, its data, its results. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The folder of the kit's package.json, from `src/`, `dist/` or any other build folder inside it. */
export function projectRoot(from: string = __dirname): string {
  let folder = resolve(from);
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${from}`);
    folder = parent;
  }
  return folder;
}

/** Folder of data sets and checkpoints: the one given, else GORA_DATA, else `data/cache`. */
export const dataFolder = (given?: string): string =>
  given ?? (process.env.GORA_DATA || join(projectRoot(), 'data', 'cache'));

/** A folder of the kit's own results. */
export const resultsFolder = (...parts: string[]): string => join(projectRoot(), 'results', ...parts);

/** A folder of the kit's own data: its base checkpoints. */
export const bundledFolder = (...parts: string[]): string => join(projectRoot(), 'data', ...parts);

/** Where data and results lie. */
import { join } from 'node:path';
import { projectRoot } from '../tensor/native';

const root = projectRoot(__dirname);

/** Folder of data sets and checkpoints: the one given, else GORA_DATA, else `data/cache`. */
export const dataFolder = (given?: string): string => given ?? (process.env.GORA_DATA || join(root, 'data', 'cache'));

/** A folder of the kit's own results. */
export const resultsFolder = (...parts: string[]): string => join(root, 'results', ...parts);

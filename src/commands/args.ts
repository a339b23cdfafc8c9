/** Command-line options that several commands share. */
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf, UserError } from '../errors';
import { parseValue } from '../experiments/options';
import { projectRoot } from '../tensor/native';

/** Strict parsing: an unknown option is an error that names it. */
export function parse<T extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: T, positionals = 0) {
  try {
    const parsed = parseArgs({ args, options, allowPositionals: positionals > 0, strict: true });
    if (parsed.positionals.length > positionals) {
      throw new UserError(`unexpected argument "${parsed.positionals[positionals]}"`);
    }
    return parsed;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new UserError(`${messageOf(error).split('\n')[0]}\nOptions: ${known.join(', ')}`);
  }
}

/** `--set key=value`, repeated, to an object. */
export function parseSettings(pairs: readonly string[] = []): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UserError(`--set takes key=value, not "${pair}"`);
    settings[pair.slice(0, at)] = parseValue(pair.slice(at + 1));
  }
  return settings;
}

/** @throws UserError unless the text is an integer ≥ 0. */
export function parseSeed(text: string | undefined): number {
  const seed = Number(text ?? '1');
  if (!Number.isSafeInteger(seed) || seed < 0 || text?.trim() === '') {
    throw new UserError(`--seed must be an integer ≥ 0, not "${text}"`);
  }
  return seed;
}

/** Folder of data sets and checkpoints: `--data`, else GORA_DATA, else `data/cache`. */
export const dataFolder = (option?: string): string =>
  option ?? process.env.GORA_DATA ?? join(projectRoot(__dirname), 'data', 'cache');

/** Folder of results: `--out`, else `results/<name>`. */
export const outFolder = (name: string, option?: string): string =>
  option ?? join(projectRoot(__dirname), 'results', name);

/** A signal that Ctrl-C aborts; the second Ctrl-C ends the process at once. */
export function interruptSignal(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onInterrupt = () => {
    process.stderr.write('\ninterrupted: finishing the step, then writing the record (again to quit at once)\n');
    controller.abort();
  };
  process.once('SIGINT', onInterrupt);
  return { signal: controller.signal, release: () => process.removeListener('SIGINT', onInterrupt) };
}

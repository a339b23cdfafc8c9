/** Command-line options that several commands share. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HelpRequest, messageOf, UserError } from '../errors';
import { parseValue } from '../experiments/options';
import { checkSeed } from '../experiments/spec';
import { interruptScope, onInterrupt } from '../processes/interrupt';
import { startSentry } from '../processes/sentry';
import { resultsFolder } from '../project';

/** How an option is declared. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
}

type ValueOf<S extends OptionSpec> = S['type'] extends 'boolean'
  ? boolean
  : S['multiple'] extends true
    ? string[]
    : string;

/** What came of the options; those not given are undefined. */
export interface Parsed<T extends Record<string, OptionSpec>> {
  readonly values: { readonly [K in keyof T]?: ValueOf<T[K]> };
  readonly positionals: readonly string[];
}

/** The arguments with negative numbers joined to their options, whose own rules then refuse them: `--seed -1`. */
function withNegatives(args: readonly string[], options: Readonly<Record<string, OptionSpec>>): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const option = joined.at(-1)?.replace(/^--/, '') ?? '';
    const takes =
      joined.at(-1)?.startsWith('--') && Object.hasOwn(options, option) && options[option].type === 'string';
    if (takes && /^-\.?\d/.test(arg)) joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

/** Strict parsing: an unknown option is an error that names it and lists the known ones. */
export function parse<T extends Record<string, OptionSpec>>(args: string[], options: T, positionals = 0): Parsed<T> {
  const known = Object.keys(options).map((name) => `--${name}`);
  if (args.includes('--help') || args.includes('-h')) {
    throw new HelpRequest(known.length > 0 ? `Options: ${known.join(', ')}` : 'No options.');
  }
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: withNegatives(args, options), options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UserError(`${messageOf(error).split('\n').join(' ')}\nOptions: ${known.join(', ') || 'none'}`);
  }
  if (parsed.positionals.length > positionals) {
    throw new UserError(`unexpected argument "${parsed.positionals[positionals]}"`);
  }
  return parsed as unknown as Parsed<T>;
}

/** `--set key=value`, repeated, to an object. */
export function parseSettings(pairs: readonly string[] = []): Record<string, unknown> {
  const settings = pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UserError(`--set takes key=value, not "${pair}"`);
    return [pair.slice(0, at), parseValue(pair.slice(at + 1))] as const;
  });
  return Object.fromEntries(settings); // also `__proto__` becomes a key of its own
}

/** @throws UserError unless the text is an integer ≥ 0. */
export function parseSeed(text = '1'): number {
  return checkSeed(text.trim() === '' ? Number.NaN : Number(text), '--seed', JSON.stringify(text));
}

/** Folder of results: `--out`, else `results/<name>`. */
export const outFolder = (name: string, option?: string): string => option ?? resultsFolder(name);

/** Folder with a folder of records a task: inside `--out` when given, else shared by all comparisons. */
export const recordsFolder = (option?: string): string => join(option ?? outFolder(''), 'records');

/**
 * A signal that Ctrl-C aborts, also while the main thread computes, and SIGTERM, which batch systems send. The second
 * one of either ends the process at once.
 * @param then what happens after the first one, for the message.
 */
export function interruptSignal(then = 'finishing the step, then writing the record'): {
  signal: AbortSignal;
  release: () => void;
} {
  const scope = interruptScope();
  const sentry = startSentry({ interrupts: 'first' });
  const stopSentry = () => void sentry.then((running) => running.stop());
  const heard = () => {
    process.removeListener('SIGTERM', terminated);
    process.stderr.write(`\ninterrupted: ${then} (again to quit at once)\n`);
    scope.interrupt();
  };
  const terminated = () => {
    stopSentry(); // Ctrl-C, too, quits from now on
    heard();
  };
  const forget = onInterrupt(heard);
  process.on('SIGTERM', terminated);
  const release = () => {
    process.removeListener('SIGTERM', terminated);
    scope.end();
    forget();
    stopSentry();
  };
  return { signal: scope.signal, release };
}

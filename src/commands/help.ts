/** Help of a command: what it does, every option with its meaning, an example. */
import { HelpRequest } from '../errors';
import { type OptionSpec, type Parsed, parse } from './args';
import type { dataOptions } from './data';

/** Every option has an entry: what it takes (none for a switch) and what it means. */
export type OptionHelp<T extends Record<string, OptionSpec>> = { readonly [K in keyof T]: readonly [string, string] };

export interface CommandHelp<T extends Record<string, OptionSpec>> {
  /** Arguments after the command's name. */
  readonly usage: string;
  readonly about: string;
  readonly options: OptionHelp<T>;
  readonly examples: readonly string[];
}

/** The options of data.ts. */
export const dataHelp: OptionHelp<typeof dataOptions> = {
  model: ['NAME', 'a folder, a .gguf, hf:owner/name, or a name that `gora models` shows'],
  task: ['NAME', 'a task of the kit (`gora list tasks`); its own model is taken where --model names none'],
  data: ['FILE', 'your own data: .csv .tsv .jsonl .parquet .txt, or a folder of pictures'],
  validation: ['FILE', 'your validation data; else a part of --data'],
  test: ['FILE', 'your test data; else a part of --data'],
  kind: ['KIND', 'what --data holds: classify, regress, completion, chat, text; else guessed'],
  text: ['COLUMN', 'the column of texts'],
  text2: ['COLUMN', 'the column of second texts'],
  label: ['COLUMN', 'the column of labels'],
  prompt: ['COLUMN', 'the column of prompts'],
  completion: ['COLUMN', 'the column of completions'],
  messages: ['COLUMN', 'the column of conversations'],
  metric: ['NAME', 'the score that tables show first'],
  'data-dir': ['DIR', 'folder of data sets and models (default: GORA_DATA, else data/cache)'],
};

/** The whole text. */
function helpText<T extends Record<string, OptionSpec>>(name: string, help: CommandHelp<T>): string {
  const rows = Object.entries(help.options).map(([key, [takes, text]]) => [`--${key} ${takes}`.trim(), text]);
  const width = Math.max(...rows.map(([left]) => left.length), 0);
  return [
    '',
    `Usage: npm run gora -- ${name} ${help.usage}`,
    '',
    help.about,
    '',
    ...rows.map(([left, text]) => `  ${left.padEnd(width)}  ${text}`),
    '',
    help.examples.length > 1 ? 'Examples:' : 'Example:',
    ...help.examples.map((line) => `  npm run gora -- ${line}`),
  ].join('\n');
}

/** As `parse`, with a help text. */
export function parseWithHelp<T extends Record<string, OptionSpec>>(
  name: string,
  args: string[],
  options: T,
  help: CommandHelp<T>,
  positionals = 0,
): Parsed<T> {
  if (args.includes('--help') || args.includes('-h')) throw new HelpRequest(helpText(name, help));
  return parse(args, options, positionals);
}

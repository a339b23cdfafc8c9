/** `gora models`: pretrained models by short name: what is here, what can be had, and bringing it. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { HelpRequest, UserError } from '../errors';
import { addModel, bytesText, type ListedModel, listModels, transferLines } from '../hub';
import { modelCards } from '../models/cards';
import { dataFolder } from '../project';
import { parse } from './args';
import { columns } from './columns';
import { modelsVerify } from './models-verify';

const options = { data: { type: 'string' }, json: { type: 'boolean' } } as const;

interface SubCommand {
  readonly usage: string;
  readonly summary: string;
  readonly run: (args: string[]) => Promise<number>;
}

const subCommands: Readonly<Record<string, SubCommand>> = {
  list: { usage: 'models [list]', summary: 'what is here and what can be had', run: list },
  verify: {
    usage: 'models verify [FOLDER…]',
    summary: 'checkpoints that hold a golden.json against the outputs in it [--json] [--out DIR]',
    run: modelsVerify,
  },
  add: {
    usage: 'models add NAME…',
    summary: 'brings models: names of the list, or hf:owner/name[@revision] of the hub',
    run: add,
  },
};

function help(): string {
  const width = Math.max(...Object.values(subCommands).map(({ usage }) => usage.length));
  return [
    ...Object.values(subCommands).map(({ usage, summary }) => `  gora ${usage.padEnd(width)}  ${summary}`),
    '',
    'Options:',
    ...columns([
      ['--json', 'for programs: one JSON text on standard output'],
      ['--data DIR', 'data folder, whose models/ is looked into (default: GORA_DATA, else data/cache)'],
    ]).split('\n'),
    '',
    'Variables, as Hugging Face’s own tools have them: HF_HOME or HF_HUB_CACHE (where the hub’s models lie),',
    'HF_TOKEN (for private and gated ones), HF_ENDPOINT (a mirror), HF_HUB_OFFLINE=1 (ask no network).',
  ].join('\n');
}

/** A count with three digits: 22.7 M, 1.24 B. */
function countText(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)} B` : `${(count / 1e6).toFixed(1)} M`;
}

/** A path as short as it can be typed from here. */
function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || isAbsolute(short) ? path : short;
}

/** Where a model can be had, in a word each. */
const sourceText = (from: string): string => from.replace(/^hf:.*$/, 'hub').replace(/^pip .*$/, 'pip');

function row({ name, title, parameters, licence, bytes, from, here }: ListedModel): string[] {
  return [
    name,
    title,
    parameters === null ? '–' : countText(parameters),
    bytes === null ? '–' : bytesText(bytes),
    licence ?? '–',
    from.map(sourceText).join(', ') || '–',
    here ? `${bytesText(here.bytes)} in ${shortPath(here.folder)}` : 'no',
  ];
}

async function list(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  const models = await listModels({ data: values.data });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(models, null, 2)}\n`);
    return 0;
  }
  const head = ['name', 'what', 'parameters', 'download', 'licence', 'where from', 'here'];
  process.stdout.write(`${columns([head, ...models.map(row)])}\n\n`);
  const own = modelCards().map(({ name, title, licence, path, bundled }) => [
    name,
    title,
    licence,
    bundled || existsSync(join(dataFolder(values.data), path)) ? 'yes' : `no: wants ${path} in the data folder`,
  ]);
  process.stdout.write(`${columns([['name', "the kit's small bases", 'licence', 'here'], ...own])}\n\n`);
  process.stdout.write('To bring one: npm run gora -- models add NAME   (any other of the hub: hf:owner/name)\n');
  return 0;
}

/** The first Ctrl-C ends the download and leaves what has come for the next time; the second ends the process. */
function interruptible(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  return { signal: controller.signal, release: () => process.removeListener('SIGINT', stop) };
}

async function add(args: string[]): Promise<number> {
  const { values, positionals: names } = parse(args, options, Number.POSITIVE_INFINITY);
  if (names.length === 0) throw new UserError('models add needs a name; `gora models` lists them');
  const { signal, release } = interruptible();
  const added = [];
  try {
    for (const name of names) {
      const model = await addModel(name, { ...transferLines(), data: values.data, signal });
      added.push(model);
      if (values.json) continue;
      const { folder, bytes, already } = model;
      process.stdout.write(
        `${model.name}: ${already ? 'was here before' : 'is here'}, ${bytesText(bytes)} in ${folder}\n`,
      );
    }
  } finally {
    release();
  }
  if (values.json) process.stdout.write(`${JSON.stringify(added, null, 2)}\n`);
  else process.stdout.write(`Next: npm run gora -- ranks --model ${names[0]} --data FILE.csv\n`);
  return 0;
}

export async function modelsCommand(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) throw new HelpRequest(help());
  const [first] = args;
  if (first === undefined || first.startsWith('-')) return list(args);
  if (!Object.hasOwn(subCommands, first)) {
    throw new UserError(`models what? One of: ${Object.keys(subCommands).join(', ')}`);
  }
  return subCommands[first].run(args.slice(1));
}

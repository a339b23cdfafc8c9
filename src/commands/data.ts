/** Options that name a model and the data it meets: a task of the kit, or a person's own files. */
import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { UserError } from '../errors';
import { fetchDataset, isHubName, parseHubName, transferLines } from '../hub';
import { dataFolder } from '../project';
import { allTasks, findTask, registerTask } from '../tasks';
import { imageFolderTask } from '../tasks/own-pictures';
import { type TableTaskOptions, tableTask } from '../tasks/own-table';
import type { Task } from '../tasks/task';

export const dataOptions = {
  model: { type: 'string' },
  task: { type: 'string' },
  data: { type: 'string' },
  validation: { type: 'string' },
  test: { type: 'string' },
  kind: { type: 'string' },
  text: { type: 'string' },
  text2: { type: 'string' },
  label: { type: 'string' },
  prompt: { type: 'string' },
  completion: { type: 'string' },
  messages: { type: 'string' },
  metric: { type: 'string' },
  'data-dir': { type: 'string' },
} as const;

export type DataValues = { readonly [K in keyof typeof dataOptions]?: string };

/** Names of columns, the kind, the metric: what says how a file is to be read. */
const READING = ['kind', 'text', 'text2', 'label', 'prompt', 'completion', 'messages', 'metric'] as const;

type Reading = Partial<Record<(typeof READING)[number], string>>;

/** A data set of the hub; its parts are those of its files' names. */
async function hubTask(text: string, options: Reading): Promise<Task> {
  const name = parseHubName(text);
  if (name.kind !== 'dataset') throw new UserError(`--data takes a data set: hf:datasets/${name.repo}, not ${text}`);
  const { files } = await fetchDataset(name, transferLines());
  const part = (role: 'validation' | 'test') => (files[role].length > 0 ? files[role] : undefined);
  const title = [name.repo, name.config].filter(Boolean).join('-');
  return tableTask({ train: files.train, validation: part('validation'), test: part('test') }, {
    name: title,
    ...options,
  } as TableTaskOptions);
}

async function ownTask(values: DataValues & { data: string }): Promise<Task> {
  const { data, validation, test } = values;
  const options: Reading = Object.fromEntries(
    READING.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]])),
  );
  const refuse = (keys: readonly (keyof DataValues)[], what: string) => {
    const stray = keys.find((key) => values[key] !== undefined);
    if (stray) throw new UserError(`--${stray} does not go with ${what}`);
  };
  if (isHubName(data)) {
    refuse(['validation', 'test'], 'a data set of the hub, which has its own parts');
    return hubTask(data, options);
  }
  if (existsSync(data) && statSync(data).isDirectory()) {
    const others = READING.filter((key) => key !== 'metric');
    refuse([...others, 'validation', 'test'], `a folder of pictures: ${data} is a folder`);
    return imageFolderTask(data, { metric: options.metric });
  }
  return tableTask({ train: data, validation, test }, options as TableTaskOptions);
}

/**
 * The task and model that a command line names; a person's own data become a task first.
 * `--data` beside `--task` is the folder of data sets, as `--data-dir`.
 * @throws UserError when neither or both are named, or the data cannot be read.
 */
export async function taskOf(values: DataValues): Promise<{ task: string; model?: string; dataDir: string }> {
  const { task, data, model } = values;
  if (task !== undefined) {
    const stray = [...READING, 'validation', 'test'].find((key) => values[key as keyof DataValues] !== undefined);
    if (stray) throw new UserError(`--${stray} goes with --data FILE, not with --task`);
    findTask(task);
    return { task, model, dataDir: dataFolder(values['data-dir'] ?? data) };
  }
  if (data === undefined) {
    throw new UserError(
      'name a task (--task NAME; `gora list tasks` shows them) or your own data (--data FILE.csv|.tsv|.jsonl|.parquet|.txt, a folder of pictures, or hf:datasets/owner/name)',
    );
  }
  if (model === undefined) {
    throw new UserError(
      `which model is to meet ${basename(data)}? --model DIR, a .gguf, hf:owner/name, or a name that \`gora models\` shows`,
    );
  }
  const read = await ownTask({ ...values, data });
  const taken = allTasks().some(({ name }) => name === read.name);
  const own = taken ? { ...read, name: `${read.name}-own` } : read;
  registerTask(own, { replace: true });
  return { task: own.name, model, dataDir: dataFolder(values['data-dir']) };
}

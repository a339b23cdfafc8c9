/** `gora list`: what exists, and the options of each. */

import { UserError } from '../errors';
import { describeOptions } from '../experiments/options';
import { allMethods, findMethod } from '../methods/registry';
import { modelCards } from '../models/cards';
import { dataFolder } from '../project';
import { allTasks, findTask } from '../tasks';
import { trainingSchema } from '../training/options';
import { parse } from './args';
import { columns } from './columns';

const optionRows = (schema: Parameters<typeof describeOptions>[0]) =>
  describeOptions(schema).map(({ key, value, text }) => [key, value, text]);

const listings: Record<string, (name?: string) => string> = {
  tasks: (name) => {
    if (name === undefined) return columns(allTasks().map((t) => [t.name, t.title, `models: ${t.models.join(', ')}`]));
    const task = findTask(name);
    const training = optionRows(trainingSchema).map(([key, value, text]) => [
      key,
      String(task.training[key] ?? value),
      text,
    ]);
    const rates = Object.entries(task.learningRates ?? {}).map(([method, lr]) => `${method} ${lr}`);
    const options = optionRows(task.options);
    return [
      `${task.name}: ${task.title}`,
      `models: ${task.models.join(', ')}`,
      `options:\n${options.length > 0 ? columns(options) : '  none'}`,
      `training:\n${columns(training)}`,
      ...(rates.length > 0 ? [`lr of some methods: ${rates.join(', ')}`] : []),
    ].join('\n');
  },
  methods: (name) => {
    if (name === undefined) {
      return columns(allMethods().map((m) => [m.name, m.title, m.reference, `needs: ${m.measures ?? 'nothing'}`]));
    }
    const method = findMethod(name);
    const rows = optionRows(method.options);
    return `${method.name}: ${method.title} (${method.reference})\noptions:\n${rows.length ? columns(rows) : '  none'}`;
  },
  models: (name) => {
    if (name !== undefined) throw new UserError(`list models takes no name, and found "${name}"`);
    return columns(modelCards().map((m) => [m.name, m.title, m.licence, m.path]));
  },
};

/** All methods with their trainable parameters on a task's model. */
async function sizesOn(task: string, data?: string): Promise<string> {
  const methods = allMethods();
  const { methodSizes } = await import('../experiments/sizes');
  const sizes = await methodSizes(
    task,
    methods.map((m) => m.name),
    dataFolder(data),
  );
  return columns([
    ['method', 'title', 'source', 'needs', 'trainable'],
    ...methods.map((m, i) => {
      const { trainable, why } = sizes[i];
      return [m.name, m.title, m.reference, m.measures ?? 'nothing', trainable?.toLocaleString('en') ?? why];
    }),
  ]);
}

export async function listCommand(args: string[]): Promise<number> {
  const { positionals, values } = parse(args, { task: { type: 'string' }, data: { type: 'string' } }, 2);
  const [what, name] = positionals;
  if ((values.task || values.data) && (what !== 'methods' || name)) {
    throw new UserError('--task and --data go with `list methods`, which then counts what each method trains');
  }
  if (what === 'methods' && values.task) {
    process.stdout.write(`${await sizesOn(values.task, values.data)}\n`);
    return 0;
  }
  if (what === undefined || !Object.hasOwn(listings, what)) {
    throw new UserError(`list what? One of: ${Object.keys(listings).join(', ')}`);
  }
  process.stdout.write(`${listings[what](name)}\n`);
  return 0;
}

/** `gora evaluate`: the score of a model, with or without an adapter. */
import { UserError } from '../errors';
import { evaluateAdapter } from '../experiments/use-adapter';
import { parseSeed, parseSettings } from './args';
import { columns } from './columns';
import { dataOptions, taskOf } from './data';
import { type CommandHelp, dataHelp, parseWithHelp } from './help';

const options = {
  ...dataOptions,
  adapter: { type: 'string' },
  split: { type: 'string' },
  seed: { type: 'string' },
  set: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const;

const help: CommandHelp<typeof options> = {
  usage: '--model NAME [--adapter DIR] (--data FILE | --task NAME) [options]',
  about:
    'Scores a model on the test data of a task or of your own files; with --adapter the model with the adapter on.',
  options: {
    ...dataHelp,
    adapter: ['DIR', 'the PEFT folder; without it the model alone is scored'],
    split: ['PART', 'test (default) or validation'],
    seed: ['N', 'seed by which data without parts of their own are split; default 1, as for `gora run`'],
    set: ['KEY=VALUE', 'an option of the task; repeat it'],
    json: ['', 'for programs: one JSON text on standard output'],
  },
  examples: [
    'evaluate --model stories260K --adapter trained --task shakespeare',
    'evaluate --model minilm --adapter trained --data reviews.csv --test reviews-test.csv',
  ],
};

export async function evaluateCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('evaluate', args, options, help);
  const { adapter, split = 'test' } = values;
  if (split !== 'test' && split !== 'validation') {
    throw new UserError(`--split is test or validation, not "${split}"`);
  }
  const { task, model, dataDir } = await taskOf(values);
  const found = await evaluateAdapter(
    { task, model, adapter, split, seed: parseSeed(values.seed), set: parseSettings(values.set) },
    dataDir,
  );
  if (values.json) {
    process.stdout.write(`${JSON.stringify(found)}\n`);
    return 0;
  }
  const rows = Object.entries(found.metrics).map(([name, value]) => [name, value.toFixed(4)]);
  const what = adapter ? `${found.model} with ${adapter}` : `${found.model} alone`;
  process.stdout.write(`${what}, ${found.examples} examples (${split}):\n${columns(rows)}\n`);
  if (found.untrainedHead) {
    process.stderr.write(
      'the head was made for this task and no adapter brought a trained one: the scores are mostly those of that head\n',
    );
  }
  return 0;
}

/** `gora run`: one method on one task, one record. */
import { Interrupted, messageOf, UserError } from '../errors';
import { prepareFolder, type Undo } from '../experiments/folders';
import type { Opened } from '../experiments/open';
import type { RunRecord } from '../experiments/record';
import { RunFailed, runExperiment } from '../experiments/run';
import { type RunRequest, recordId, resolveSpec } from '../experiments/spec';
import { writeRecord } from '../experiments/store';
import { CONFIG_FILE, WEIGHTS_FILE } from '../formats/peft';
import { findMethod } from '../methods/registry';
import { saveAdapters } from '../methods/save';
import { countParams } from '../models/params';
import { interruptSignal, outFolder, parseSeed, parseSettings } from './args';
import { dataOptions, taskOf } from './data';
import { type CommandHelp, dataHelp, parseWithHelp } from './help';
import { progressReporter } from './progress';

const options = {
  ...dataOptions,
  method: { type: 'string' },
  seed: { type: 'string' },
  set: { type: 'string', multiple: true },
  out: { type: 'string' },
  save: { type: 'string' },
} as const;

const help: CommandHelp<typeof options> = {
  usage: '--method NAME (--task NAME | --model NAME --data FILE) [options]',
  about: 'Trains one method on one task, or on your own model and data, tests it and writes one record.',
  options: {
    ...dataHelp,
    method: ['NAME', '`gora list methods` shows them, `gora list methods NAME` the options of one'],
    seed: ['N', 'seed of data, batches and random starts; default 1'],
    set: ['KEY=VALUE', 'an option of the method (rank), of training (steps, lr, batch) or of the task; repeat it'],
    out: ['DIR', 'where the record goes; default results/runs'],
    save: ['DIR', 'write the trained adapter there, as a PEFT folder'],
  },
  examples: [
    'run --task glyphs --method gora --set rank=8',
    'run --model minilm --data reviews.csv --method gora --set steps=200 --save adapter',
  ],
};

function summary(record: RunRecord): string {
  const metrics = Object.entries(record.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const { trainable, adapter } = record.model;
  const steps = `after ${record.curve.loss.length} of ${record.spec.training.steps} steps`;
  return [
    `${record.id}: ${record.status}${record.status === 'cancelled' ? ` ${steps}` : ''}`,
    metrics.length > 0 ? `  test: ${metrics.join(', ')}` : '',
    `  trainable ${trainable.toLocaleString('en')} (adapter ${adapter.toLocaleString('en')}), ${(record.timings.total / 1000).toFixed(1)} s`,
  ]
    .filter(Boolean)
    .join('\n');
}

/** What was read, on standard error, before the work begins: parts, guesses, texts that were cut. */
function sayOpened({ model, notes, train, validation, test }: Opened): void {
  const data = notes.data as { columns?: string; validation?: string; remarks?: readonly string[] } | undefined;
  const lines = [
    `model ${model.name}: ${countParams(model).toLocaleString('en')} weights, ${model.linears.length} matrices to adapt`,
    `data: ${train.size} to train, ${validation.size} to validate, ${test.size} to test${data?.columns ? `; ${data.columns}` : ''}`,
    ...(data?.remarks ?? []),
    ...(Number(notes.cutTexts) > 0
      ? [`${notes.cutTexts} texts are longer than ${notes.maxLength} tokens and were cut`]
      : []),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Everything that can be known of a request before the work. @returns what takes unused folders away again. */
function prepare(request: RunRequest, out: string, save: string | undefined): Undo {
  const spec = resolveSpec(request);
  if (save !== undefined && findMethod(spec.method).trainsBase) {
    throw new UserError(`${spec.method} trains the weights themselves: there is no adapter to --save`);
  }
  const undo = [prepareFolder(out, '--out', [`${recordId(spec)}.json`])];
  const undoAll = () => {
    for (const one of undo.splice(0)) one();
  };
  try {
    if (save !== undefined) undo.unshift(prepareFolder(save, '--save', [CONFIG_FILE, WEIGHTS_FILE]));
  } catch (error) {
    undoAll();
    throw error;
  }
  return undoAll;
}

const print = (text: string) => void process.stdout.write(`${text}\n`);

/** What failed of several writes, as one error. */
function together(problems: readonly unknown[]): unknown {
  return problems.length === 1 ? problems[0] : new UserError(problems.map(messageOf).join('\n'));
}

export async function runCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('run', args, options, help);
  const { method, save } = values;
  if (!method) throw new UserError('run needs --method NAME; `gora list methods` shows what exists');
  const seed = parseSeed(values.seed);
  const { task, model, dataDir } = await taskOf(values);
  const request = { task, method, model, seed, set: parseSettings(values.set) };
  const out = outFolder('runs', values.out);
  const undo = prepare(request, out, save);
  const { signal, release } = interruptSignal();
  const problems: unknown[] = [];
  let saved = false;
  try {
    const record = await runExperiment(request, {
      dataDir,
      onOpened: sayOpened,
      signal,
      onProgress: progressReporter(method),
      // a trained run keeps its record whatever becomes of the adapter's folder
      onTrained: async (task, adapters) => {
        if (save === undefined) return;
        await saveAdapters(adapters, task.model, save).then(
          () => {
            saved = true;
          },
          (error) => problems.push(error),
        );
      },
    });
    print(summary(record)); // before anything that can fail: it is what the time was spent for
    if (saved) print(`  adapter: ${save}`);
    else if (save !== undefined && record.status === 'cancelled') print(`  no adapter was saved to ${save}`);
    try {
      print(`  ${writeRecord(out, record)}`);
    } catch (error) {
      problems.unshift(error);
    }
    if (problems.length > 0) throw together(problems);
    return record.status === 'cancelled' ? 130 : 0;
  } catch (error) {
    if (error instanceof Interrupted && save !== undefined && !saved) print(`  no adapter was saved to ${save}`);
    throw error instanceof RunFailed ? error.cause : error;
  } finally {
    release();
    undo();
  }
}

/** `gora run`: one method on one task, one record. */
import { UserError } from '../errors';
import type { Opened } from '../experiments/open';
import type { RunRecord } from '../experiments/record';
import { RunFailed, runExperiment } from '../experiments/run';
import { prepareFolder, writeRecord } from '../experiments/store';
import { saveAdapters } from '../methods/save';
import { countParams } from '../models/params';
import { interruptSignal, outFolder, parse, parseSeed, parseSettings } from './args';
import { dataOptions, taskOf } from './data';
import { progressReporter } from './progress';

const options = {
  ...dataOptions,
  method: { type: 'string' },
  seed: { type: 'string' },
  set: { type: 'string', multiple: true },
  out: { type: 'string' },
  save: { type: 'string' },
} as const;

function summary(record: RunRecord): string {
  const metrics = Object.entries(record.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const { trainable, adapter } = record.model;
  return [
    `${record.id}: ${record.status}`,
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

export async function runCommand(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  const { method, save } = values;
  if (!method) throw new UserError('run needs --method NAME; `gora list methods` shows what exists');
  const seed = parseSeed(values.seed);
  const { task, model, dataDir } = await taskOf(values);
  const out = outFolder('runs', values.out);
  prepareFolder(out); // before the work, not after it
  if (values.save) prepareFolder(values.save, '--save');
  const { signal, release } = interruptSignal();
  let unsaved: unknown = null;
  try {
    const record = await runExperiment(
      {
        ...{ task, method, model, seed },
        set: parseSettings(values.set),
      },
      {
        dataDir,
        onOpened: sayOpened,
        signal,
        onProgress: progressReporter(method),
        // a trained run keeps its record whatever becomes of the adapter's folder
        onTrained: async (task, adapters) => {
          if (save) await saveAdapters(adapters, task.model, save).catch((error) => (unsaved = error));
        },
      },
    );
    const path = writeRecord(out, record);
    process.stdout.write(`${summary(record)}\n  ${path}\n`);
    if (unsaved) throw unsaved;
    return record.status === 'cancelled' ? 130 : 0;
  } catch (error) {
    throw error instanceof RunFailed ? error.cause : error;
  } finally {
    release();
  }
}

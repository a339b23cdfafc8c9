/** `gora run`: one method on one task, one record. */
import { UserError } from '../errors';
import type { RunRecord } from '../experiments/record';
import { RunFailed, runExperiment } from '../experiments/run';
import { prepareFolder, writeRecord } from '../experiments/store';
import { saveAdapters } from '../methods/save';
import { dataFolder } from '../project';
import { interruptSignal, outFolder, parse, parseSeed, parseSettings } from './args';
import { progressReporter } from './progress';

const options = {
  task: { type: 'string' },
  method: { type: 'string' },
  model: { type: 'string' },
  seed: { type: 'string' },
  set: { type: 'string', multiple: true },
  data: { type: 'string' },
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

export async function runCommand(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  if (!values.task || !values.method) {
    throw new UserError('run needs --task and --method. `gora list tasks` and `gora list methods` show what exists');
  }
  const out = outFolder('runs', values.out);
  prepareFolder(out); // before the work, not after it
  if (values.save) prepareFolder(values.save, '--save');
  const { signal, release } = interruptSignal();
  const { save } = values;
  let unsaved: unknown = null;
  try {
    const record = await runExperiment(
      {
        task: values.task,
        method: values.method,
        model: values.model,
        seed: parseSeed(values.seed),
        set: parseSettings(values.set),
      },
      {
        dataDir: dataFolder(values.data),
        signal,
        onProgress: progressReporter(values.method),
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

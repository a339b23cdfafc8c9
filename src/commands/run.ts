/** `gora run`: one method on one task, one record. */
import { Interrupted, messageOf, UserError } from '../errors';
import { prepareFolder, type Undo } from '../experiments/folders';
import type { RunRecord } from '../experiments/record';
import { RunFailed, runExperiment } from '../experiments/run';
import { type RunRequest, recordId, resolveSpec } from '../experiments/spec';
import { writeRecord } from '../experiments/store';
import { CONFIG_FILE, WEIGHTS_FILE } from '../formats/peft';
import { findMethod } from '../methods/registry';
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
  const steps = `after ${record.curve.loss.length} of ${record.spec.training.steps} steps`;
  return [
    `${record.id}: ${record.status}${record.status === 'cancelled' ? ` ${steps}` : ''}`,
    metrics.length > 0 ? `  test: ${metrics.join(', ')}` : '',
    `  trainable ${trainable.toLocaleString('en')} (adapter ${adapter.toLocaleString('en')}), ${(record.timings.total / 1000).toFixed(1)} s`,
  ]
    .filter(Boolean)
    .join('\n');
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
  const { values } = parse(args, options);
  if (!values.task || !values.method) {
    throw new UserError('run needs --task and --method. `gora list tasks` and `gora list methods` show what exists');
  }
  const request = {
    task: values.task,
    method: values.method,
    model: values.model,
    seed: parseSeed(values.seed),
    set: parseSettings(values.set),
  };
  const { save } = values;
  const out = outFolder('runs', values.out);
  const undo = prepare(request, out, save);
  const { signal, release } = interruptSignal();
  const problems: unknown[] = [];
  let saved = false;
  try {
    const record = await runExperiment(request, {
      dataDir: dataFolder(values.data),
      signal,
      onProgress: progressReporter(values.method),
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

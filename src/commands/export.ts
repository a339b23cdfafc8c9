/** `gora export`: the adapter of a recorded run as a PEFT folder. */
import { Interrupted, UserError } from '../errors';
import { exportAdapter, recordNamed } from '../experiments/export-adapter';
import { interruptSignal } from './args';
import { dataOptions, taskOf } from './data';
import { type CommandHelp, dataHelp, parseWithHelp } from './help';
import { progressReporter } from './progress';

const { model: _, ...dataOnly } = dataOptions;
const { model: __, ...dataOnlyHelp } = dataHelp;

const options = {
  run: { type: 'string' },
  to: { type: 'string' },
  portable: { type: 'boolean' },
  transformers: { type: 'string' },
  base: { type: 'string' },
  ...dataOnly,
} as const;

const help: CommandHelp<typeof options> = {
  usage: '--run ID|FILE --to DIR [options]',
  about: [
    'A record keeps no weights, so the run is trained once more, from the same seed, and its adapter is written.',
    'To have the adapter at once, train with `gora run --save DIR`.',
  ].join('\n'),
  options: {
    run: ['ID|FILE', 'the record: its id, as `gora run` prints it, or its file'],
    to: ['DIR', 'where the adapter goes; a new folder'],
    portable: ['', "rotary rows in transformers' order, for a base that `gora merge` wrote from llama2.c's weights"],
    transformers: ['4|5', 'whose names the modules of a picture model have; default 5, which renamed them'],
    base: ['NAME', 'what the adapter calls its base (base_model_name_or_path); default the model of the run'],
    ...dataOnlyHelp,
    data: ['FILE', 'the data of the run again, where they were your own; the other options as `gora run` had them'],
  },
  examples: ['export --run glyphs-gora-s1-03b5c7d2 --to gora-glyphs'],
};

/** @throws UserError unless the text is 4 or 5. */
export function parseTransformers(text: string | undefined): 4 | 5 | undefined {
  if (text === undefined) return undefined;
  if (text === '4') return 4;
  if (text === '5') return 5;
  throw new UserError(`--transformers is 4 or 5, not "${text}"`);
}

export async function exportCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('export', args, options, help);
  const { run, to, portable, base } = values;
  if (!run) throw new UserError('export needs --run ID|FILE, the record of a run');
  if (!to) throw new UserError('export needs --to DIR, a new folder for the adapter');
  const record = recordNamed(run);
  const own = values.data !== undefined;
  const { dataDir } = await taskOf(
    own ? { ...values, model: record.spec.model } : { ...values, task: record.spec.task },
  );
  const { signal, release } = interruptSignal();
  process.stderr.write(
    `${record.id} was not saved with its weights: training it again (${record.spec.method}, ${record.curve.step.length} steps, ${(record.timings.total / 1000).toFixed(0)} s when it was recorded)\n`,
  );
  try {
    const { record: again, same } = await exportAdapter(record, {
      dataDir,
      folder: to,
      portable,
      transformers: parseTransformers(values.transformers),
      base,
      signal,
      onProgress: progressReporter(record.spec.method),
    });
    if (again.status === 'cancelled') throw new Interrupted(`interrupted: nothing was written to ${to}`);
    const metrics = Object.entries(again.metrics).map(([name, value]) => {
      const before = record.metrics[name];
      return `${name} ${value.toFixed(4)}${same || before === undefined ? '' : ` (recorded ${before.toFixed(4)})`}`;
    });
    process.stdout.write(
      `${to}: ${Object.keys(again.ranks ?? {}).length} layers; test ${metrics.join(', ')}\n${
        same
          ? 'the numbers are those of the record'
          : 'the numbers differ from the record: another machine, backend or version trained it'
      }\n`,
    );
    return 0;
  } finally {
    release();
  }
}

/** `gora quickstart`: the main job in a minute or two, on whatever backend is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { prepareFolder } from '../experiments/folders';
import { labelled } from '../experiments/outcomes';
import { type Outcome, runPlan } from '../experiments/plan-runs';
import { findPlan } from '../experiments/plans';
import { resolveSpec } from '../experiments/spec';
import { dataFolder, projectRoot } from '../project';
import { type Column, exportTable, lossCurves, methodStyle, rankHeatmap, type Table } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { closeRenderer } from '../reports/render';
import { startBackend } from '../tensor/backend';
import { interruptSignal, outFolder, parse, parseSeed } from './args';
import { progressReporter } from './progress';

const options = { out: { type: 'string' }, seed: { type: 'string' }, steps: { type: 'string' } } as const;

/** Accuracy, size and time of each method, one run each. */
export function quickstartTable(outcomes: readonly Outcome[]): Table {
  const right = (title: string): Column => ({ title, align: 'right', parts: ['value'] });
  const cell = (value: number, text: string) => ({ text, numbers: [value] });
  return {
    name: 'table',
    title: outcomes[0].record.primary.title,
    columns: [
      { title: 'Method', align: 'left' },
      right('Accuracy (%)'),
      right('Before (%)'),
      right('Trainable'),
      right('Training (s)'),
      right('Preparation (s)'),
    ],
    rows: outcomes.map(({ variant, record }) => {
      const before = record.evaluations[0].metrics.accuracy;
      const preparation = ((record.timings.gradients ?? 0) + (record.timings.attach ?? 0)) / 1000;
      const training = record.timings.train / 1000;
      return [
        { text: methodStyle(variant).title, records: [record.id] },
        cell(record.metrics.accuracy, record.metrics.accuracy.toFixed(1)),
        cell(before, before.toFixed(1)),
        cell(record.model.trainable, record.model.trainable.toLocaleString('en')),
        cell(training, training.toFixed(1)),
        cell(preparation, preparation.toFixed(1)),
      ];
    }),
    notes: ['One run each; Before is validation accuracy at the start. `gora reproduce glyphs` runs seeds.'],
  };
}

/** What native TensorFlow would change, from the committed measurement; empty where it runs already. */
function advice(backend: string): string {
  if (backend === 'native') return '';
  const measured = join(projectRoot(), 'results', 'bench', 'backends.json');
  if (!existsSync(measured)) return '`npm run setup` adds native TensorFlow, which is faster.\n';
  const { milliseconds, machine } = JSON.parse(readFileSync(measured, 'utf8'));
  const ratio = (milliseconds.wasm / milliseconds.native).toFixed(1);
  return `\`npm run setup\` adds native TensorFlow: training steps ran ${ratio}× faster than wasm on ${machine.cpu}, ${machine.cores} cores.\n`;
}

const print = (text: string) => void process.stdout.write(`${text}\n`);

export async function quickstartCommand(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  const started = performance.now();
  const seed = parseSeed(values.seed);
  const plan = findPlan('glyphs');
  const steps = values.steps === undefined ? {} : { steps: Number(values.steps) };
  const set = { ...plan.set, ...steps };
  resolveSpec({ task: plan.task, method: plan.variants[0].method, seed, set }); // refuses wrong steps before the work
  const out = outFolder('quickstart', values.out);
  const backend = await startBackend();
  const undo = prepareFolder(out);
  process.stderr.write(`backend: ${backend.name} (${backend.device}, ${backend.threads} threads)\n`);
  for (const note of backend.notes) process.stderr.write(`  ${note}\n`);
  const { signal, release } = interruptSignal();
  try {
    let reporter = progressReporter('');
    let ran = 0;
    const result = await runPlan(
      {
        ...plan,
        seeds: [seed],
        grid: [],
        set,
      },
      {
        records: join(out, 'records'),
        dataDir: dataFolder(),
        signal,
        // the table shows times, which are those of a backend and a device
        reuse: ({ environment }) => environment.backend === backend.name && environment.device === backend.device,
        onRun: (label) => {
          ran += 1;
          reporter = progressReporter(label);
        },
        onProgress: (progress) => reporter(progress),
      },
    );
    const known = result.outcomes.length - ran;
    if (known > 0) {
      const folder = relative(process.cwd(), join(out, 'records'));
      process.stderr.write(
        `${known} of ${result.outcomes.length} runs were on disk: delete ${folder} to run them anew\n`,
      );
    }
    const table = quickstartTable(result.outcomes);
    const records = labelled(result.outcomes);
    print(exportTable(table, 'text')); // before anything that can fail
    const files = saveTable(table, out, ['md', 'csv']);
    const gora = records.filter((record) => record.spec.method === 'gora');
    for (const figure of [
      { ...lossCurves(records, { smoothing: 0.9 }), name: 'loss' },
      { ...rankHeatmap(gora), name: 'ranks' },
    ]) {
      files.push(...(await saveFigure(figure, out)));
    }
    print(files.map((file) => `  ${relative(process.cwd(), file)}`).join('\n'));
    process.stdout.write(
      `${((performance.now() - started) / 1000).toFixed(0)} s on ${backend.name}.\n${advice(backend.name)}`,
    );
    return 0;
  } finally {
    release();
    undo();
    await closeRenderer();
  }
}

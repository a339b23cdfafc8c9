/** `gora quickstart`: the main job in a minute or two, on whatever backend is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { labelled } from '../experiments/outcomes';
import { type Outcome, runPlan } from '../experiments/plan-runs';
import { findPlan } from '../experiments/plans';
import { prepareFolder } from '../experiments/store';
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

export async function quickstartCommand(args: string[]): Promise<number> {
  const { values } = parse(args, options);
  const started = performance.now();
  const out = outFolder('quickstart', values.out);
  prepareFolder(out);
  const backend = await startBackend();
  process.stderr.write(`backend: ${backend.name} (${backend.device}, ${backend.threads} threads)\n`);
  for (const note of backend.notes) process.stderr.write(`  ${note}\n`);
  const plan = findPlan('glyphs');
  const { signal, release } = interruptSignal();
  try {
    let reporter = progressReporter('');
    let ran = 0;
    const result = await runPlan(
      {
        ...plan,
        seeds: [parseSeed(values.seed)],
        grid: [],
        set: { ...plan.set, ...(values.steps ? { steps: Number(values.steps) } : {}) },
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
    const files = saveTable(table, out, ['md', 'csv']);
    const gora = records.filter((record) => record.spec.method === 'gora');
    for (const figure of [
      { ...lossCurves(records, { smoothing: 0.9 }), name: 'loss' },
      { ...rankHeatmap(gora), name: 'ranks' },
    ]) {
      files.push(...(await saveFigure(figure, out)));
    }
    process.stdout.write(`${exportTable(table, 'text')}\n`);
    process.stdout.write(`${files.map((file) => `  ${relative(process.cwd(), file)}`).join('\n')}\n`);
    process.stdout.write(
      `${((performance.now() - started) / 1000).toFixed(0)} s on ${backend.name}.\n${advice(backend.name)}`,
    );
    return 0;
  } finally {
    release();
    await closeRenderer();
  }
}

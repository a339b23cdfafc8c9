/** `gora reproduce NAME`: a whole comparison, its table and its charts. */
import { relative } from 'node:path';
import { UserError } from '../errors';
import { averaged, averages, labelled } from '../experiments/outcomes';
import { type Plan, quick } from '../experiments/plan';
import { type Outcome, type PlanResult, runPlan } from '../experiments/plan-runs';
import { allPlans, findPlan } from '../experiments/plans';
import { prepareFolder } from '../experiments/store';
import {
  exportTable,
  type Figure,
  lossCurves,
  methodTable,
  metricBars,
  rankBars,
  rankHeatmap,
  type Table,
} from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { closeRenderer } from '../reports/render';
import { dataFolder, interruptSignal, outFolder, parse, recordsFolder } from './args';
import { progressReporter } from './progress';
import { ratesTable } from './rates';

const options = {
  quick: { type: 'boolean' },
  list: { type: 'boolean' },
  data: { type: 'string' },
  out: { type: 'string' },
} as const;

/** A comparison may share its machine with others: times are measured by `bench/methods.ts` instead. */
const withoutTimes = (table: Table): Table => ({
  ...table,
  columns: table.columns.slice(0, -1),
  rows: table.rows.map((row) => row.slice(0, -1)),
});

/** The comparison's tables: results and chosen learning rates. */
function tablesOf({ title, baseline }: Plan, result: PlanResult): Table[] {
  const records = labelled(result.outcomes);
  const table = methodTable(records, { name: 'table', title, baseline });
  const tables = [withoutTimes(table)];
  if (new Set(result.outcomes.map((outcome) => outcome.case)).size > 1 && averages(result.outcomes)) {
    const mean = methodTable(averaged(result.outcomes), { name: 'mean', title: `${title}, mean over cases`, baseline });
    tables.push(withoutTimes(mean));
  }
  return result.learningRates.size > 0 ? [...tables, ratesTable(result)] : tables;
}

/** Charts of the first case where a chart shows one. */
function figuresOf(outcomes: readonly Outcome[]): Figure[] {
  const records = labelled(outcomes);
  const first = labelled(outcomes.filter((outcome) => outcome.case === outcomes[0].case));
  const gora = first.filter((record) => /^gora/i.test(record.spec.method));
  const one = gora.filter((record) => record.spec.method === gora[0].spec.method);
  return [
    { ...metricBars(records), name: 'metric' },
    { ...lossCurves(first, { smoothing: 0.9 }), name: 'loss' },
    ...(one.length > 0
      ? [
          { ...rankHeatmap(one), name: 'ranks' },
          { ...rankBars(one), name: 'ranks-by-type' },
        ]
      : []),
  ];
}

/** Writes all tables and figures of a finished plan. */
export async function report(plan: Plan, result: PlanResult, dir: string): Promise<string[]> {
  const files = tablesOf(plan, result).flatMap((table) => saveTable(table, dir));
  try {
    for (const figure of figuresOf(result.outcomes)) files.push(...(await saveFigure(figure, dir)));
  } finally {
    await closeRenderer();
  }
  return files;
}

export async function reproduceCommand(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, options, 1);
  if (values.list) {
    process.stdout.write(
      `${allPlans()
        .map((plan) => `  ${plan.name.padEnd(16)}  ${plan.title}`)
        .join('\n')}\n`,
    );
    return 0;
  }
  if (positionals.length === 0) throw new UserError('reproduce what? `gora reproduce --list` shows the comparisons');
  const plan = values.quick ? quick(findPlan(positionals[0])) : findPlan(positionals[0]);
  const out = outFolder(plan.name, values.out);
  prepareFolder(out);
  const { signal, release } = interruptSignal();
  try {
    let label = '';
    const result = await runPlan(plan, {
      records: recordsFolder(values.out),
      dataDir: dataFolder(values.data),
      signal,
      onRun: (name, done, total) => {
        label = `[${done}/${total}] ${name}`;
      },
      onProgress: (progress) => reporter(label)(progress),
    });
    const files = await report(plan, result, out);
    process.stdout.write(`${exportTable(tablesOf(plan, result)[0], 'text')}\n`);
    process.stdout.write(`${files.map((file) => `  ${relative(process.cwd(), file)}`).join('\n')}\n`);
    return 0;
  } finally {
    release();
  }
}

const reporters = new Map<string, ReturnType<typeof progressReporter>>();

/** One reporter a run, so that each keeps its own clock. */
function reporter(label: string) {
  const known = reporters.get(label) ?? progressReporter(label);
  reporters.set(label, known);
  return known;
}

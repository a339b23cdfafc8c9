/** `gora reproduce NAME`: a whole comparison, its table and its charts. */
import { relative } from 'node:path';
import { UserError } from '../errors';
import { type Plan, quick } from '../experiments/plan';
import { type PlanResult, runPlan } from '../experiments/plan-runs';
import { allPlans, findPlan } from '../experiments/plans';
import { prepareFolder } from '../experiments/store';
import { exportTable } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { closeRenderer } from '../reports/render';
import { planFigures, planTables } from '../reports/views';
import { dataFolder, interruptSignal, outFolder, parse, recordsFolder } from './args';
import { progressReporter } from './progress';

const options = {
  quick: { type: 'boolean' },
  list: { type: 'boolean' },
  data: { type: 'string' },
  out: { type: 'string' },
} as const;

/** Writes all tables and figures of a finished plan. */
export async function report(plan: Plan, result: PlanResult, dir: string): Promise<string[]> {
  const files = planTables(plan, result).flatMap((table) => saveTable(table, dir));
  try {
    for (const figure of planFigures(plan, result)) files.push(...(await saveFigure(figure, dir)));
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
    process.stdout.write(`${exportTable(planTables(plan, result)[0], 'text')}\n`);
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

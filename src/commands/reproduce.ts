/** `gora reproduce NAME`: a whole comparison, its tables and its charts. */
import { join, relative } from 'node:path';
import { Interrupted, messageOf, UserError } from '../errors';
import { prepareFolder } from '../experiments/folders';
import { partOf, tracks } from '../experiments/plan';
import { type PlanResult, readPlan, runPlan } from '../experiments/plan-runs';
import { allPlans } from '../experiments/plans';
import { dataFolder } from '../project';
import { exportTable, type FigureFormat } from '../reports';
import { saveFigure, saveTable } from '../reports/files';
import { closeRenderer } from '../reports/render';
import { planFigures, planTables } from '../reports/views';
import { interruptSignal, type Parsed, parse, recordsFolder } from './args';
import { type Comparison, comparisonOf } from './comparison';
import { progressReporter } from './progress';

const options = {
  quick: { type: 'boolean' },
  list: { type: 'boolean' },
  /** What happens anyway; accepted so that a script can say what it means. */
  resume: { type: 'boolean' },
  seeds: { type: 'string' },
  part: { type: 'string' },
  data: { type: 'string' },
  out: { type: 'string' },
} as const;

const print = (text: string) => void process.stdout.write(`${text}\n`);

/** Writes all tables and figures of a finished plan and returns their paths. */
async function report({ plan, folder }: Comparison, result: PlanResult, formats?: FigureFormat[]): Promise<string[]> {
  const files = planTables(plan, result).flatMap((table) => saveTable(table, folder));
  for (const figure of planFigures(plan, result)) files.push(...(await saveFigure(figure, folder, formats)));
  return files;
}

/** `i/n` as two numbers. @throws UserError unless 1 ≤ i ≤ n. */
function parsePart(text: string): [number, number] {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [part, parts] = match ? [Number(match[1]), Number(match[2])] : [0, 0];
  if (part < 1 || part > parts) throw new UserError(`--part takes i/n with 1 ≤ i ≤ n, e.g. 1/2, not "${text}"`);
  return [part, parts];
}

/** Runs what is missing of the plan, or of a share of its variants. */
async function fill(comparison: Comparison, data: string | undefined, share?: [number, number]): Promise<void> {
  const { records } = comparison;
  const plan = share ? partOf(comparison.plan, ...share) : comparison.plan;
  if (plan.variants.length === 0) return;
  const { done, total } = await readPlan(plan, records);
  if (done > 0) process.stderr.write(`resumed: ${done} of ${total} runs were on disk\n`);
  const { signal, release } = interruptSignal();
  try {
    let reporter = progressReporter('');
    await runPlan(plan, {
      records,
      dataDir: dataFolder(data),
      signal,
      onRun: (label, at, of) => {
        reporter = progressReporter(`[${at}/${of}] ${label}`);
      },
      onProgress: (progress) => reporter(progress),
    });
  } finally {
    release();
  }
}

/** Runs what is missing; writes the report once nothing is. */
async function reproduce(
  comparison: Comparison,
  data: string | undefined,
  share: [number, number] | undefined,
  formats?: FigureFormat[],
): Promise<void> {
  const undo = [comparison.records, comparison.folder].map((folder) => prepareFolder(folder));
  try {
    await fillAndReport(comparison, data, share, formats);
  } finally {
    for (const one of undo) one();
  }
}

async function fillAndReport(
  comparison: Comparison,
  data: string | undefined,
  share: [number, number] | undefined,
  formats: FigureFormat[] | undefined,
): Promise<void> {
  await fill(comparison, data, share);
  const result = await readPlan(comparison.plan, comparison.records);
  if (result.done < result.total) {
    print(`part ${share?.join('/')} is done: ${result.done} of ${result.total} runs are on disk`);
    return;
  }
  print(exportTable(planTables(comparison.plan, result)[0], 'text')); // before anything that can fail
  const files = await report(comparison, result, formats);
  print(files.map((file) => `  ${relative(process.cwd(), file)}`).join('\n'));
}

/** The comparisons by track, with what is on disk of each. */
async function list(records: string): Promise<string> {
  const plans = allPlans();
  const width = Math.max(...plans.map(({ name }) => name.length));
  const lines: string[] = [];
  for (const [track, title] of Object.entries(tracks)) {
    const mine = plans.filter((plan) => plan.track === track);
    if (mine.length > 0) lines.push(title);
    for (const plan of mine) {
      const state = await readPlan(plan, records).then(
        ({ done, total }) => `${done} of ${total} runs`,
        (error) => messageOf(error),
      );
      lines.push(`  ${plan.name.padEnd(width)}  ${state.padEnd(16)}  ${plan.title}`);
    }
  }
  return lines.join('\n');
}

/** Variants of each comparison that a tour of all runs: the baseline and the last others, where GoRA stands. */
const TOUR = 4;

function tourOf(comparison: Comparison): Comparison {
  const { plan } = comparison;
  const baseline = plan.variants.filter(({ label }) => label === (plan.baseline ?? 'lora'));
  const others = plan.variants.filter((variant) => !baseline.includes(variant)).slice(baseline.length - TOUR);
  const kept = plan.variants.filter((variant) => baseline.includes(variant) || others.includes(variant));
  return { ...comparison, plan: { ...plan, variants: kept } };
}

/** All comparisons cut down, one after the other; one that cannot run does not stop the rest. */
async function reproduceAll(data: string | undefined, out: string | undefined): Promise<number> {
  let failed = 0;
  for (const { name } of allPlans()) {
    const started = performance.now();
    const comparison = tourOf(comparisonOf(name, { quick: true }));
    const place = out ? { ...comparison, folder: join(out, name), records: recordsFolder(out) } : comparison;
    try {
      await reproduce(place, data, undefined, ['svg']);
      print(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      failed += 1;
      process.stderr.write(`${name}: ${messageOf(error)}\n`);
    }
  }
  return failed > 0 ? 1 : 0;
}

async function command({ values, positionals }: Parsed<typeof options>): Promise<number> {
  const { quick, seeds, data, out, part } = values;
  if (values.list) {
    print(await list(recordsFolder(out)));
    return 0;
  }
  const share = part === undefined ? undefined : parsePart(part);
  if (positionals.length > 0) {
    const comparison = comparisonOf(positionals[0], { quick, seeds, folder: out });
    await reproduce(comparison, data, share, quick ? ['svg'] : undefined);
    return 0;
  }
  if (quick && !share && seeds === undefined) return reproduceAll(data, out);
  throw new UserError(
    'reproduce what? `gora reproduce --list` shows the comparisons; --quick alone runs them all short',
  );
}

export async function reproduceCommand(args: string[]): Promise<number> {
  try {
    return await command(parse(args, options, 1));
  } finally {
    await closeRenderer();
  }
}

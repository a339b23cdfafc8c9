/** Comparisons in a notebook: their tables and charts from the records on disk, or from runs that the notebook makes. */
import * as path from 'node:path';
import { inspect } from 'node:util';
import { UserError } from '../errors';
import { type Plan, quick, type Track, tracks } from '../experiments/plan';
import { type PlanOnDisk, readPlan, runPlan } from '../experiments/plan-runs';
import { allPlans, findPlan } from '../experiments/plans';
import { dataFolder, projectRoot, resultsFolder } from '../project';
import { planFigures, planTables } from '../reports/views';
import { showChart } from './chart';
import { showProgress } from './progress';
import { publish } from './publish';
import { tableHtml, tableText } from './table';

/** Runs that a notebook makes itself: none, all cut down (minutes), or all as published (hours). */
export type Rerun = false | 'quick' | 'full';

export interface ShowPlanOptions {
  /** Default false: nothing runs. A rerun keeps its records apart from the committed ones and goes on where it stopped. */
  readonly rerun?: Rerun;
  /** Names of the tables to show; default all of the plan's. */
  readonly tables?: readonly string[];
  /** Names of the charts to show; default all of the plan's. */
  readonly figures?: readonly string[];
  /** Folder with a folder of records a task; default the committed ones, or those of the reruns. */
  readonly records?: string;
  /** Folder of real data; default GORA_DATA, else `data/cache`. */
  readonly data?: string;
}

interface Source {
  readonly plan: Plan;
  readonly records: string;
  readonly command: string;
}

function sourceOf(name: string, { rerun = false, records }: ShowPlanOptions): Source {
  const plan = findPlan(name);
  const command = `npm run gora -- reproduce ${name}`;
  if (rerun === 'quick') {
    const folder = records ?? resultsFolder('quick', 'records');
    return { plan: quick(plan), records: folder, command: `${command} --quick` };
  }
  const own = rerun ? resultsFolder('quick', 'rerun') : resultsFolder('records');
  return { plan, records: records ?? own, command };
}

async function runMissing({ plan, records }: Source, data: string | undefined): Promise<void> {
  const { done, total } = await readPlan(plan, records);
  const progress = showProgress(total, plan.name);
  progress.update(done);
  await runPlan(plan, {
    records,
    dataDir: dataFolder(data),
    onRun: (label, now) => progress.update(now - 1, label),
  });
  progress.finish();
}

/** A line of Markdown: how much of the comparison is there, and the command that makes the rest. */
function showState({ plan, records, command }: Source, { done, total }: PlanOnDisk): void {
  const folder = path.relative(projectRoot(), records).split(path.sep).join('/');
  const found = `**${plan.title}** (\`${plan.name}\`): `;
  const text =
    done === total
      ? `${found}all ${total} runs, from \`${folder}\`.`
      : `${found}${done === 0 ? 'no runs' : `${done} of ${total} runs`} in \`${folder}\`${
          done === 0 ? ' yet' : ', so what follows is not the whole comparison'
        }. \`${command}\` makes them, or set \`RERUN\` above.`;
  publish({ 'text/markdown': text, 'text/plain': text });
}

/** What the views make of the runs; nothing, with the reason, where a part of the runs is too little for them. */
function enough<T>({ done, total }: PlanOnDisk, make: () => T[]): T[] {
  try {
    return make();
  } catch (error) {
    if (done === total || !(error instanceof UserError)) throw error;
    const text = `Not enough of it yet: ${error.message}.`;
    publish({ 'text/markdown': text, 'text/plain': text });
    return [];
  }
}

/** The result with a short form, as a cell whose last line shows a comparison would print every outcome below it. */
function briefly(name: string, found: PlanOnDisk): PlanOnDisk {
  const value = () => `${name}: ${found.done} of ${found.total} runs`;
  return Object.defineProperty(found, inspect.custom, { value });
}

/**
 * Shows a comparison: a line on its runs, its tables, its charts. Without records it says how to make them.
 * @returns what is on disk, for questions of one's own.
 * @throws UserError for an unknown name, naming the known ones.
 */
export async function showPlan(name: string, options: ShowPlanOptions = {}): Promise<PlanOnDisk> {
  const { tables, figures } = options;
  const source = sourceOf(name, options);
  if (options.rerun) await runMissing(source, options.data);
  const found = briefly(name, await readPlan(source.plan, source.records));
  showState(source, found);
  if (found.outcomes.length === 0) return found;
  const wanted = (names: readonly string[] | undefined, one: string) => names === undefined || names.includes(one);
  for (const table of enough(found, () => planTables(source.plan, found))) {
    if (!wanted(tables, table.name)) continue;
    publish({ 'text/html': tableHtml(table), 'text/plain': tableText(table) });
  }
  // pictures only: the interactive form would carry every loss of every run
  for (const figure of enough(found, () => planFigures(source.plan, found))) {
    if (wanted(figures, figure.name)) await showChart(figure, { interactive: false });
  }
  return found;
}

/** Names of a track's comparisons, in the order of their registration. */
export const plansOf = (track: Track): string[] =>
  allPlans()
    .filter((plan) => plan.track === track)
    .map((plan) => plan.name);

/** A table of a track's comparisons: what each asks, and how many of its runs are there. */
export async function showTrack(track: Track, options: Pick<ShowPlanOptions, 'rerun' | 'records'> = {}): Promise<void> {
  const rows: Record<string, unknown>[] = [];
  for (const name of plansOf(track)) {
    const { plan, records } = sourceOf(name, options);
    const { done, total } = await readPlan(plan, records);
    rows.push({ comparison: name, question: plan.title, runs: `${done} of ${total}` });
  }
  const caption = { caption: tracks[track] };
  publish({ 'text/html': tableHtml(rows, caption), 'text/plain': tableText(rows, caption) });
}

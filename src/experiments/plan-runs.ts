/** Running a plan, and reading it back: every run is a record on disk, so an interrupted plan goes on where it stopped. */
import { join } from 'node:path';
import { Interrupted, messageOf, UserError } from '../errors';
import { type Case, checkPlan, countRuns, gridOf, type Plan, tuningCase, type Variant } from './plan';
import type { RunRecord } from './record';
import { type RunContext, RunFailed, RunInterrupted, runExperiment } from './run';
import { type RunRequest, recordId, resolveSpec } from './spec';
import { findRecord, writeRecord } from './store';

/** One run of a plan, before it ran. */
export interface PlannedRun {
  readonly variant: string;
  readonly case: string;
  readonly request: RunRequest;
  /** Only chooses a learning rate: it never sees the test set. */
  readonly tuning: boolean;
}

/** A finished run with its place in the plan. */
export interface Outcome {
  readonly variant: string;
  readonly case: string;
  readonly record: RunRecord;
}

export interface PlanResult {
  readonly outcomes: readonly Outcome[];
  /** Learning rate chosen, by `case/variant`. */
  readonly learningRates: ReadonlyMap<string, number>;
  readonly tuning: readonly Outcome[];
}

/** What is on disk of a plan. */
export interface PlanOnDisk extends PlanResult {
  /** Runs there and runs in all. */
  readonly done: number;
  readonly total: number;
}

export interface PlanContext extends RunContext {
  /** Folder with a folder of records a task; plans that share a task share their runs. */
  readonly records: string;
  /** Whether a record on disk may stand for a run of the same settings; default: every one. */
  readonly reuse?: (record: RunRecord) => boolean;
  /** Called before every run that is not on disk yet. */
  readonly onRun?: (label: string, done: number, total: number) => void;
}

/** Final validation metrics of a record. */
function validation(record: RunRecord): Record<string, number> | null {
  const last = record.evaluations.filter((e) => e.split === 'validation').at(-1);
  return record.status === 'completed' && last ? last.metrics : null;
}

/** Best first: primary metric on validation data, then validation loss. Diverged runs go last. */
function better(a: RunRecord, b: RunRecord): number {
  const [ma, mb] = [validation(a), validation(b)];
  if (!ma || !mb) return Number(!ma) - Number(!mb);
  const { metric, higherIsBetter } = a.primary;
  const difference = higherIsBetter ? mb[metric] - ma[metric] : ma[metric] - mb[metric];
  return difference || ma.loss - mb.loss;
}

/** A run that diverged is a result of the grid; anything else that failed has to run again. */
const diverged = ({ status, error }: RunRecord) => status === 'failed' && /diverged/.test(error ?? '');

function requestOf(plan: Plan, variant: Variant, where: Case, seed: number, lr?: number): RunRequest {
  const task = where.task ?? plan.task;
  const model = where.model ?? (task === plan.task ? plan.model : undefined);
  const set = { ...plan.set, ...where.set, ...variant.set, ...(lr === undefined ? {} : { lr }) };
  return { task, model, method: variant.method, seed, set };
}

/**
 * Goes through the runs of a plan: for each case and variant the grid, then the seeds at the rate chosen. Where
 * `visit` has no record for some rate of a grid, the runs that wait for it are left out.
 * @throws UserError when every learning rate of a variant diverged.
 */
async function walk(
  plan: Plan,
  visit: (run: PlannedRun) => RunRecord | null | Promise<RunRecord | null>,
): Promise<PlanResult> {
  checkPlan(plan);
  const outcomes: Outcome[] = [];
  const tuning: Outcome[] = [];
  const learningRates = new Map<string, number>();
  const tuned = new Map<string, number | undefined | null>();
  /** The grid of one variant on one case, run once however many cases rely on it; null while it is incomplete. */
  const tune = async (variant: Variant, where: Case): Promise<number | undefined | null> => {
    const key = `${where.label}/${variant.label}`;
    const grid = gridOf(plan, variant);
    if (grid.length === 0 || tuned.has(key)) return tuned.get(key);
    const tried: Outcome[] = [];
    for (const lr of grid) {
      const request = requestOf(plan, variant, where, plan.tuningSeed, lr);
      const record = await visit({ variant: variant.label, case: where.label, request, tuning: true });
      if (record) tried.push({ variant: variant.label, case: where.label, record });
    }
    tuning.push(...tried);
    tuned.set(key, null);
    if (tried.length < grid.length) return null;
    const [best] = [...tried].sort((a, b) => better(a.record, b.record));
    if (!validation(best.record)) {
      throw new UserError(
        `${plan.name}: ${variant.label} on ${where.label} diverged at every learning rate of the grid (${grid.join(', ')}). Add lower ones`,
      );
    }
    tuned.set(key, best.record.spec.training.lr as number);
    return tuned.get(key);
  };
  for (const where of plan.cases) {
    for (const variant of plan.variants) {
      const lr = await tune(variant, tuningCase(plan, where));
      if (lr === null) continue;
      if (lr !== undefined) learningRates.set(`${where.label}/${variant.label}`, lr);
      for (const seed of plan.seeds) {
        const request = requestOf(plan, variant, where, seed, lr);
        const record = await visit({ variant: variant.label, case: where.label, request, tuning: false });
        if (record) outcomes.push({ variant: variant.label, case: where.label, record });
      }
    }
  }
  return { outcomes, learningRates, tuning };
}

/**
 * The record of a run on disk, completed or diverged; null when it has to run. A record of a tuning run, which another
 * plan made with the same settings and seed, has no test metrics and is none of a run that wants them.
 */
function onDisk(records: string, { request, tuning }: PlannedRun): RunRecord | null {
  const found = findRecord(join(records, request.task), recordId(resolveSpec(request)), diverged);
  const tuned = found?.status === 'completed' && Object.keys(found.metrics).length === 0;
  return tuned && !tuning ? null : found;
}

/** Writes a record. @throws UserError with what the run found, which is on no disk then. */
function keep(dir: string, record: RunRecord): void {
  try {
    writeRecord(dir, record);
  } catch (error) {
    const found = Object.entries(record.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    const result = found.length > 0 ? `. The run ${record.id} itself found: ${found.join(', ')}` : '';
    throw new UserError(`${messageOf(error)}${result}`, { cause: error });
  }
}

async function runOnce(run: PlannedRun, context: PlanContext): Promise<RunRecord> {
  const dir = join(context.records, run.request.task);
  try {
    const record = await runExperiment(run.request, { ...context, tuning: run.tuning });
    keep(dir, record);
    if (record.status === 'cancelled') throw new Interrupted('interrupted: the same command goes on from here');
    return record;
  } catch (error) {
    if (error instanceof RunInterrupted) keep(dir, error.record);
    if (!(error instanceof RunFailed) || !diverged(error.record)) throw error;
    keep(dir, error.record);
    return error.record;
  }
}

/**
 * Runs what is missing of a plan and returns everything.
 * @throws UserError when every learning rate of a variant diverged; Interrupted when the plan was stopped.
 */
export async function runPlan(plan: Plan, context: PlanContext): Promise<PlanResult> {
  const total = countRuns(plan);
  let done = 0;
  return walk(plan, async (run) => {
    done += 1;
    const known = onDisk(context.records, run);
    if (known && (context.reuse?.(known) ?? true)) return known;
    const { seed, set } = run.request;
    const rate = run.tuning ? ` lr ${set?.lr}` : '';
    context.onRun?.(`${run.case} ${run.variant} seed ${seed}${rate}`, done, total);
    return runOnce(run, context);
  });
}

/** What the records under a folder hold of a plan; runs nothing. @param records as in `PlanContext`. */
export async function readPlan(plan: Plan, records: string): Promise<PlanOnDisk> {
  const result = await walk(plan, (run) => onDisk(records, run));
  return { ...result, done: result.outcomes.length + result.tuning.length, total: countRuns(plan) };
}

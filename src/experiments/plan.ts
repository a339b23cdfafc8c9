/**
 * A comparison: variants of methods × cases of a task × seeds, the learning rate of every variant and case chosen
 * on validation data first. Every run is a record on disk, so an interrupted plan goes on where it stopped.
 */
import { Interrupted, UserError } from '../errors';
import type { RunRecord } from './record';
import { type RunContext, RunFailed, runExperiment } from './run';
import { type RunRequest, recordId, resolveSpec } from './spec';
import { findRecord, writeRecord } from './store';

type Settings = Readonly<Record<string, unknown>>;

/** A method with settings, under the name that tables show. */
export interface Variant {
  readonly label: string;
  readonly method: string;
  readonly set?: Settings;
}

/** A setting of the task, e.g. the speaker held out. */
export interface Case {
  readonly label: string;
  readonly set?: Settings;
  /** Case whose validation data chooses the learning rates of this one; default: its own. */
  readonly tunedOn?: string;
}

export interface Plan {
  readonly name: string;
  readonly title: string;
  readonly task: string;
  readonly model?: string;
  readonly variants: readonly Variant[];
  readonly cases: readonly Case[];
  readonly seeds: readonly number[];
  /** Learning rates tried for every variant and case; empty = the task's own. */
  readonly grid: readonly number[];
  /** Seed of the tuning runs; not among `seeds`. */
  readonly tuningSeed: number;
  /** Settings of every run. */
  readonly set?: Settings;
  /** Variant that the others are tested against; default `lora`. */
  readonly baseline?: string;
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

export interface PlanContext extends RunContext {
  /** Folder of records; plans that share a task share their runs. */
  readonly records: string;
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

async function runOnce(request: RunRequest, context: PlanContext): Promise<RunRecord> {
  const dir = context.records;
  const known = findRecord(dir, recordId(resolveSpec(request)));
  if (known) return known;
  try {
    const record = await runExperiment(request, context);
    writeRecord(dir, record);
    if (record.status === 'cancelled') throw new Interrupted('interrupted: the same command goes on from here');
    return record;
  } catch (error) {
    // a diverged run is a result of the grid, anything else is a fault
    if (!(error instanceof RunFailed) || !/diverged/.test(error.message)) throw error;
    writeRecord(dir, error.record);
    return error.record;
  }
}

/**
 * Runs what is missing of a plan and returns everything.
 * @throws UserError when every learning rate of a variant diverged; Interrupted when the plan was stopped.
 */
export async function runPlan(plan: Plan, context: PlanContext): Promise<PlanResult> {
  const folds = new Set(plan.cases.map((where) => where.tunedOn ?? where.label)).size;
  const total = plan.variants.length * (folds * plan.grid.length + plan.cases.length * plan.seeds.length);
  const outcomes: Outcome[] = [];
  const tuning: Outcome[] = [];
  const learningRates = new Map<string, number>();
  let done = 0;
  const run = async (variant: Variant, where: Case, seed: number, set: Settings) => {
    const forTuning = seed === plan.tuningSeed;
    done += 1;
    const { task, model } = plan;
    const settings = { ...plan.set, ...where.set, ...variant.set, ...set };
    context.onRun?.(`${where.label} ${variant.label} seed ${seed}${set.lr ? ` lr ${set.lr}` : ''}`, done, total);
    const request = { task, model, method: variant.method, seed, set: settings };
    const record = await runOnce(request, { ...context, tuning: forTuning });
    return { variant: variant.label, case: where.label, record };
  };
  /** The grid of one variant on one case, run once however many cases rely on it. */
  const tune = async (variant: Variant, where: Case): Promise<number | undefined> => {
    const key = `${where.label}/${variant.label}`;
    if (learningRates.has(key) || plan.grid.length === 0) return learningRates.get(key);
    const tried: Outcome[] = [];
    for (const lr of plan.grid) tried.push(await run(variant, where, plan.tuningSeed, { lr }));
    tuning.push(...tried);
    const [best] = [...tried].sort((a, b) => better(a.record, b.record));
    if (!validation(best.record)) {
      throw new UserError(`${variant.label} diverged at every learning rate of the grid (${plan.grid.join(', ')})`);
    }
    learningRates.set(key, best.record.spec.training.lr as number);
    return learningRates.get(key);
  };
  for (const where of plan.cases) {
    const source = plan.cases.find((other) => other.label === (where.tunedOn ?? where.label)) as Case;
    for (const variant of plan.variants) {
      const lr = await tune(variant, source);
      if (lr !== undefined) learningRates.set(`${where.label}/${variant.label}`, lr);
      for (const seed of plan.seeds) {
        outcomes.push(await run(variant, where, seed, lr === undefined ? {} : { lr }));
      }
    }
  }
  return { outcomes, learningRates, tuning };
}

/** Records under the plan's labels: `task` becomes the case, `method` the variant. For tables and charts. */
export function labelled(outcomes: readonly Outcome[]): RunRecord[] {
  return outcomes.map(({ variant, case: where, record }) => ({
    ...record,
    spec: { ...record.spec, task: where, method: variant },
  }));
}

/** One record a variant and seed with the metrics averaged over the cases, for tables of the whole comparison. */
export function averaged(outcomes: readonly Outcome[]): RunRecord[] {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const key = `${outcome.variant} seed ${outcome.record.spec.seed}`;
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  return [...groups].map(([key, group]) => {
    const [{ variant, record }] = group;
    const mean = (metric: string) => group.reduce((sum, one) => sum + one.record.metrics[metric], 0) / group.length;
    return {
      ...record,
      id: `${key}, mean of ${group.length} cases`,
      spec: { ...record.spec, task: 'mean over cases', method: variant },
      metrics: Object.fromEntries(Object.keys(record.metrics).map((metric) => [metric, mean(metric)])),
    };
  });
}

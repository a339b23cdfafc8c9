/**
 * How soon a method reaches the training loss that the baseline has at its end, or at half of its steps: the papers'
 * "2–4 times faster", measured.
 *
 * The target is the baseline's smoothed loss there under the same seed, hence the same batches in the same order. Its
 * own step is the first at which it is at or below that too, so noise favours no method.
 */
import type { RunRecord } from '../experiments/record';
import { smooth } from './charts/curves';
import { groupRecords, tasksOf, titleOf } from './group';
import { summarise } from './stats';
import { type Cell, type Column, meanSdText, missing, type Table } from './table';

export interface ConvergenceOptions {
  name?: string;
  title?: string;
  /** Method whose final loss is the target; `lora` by default. */
  baseline?: string;
  /** Weight of the past in the moving average of the losses; 0.9 by default. */
  smoothing?: number;
  /** The target is the baseline's loss after this share of its steps; 1 (its end) by default. */
  share?: number;
  /** Measured times by method, in milliseconds; without them the table has no seconds. */
  times?: ReadonlyMap<string, StepTimes>;
}

/** What a method costs, in milliseconds. */
export interface StepTimes {
  readonly step: number;
  /** Gradients, allocation and start, once. */
  readonly preparation: number;
}

/** One run beside the baseline's run of the same seed. */
export interface Reached {
  readonly seed: number;
  /** First step at or below the target; null when it never got there. */
  readonly step: number | null;
  readonly baselineStep: number;
  /** Last smoothed training loss. */
  readonly final: number;
  readonly target: number;
  /** Ids of the run and of the baseline's. */
  readonly records: readonly [string, string];
}

export interface Convergence {
  readonly task: string;
  readonly method: string;
  readonly runs: readonly Reached[];
}

/**
 * The first logged step, from the highest smoothed loss on, that is at most `target`; null when there is none. Steps
 * before the peak do not count: a head fitted beforehand makes the loss low until training shakes it.
 */
export function stepReaching(curve: RunRecord['curve'], target: number, smoothing: number): number | null {
  const course = smooth(curve.loss, smoothing);
  const peak = course.indexOf(Math.max(...course));
  const at = course.findIndex((loss, i) => i >= peak && loss <= target);
  return at < 0 ? null : curve.step[at];
}

/** Every method on every task beside the baseline, over the seeds that both ran. Tasks without the baseline are left out. */
export function convergence(
  records: readonly RunRecord[],
  { baseline = 'lora', smoothing = 0.9, share = 1 }: ConvergenceOptions = {},
): Convergence[] {
  const groups = groupRecords(records.filter((record) => record.curve.loss.length > 0));
  return groups.flatMap(({ task, method, records: mine }): Convergence[] => {
    const base = groups.find((group) => group.task === task && group.method === baseline);
    const runs = mine.flatMap((record): Reached[] => {
      const other = base?.records.find(({ spec }) => spec.seed === record.spec.seed);
      if (!other) return [];
      const course = smooth(other.curve.loss, smoothing);
      const target = course[Math.max(1, Math.ceil(share * course.length)) - 1];
      const baselineStep = stepReaching(other.curve, target, smoothing);
      if (baselineStep === null) return []; // its loss peaks later
      return [
        {
          seed: record.spec.seed,
          step: stepReaching(record.curve, target, smoothing),
          baselineStep,
          final: smooth(record.curve.loss, smoothing).at(-1)!,
          target,
          records: [record.id, other.id],
        },
      ];
    });
    return runs.length > 0 ? [{ task, method, runs }] : [];
  });
}

/** `mean ± sd` of the values with the runs behind them; – for none. */
function valueCell(values: readonly number[], digits: number, records: readonly string[]): Cell {
  if (values.length === 0) return { text: missing, numbers: [null, null, 0], records };
  const summary = summarise(values);
  return { text: meanSdText(summary, digits), numbers: [summary.mean, summary.sd, summary.n], records };
}

/** Runs that got there, their steps and how many times as fast as the baseline they were. */
function targetCells(runs: readonly Reached[]): Cell[] {
  const there = runs.flatMap((run) => (run.step === null ? [] : [{ ...run, step: run.step }]));
  const all = [...new Set(runs.flatMap((run) => run.records))];
  // where nobody got there, all runs are behind that
  const used = there.length > 0 ? [...new Set(there.flatMap((run) => run.records))] : all;
  return [
    { text: `${there.length} of ${runs.length}`, numbers: [there.length, runs.length], records: all },
    valueCell(
      there.map((run) => run.step),
      0,
      used,
    ),
    valueCell(
      there.map((run) => run.baselineStep / run.step),
      2,
      used,
    ),
  ];
}

function secondsCell({ method, runs }: Convergence, times: NonNullable<ConvergenceOptions['times']>): Cell {
  const time = times.get(method);
  const there = runs.filter((run) => run.step !== null);
  const seconds = time ? there.map((run) => (time.preparation + run.step! * time.step) / 1000) : [];
  return valueCell(
    seconds,
    1,
    (there.length > 0 ? there : runs).map((run) => run.records[0]),
  );
}

/** Steps, speed-up and, with measured times, seconds to the baseline's final loss; a row a method and task. */
export function convergenceTable(records: readonly RunRecord[], options: ConvergenceOptions = {}): Table {
  const { smoothing = 0.9, times } = options;
  const base = titleOf(options.baseline ?? 'lora');
  const end = convergence(records, { ...options, share: 1 });
  const half = convergence(records, { ...options, share: 0.5 });
  const halfOf = ({ task, method }: Convergence) =>
    half.find((other) => other.task === task && other.method === method)?.runs ?? [];
  const several = tasksOf(records).length > 1;
  const right = (title: string, parts: readonly string[]): Column => ({ title, align: 'right', parts });
  const spread = ['mean', 'sd', 'n'];
  const target = (name: string) => [
    right(`${name}: got there`, ['runs', 'of']),
    right('steps', spread),
    right(`× ${base}`, spread),
  ];
  const partial = [...end, ...half].some(({ runs }) => runs.some(({ step }) => step === null));
  return {
    name: options.name ?? 'convergence',
    title: options.title ?? `Steps to the training loss of ${base}: at its end, and at half of its steps`,
    columns: [
      ...(several ? [{ title: 'Case', align: 'left' as const }] : []),
      { title: 'Method', align: 'left' },
      right('Final training loss', spread),
      ...target('End'),
      ...(times ? [right('seconds', spread)] : []),
      ...target('Half'),
    ],
    rows: end.map((row) => [
      ...(several ? [{ text: row.task }] : []),
      { text: titleOf(row.method) },
      valueCell(
        row.runs.map((run) => run.final),
        3,
        row.runs.map((run) => run.records[0]),
      ),
      ...targetCells(row.runs),
      ...(times ? [secondsCell(row, times)] : []),
      ...targetCells(halfOf(row)),
    ]),
    notes: [
      `Training loss as a moving average (β = ${smoothing}, bias-corrected). Target: that of ${base} with the same seed; its own step is the first at or below it, from the highest loss on.`,
      `Mean ± sample standard deviation over seeds; × ${base}: steps of ${base} over steps of the method, seed by seed.`,
      ...(partial
        ? ['Where not all runs got there, steps and ratios are of those that did: they flatter the method.']
        : []),
      ...(times ? ['Seconds: preparation and steps at the times of `bench/methods.ts`, measured alone.'] : []),
    ],
  };
}

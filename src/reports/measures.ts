/** The numbers of a methods table before they are text: summaries, paired comparisons, corrected p values. */
import { UserError } from '../errors';
import { digitsFor } from './charts/bars';
import { type Group, metricValues } from './group';
import {
  averageRanks,
  holm,
  mean,
  type PairedT,
  pairedT,
  type Summary,
  summarise,
  type Wilcoxon,
  wilcoxon,
} from './stats';

export interface MetricColumn {
  /** Key of `record.metrics`, or `primary` for each task's own. */
  metric: string;
  /** Default: the primary metric's title, else the key. */
  title?: string;
  /** Default: the primary metric's direction. */
  higherIsBetter?: boolean;
  /** Factor, e.g. 100 for per cent. */
  scale?: number;
  /** Digits after the point; by default about four figures. */
  digits?: number;
}

/** One metric on one task. */
export interface Measure {
  readonly task: string;
  readonly title: string;
  readonly higherIsBetter: boolean;
  readonly digits: number;
  readonly cells: ReadonlyMap<string, Measured>;
}

/** One method's result in it. */
export interface Measured {
  readonly summary: Summary;
  readonly ids: readonly string[];
  /** Against the baseline over the seeds that both ran; null for the baseline itself or without common seeds. */
  readonly paired: PairedT | null;
  /** Wilcoxon's test of the same pairs. */
  readonly signed: Wilcoxon | null;
  readonly pairedIds: readonly string[];
}

/**
 * A metric of every method on a task; null where no run has it.
 * @throws UserError when the direction of a metric that is not the primary one is not given.
 */
export function measure(
  groups: readonly Group[],
  task: string,
  column: MetricColumn,
  baseline: string,
): Measure | null {
  const mine = groups.filter((group) => group.task === task);
  const values = new Map(mine.map((group) => [group.method, metricValues(group.records, column.metric)]));
  const { primary } = mine[0].records[0];
  const isPrimary = column.metric === 'primary' || column.metric === primary.metric;
  const scale = column.scale ?? 1;
  const base = new Map((values.get(baseline) ?? []).map((entry) => [entry.record.spec.seed, entry]));
  const cells = new Map<string, Measured>();
  for (const [method, list] of values) {
    if (list.length === 0) continue;
    const pairs = method === baseline ? [] : list.filter((entry) => base.has(entry.record.spec.seed));
    const others = pairs.map((entry) => base.get(entry.record.spec.seed)!);
    const [mineOf, theirs] = [pairs, others].map((side) => side.map((entry) => entry.value * scale));
    cells.set(method, {
      summary: summarise(list.map((entry) => entry.value * scale)),
      ids: list.map((entry) => entry.record.id),
      paired: pairs.length > 0 ? pairedT(mineOf, theirs) : null,
      signed: pairs.length > 0 ? wilcoxon(mineOf, theirs) : null,
      pairedIds: [...pairs, ...others].map((entry) => entry.record.id),
    });
  }
  if (cells.size === 0) return null;
  if (!isPrimary && column.higherIsBetter === undefined) {
    throw new UserError(
      `metric ${column.metric}: say higherIsBetter, the records give a direction for ${primary.metric} only`,
    );
  }
  return {
    task,
    title: column.title ?? (isPrimary ? primary.title : column.metric),
    higherIsBetter: column.higherIsBetter ?? primary.higherIsBetter,
    digits: column.digits ?? digitsFor([...cells.values()].map((cell) => cell.summary.mean)),
    cells,
  };
}

/** Corrected p values of the comparisons of a table. */
export interface Corrected {
  /** Of the t tests, by method and measure; nothing where a test has no meaning. */
  readonly p: ReadonlyMap<Measured, number>;
  /** Of Wilcoxon's tests. */
  readonly signed: ReadonlyMap<Measured, number>;
  /** t tests corrected for. */
  readonly comparisons: number;
}

/** Holm over all comparisons that have a p, for each kind of test by itself. */
export function correct(measures: readonly Measure[]): Corrected {
  const all = measures.flatMap((m) => [...m.cells.values()]);
  const corrected = (raw: (cell: Measured) => number | null | undefined) => {
    const tested = all.flatMap((cell) => {
      const p = raw(cell);
      return p == null ? [] : [{ cell, p }];
    });
    const values = holm(tested.map(({ p }) => p));
    return new Map(tested.map(({ cell }, i) => [cell, values[i]]));
  };
  const p = corrected((cell) => cell.paired?.p);
  return { p, signed: corrected((cell) => cell.signed?.p), comparisons: p.size };
}

/** Whether a method is better than the baseline after correction. */
export function isBetter(m: Measure, cell: Measured | undefined, { p }: Corrected, alpha = 0.05): boolean {
  const corrected = cell && p.get(cell);
  const gain = (cell?.paired?.mean ?? 0) * (m.higherIsBetter ? 1 : -1);
  return corrected !== undefined && corrected < alpha && gain > 0;
}

/** A method's mean over tasks and average rank (1 is best), for methods that have every task. */
export function overall(measures: readonly Measure[], methods: readonly string[]) {
  const full = methods.filter((method) => measures.every((m) => m.cells.has(method)));
  const scores = measures.map((m) => full.map((method) => m.cells.get(method)!.summary.mean));
  const directions = measures.map((m) => m.higherIsBetter);
  const ranks = full.length > 0 ? averageRanks(scores, directions) : [];
  return new Map(
    full.map((method, i) => {
      const records = measures.flatMap((m) => m.cells.get(method)!.ids);
      return [method, { mean: mean(scores.map((task) => task[i])), rank: ranks[i], records }];
    }),
  );
}

/**
 * A table of methods × tasks from run records: mean ± sd over seeds, the paired difference to a baseline with its
 * 95 % interval, and p values corrected (Holm) over every comparison in the table. Bold marks only what survives.
 */
import { UserError } from '../errors';
import { unitOf } from '../experiments/outcomes';
import type { RunRecord } from '../experiments/record';
import { digitsFor } from './charts/bars';
import { completed, groupRecords, methodsOf, tasksOf, titleOf } from './group';
import {
  type Corrected,
  correct,
  isBetter,
  type Measure,
  type Measured,
  type MetricColumn,
  measure,
  overall,
} from './measures';
import { type Summary, summarise } from './stats';

/** A cell: what people read, the full-precision numbers behind it, and the runs they come from. */
export interface Cell {
  readonly text: string;
  /** Numbers for CSV, one for each of the column's `parts`; null where undefined. */
  readonly numbers?: readonly (number | null)[];
  readonly bold?: boolean;
  /** Ids of the records behind the cell. */
  readonly records?: readonly string[];
}

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Names of the numbers of its cells, e.g. mean, sd, n; a column without is text. */
  readonly parts?: readonly string[];
}

export interface Table {
  /** Name of the files it is written to. */
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly notes: readonly string[];
}

export interface MethodTableOptions {
  name?: string;
  title?: string;
  /** Default: `['primary']`. */
  metrics?: readonly (string | MetricColumn)[];
  /** Method the others are compared to; `lora` by default. */
  baseline?: string;
  /** Show difference and p columns; by default with one task, while bold is decided the same way with many. */
  differences?: boolean;
  /** Below this corrected p a difference counts; 0.05 by default. */
  alpha?: number;
  /** Show the time of a step; default true. */
  times?: boolean;
  /** Notes after the table's own. */
  notes?: readonly string[];
}

export const missing = '–';
const none: Cell = { text: missing };
/** A true minus sign, so that columns of figures align. */
function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return `${value < 0 && Number(text) !== 0 ? '−' : '+'}${text}`;
}

const pText = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3));

/** `mean ± sd`, or the one value. */
export function meanSdText({ mean: centre, sd }: Summary, digits: number): string {
  return sd === null ? centre.toFixed(digits) : `${centre.toFixed(digits)} ± ${sd.toFixed(digits)}`;
}

export function valueCell(m: Measure, cell: Measured | undefined, better: boolean): Cell {
  if (!cell) return none;
  const { mean: centre, sd, n } = cell.summary;
  return { text: meanSdText(cell.summary, m.digits), numbers: [centre, sd, n], bold: better, records: cell.ids };
}

/** Titles and parts of the cells of `differenceCells`. */
export const differenceColumns = (baseline: string, prefix = ''): Column[] =>
  [
    { title: `Δ ${titleOf(baseline)} [95 % CI]`, parts: ['mean', 'low', 'high', 'n'] },
    { title: 'p (Holm)', parts: ['raw', 'corrected'] },
    { title: 'Wilcoxon p (Holm)', parts: ['raw', 'corrected'] },
  ].map(({ title, parts }) => ({ title: prefix + title, align: 'right', parts }));

/** The paired difference with its interval, and the corrected p of both tests. */
export function differenceCells(m: Measure, cell: Measured | undefined, tests: Corrected, better: boolean): Cell[] {
  if (!cell?.paired) return [none, none, none];
  const { mean: centre, low, high, n } = cell.paired;
  const interval = low === null || high === null ? '' : ` [${signed(low, m.digits)}, ${signed(high, m.digits)}]`;
  const records = cell.pairedIds;
  const pCell = (raw: number | null | undefined, corrected: number | undefined, bold: boolean): Cell =>
    raw == null || corrected === undefined
      ? { ...none, records }
      : { text: pText(corrected), numbers: [raw, corrected], bold, records };
  return [
    { text: signed(centre, m.digits) + interval, numbers: [centre, low, high, n], bold: better, records },
    pCell(cell.paired.p, tests.p.get(cell), better),
    pCell(cell.signed?.p, tests.signed.get(cell), false),
  ];
}

function seedsColumn(records: readonly RunRecord[], tasks: number): Cell {
  const counts = [...new Set(records.map((r) => r.spec.task))].map(
    (task) => records.filter((r) => r.spec.task === task).length,
  );
  if (counts.length < tasks) counts.push(0);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  return {
    text: low === high ? String(low) : `${low}–${high}`,
    numbers: [low, high],
    records: records.map((r) => r.id),
  };
}

function costCells(records: readonly RunRecord[]): Cell[] {
  const ids = records.map((record) => record.id);
  const counts = [...new Set(records.map((record) => record.model.trainable))].sort((a, b) => a - b);
  const [low, high] = [counts[0], counts.at(-1)!];
  const grouped = (value: number) => value.toLocaleString('en-US');
  const times = records.map((record) => record.timings.stepMedian).filter(Number.isFinite);
  const time = times.length > 0 ? summarise(times) : null;
  return [
    { text: low === high ? grouped(low) : `${grouped(low)}–${grouped(high)}`, numbers: [low, high], records: ids },
    time
      ? {
          text: time.mean.toFixed(Math.min(2, digitsFor([time.mean]))),
          numbers: [time.mean, time.sd, time.n],
          records: ids,
        }
      : none,
  ];
}

/** What the figures are, how they were tested and what was left out. */
export function notesOf(
  all: readonly RunRecord[],
  done: readonly RunRecord[],
  comparisons: number,
  o: Pick<MethodTableOptions, 'baseline' | 'alpha' | 'notes'>,
): string[] {
  const seeds = [...new Set(done.map((record) => record.spec.seed))].sort((a, b) => a - b);
  const lost = all.filter((record) => record.status !== 'completed').map((record) => `${record.id} ${record.status}`);
  const base = titleOf(o.baseline ?? 'lora');
  return [
    `Mean ± sample standard deviation over seeds (${seeds.join(', ')}); one value where there was one seed.`,
    comparisons > 0
      ? `Bold: better than ${base} with p < ${o.alpha ?? 0.05} (two-sided t test paired by seed, Holm-corrected over the ${comparisons} comparisons of this table).`
      : `No test against ${base}: it takes at least two common seeds whose differences vary.`,
    ...(lost.length > 0 ? [`Left out: ${lost.join(', ')}.`] : []),
    ...(o.notes ?? []),
  ];
}

/**
 * Methods down, tasks × metrics across.
 * @throws UserError when no run completed, a metric is in no record, its direction is unknown, or runs of one method,
 * task and seed differ.
 */
export function methodTable(records: readonly RunRecord[], options: MethodTableOptions = {}): Table {
  const baseline = options.baseline ?? 'lora';
  const done = completed(records);
  const groups = groupRecords(done);
  const [tasks, methods] = [tasksOf(done), methodsOf(done)];
  const wanted = (options.metrics ?? ['primary']).map((m) => (typeof m === 'string' ? { metric: m } : m));
  const measures = wanted.flatMap((column) => {
    const found = tasks.map((task) => measure(groups, task, column, baseline)).filter((m): m is Measure => m !== null);
    if (found.length === 0) throw new UserError(`no completed record has the metric ${column.metric}`);
    return found;
  });
  const tests = correct(measures);
  const differences = options.differences ?? tasks.length === 1;
  const several = tasks.length > 1 && wanted.length === 1;
  const oneTitle = new Set(measures.map((m) => m.title)).size === 1;
  // a mean of percentages is one, a mean of accuracy and nats is nothing
  const oneUnit = new Set(measures.map((m) => `${unitOf(m.title)} ${m.higherIsBetter}`)).size === 1;
  const shared = several && oneTitle;
  // the caller's title names what is measured; `cases` has every metric's full name
  const compact = several && oneUnit && options.title !== undefined;
  const totals = overall(measures, methods);
  const totalsOf = (method: string): Cell[] => {
    const total = totals.get(method);
    const rank = total && { text: total.rank.toFixed(2), numbers: [total.rank], records: total.records };
    const average = total && {
      text: total.mean.toFixed(measures[0].digits),
      numbers: [total.mean],
      records: total.records,
    };
    return (oneUnit ? [average, rank] : [rank]).map((cell) => cell ?? none);
  };

  const columns: Column[] = [{ title: 'Method', align: 'left' }];
  const right = (title: string, parts: string[]) => columns.push({ title, align: 'right', parts });
  for (const m of measures) {
    const metric = shared ? '' : compact ? `(${unitOf(m.title)})` : m.title;
    const name = [tasks.length > 1 ? m.task : '', metric].filter(Boolean).join(' ');
    right(`${name} ${m.higherIsBetter ? '↑' : '↓'}`, ['mean', 'sd', 'n']);
    if (!differences) continue;
    const which = measures.length > 1 ? `${name}: ` : '';
    columns.push(...differenceColumns(baseline, which));
  }
  if (several && oneUnit) right('Average', ['value']);
  if (several) right('Average rank', ['value']);
  right('Seeds', ['min', 'max']);
  right('Trainable', ['min', 'max']);
  if (options.times ?? true) right('Step (ms)', ['mean', 'sd', 'n']);

  const rows = methods.map((method): Cell[] => {
    const mine = groups.filter((group) => group.method === method).flatMap((group) => group.records);
    const cells: Cell[] = [{ text: titleOf(method) }];
    for (const m of measures) {
      const cell = m.cells.get(method);
      const better = isBetter(m, cell, tests, options.alpha);
      cells.push(valueCell(m, cell, better));
      if (differences) cells.push(...differenceCells(m, cell, tests, better));
    }
    if (several) cells.push(...totalsOf(method));
    return [...cells, seedsColumn(mine, tasks.length), ...costCells(mine).slice(0, options.times === false ? 1 : 2)];
  });
  return {
    name: options.name ?? `methods-${tasks.join('-')}`,
    title:
      options.title ?? `${several && oneTitle ? `${measures[0].title} of methods` : 'Methods'} on ${tasks.join(', ')}`,
    columns,
    rows,
    notes: notesOf(records, done, tests.comparisons, options),
  };
}

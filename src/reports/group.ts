/** Sorting run records into what a chart or a table shows: completed runs, by task, by method, one a seed. */
import { UserError } from '../errors';
import type { RunRecord } from '../experiments/record';
import { methodStyle, sortMethods } from './style';

/** Runs of one method on one task, in the order of their seeds. */
export interface Group {
  readonly task: string;
  readonly method: string;
  readonly records: readonly RunRecord[];
}

/** The completed runs. @throws UserError when there is none. */
export function completed(records: readonly RunRecord[]): RunRecord[] {
  const done = records.filter((record) => record.status === 'completed');
  if (done.length === 0) {
    throw new UserError(`none of the ${records.length} records given is of a completed run: run the experiment first`);
  }
  return done;
}

/** Tasks in order of appearance. */
export function tasksOf(records: readonly RunRecord[]): string[] {
  return [...new Set(records.map((record) => record.spec.task))];
}

/** Methods in the house order. */
export function methodsOf(records: readonly RunRecord[]): string[] {
  return sortMethods(records.map((record) => record.spec.method));
}

/**
 * Completed runs grouped by task and method.
 * @throws UserError when two different runs share task, method and seed: a mean over them would mix settings.
 */
export function groupRecords(records: readonly RunRecord[]): Group[] {
  const done = completed(records);
  return tasksOf(done).flatMap((task) =>
    methodsOf(done).flatMap((method): Group[] => {
      const bySeed = new Map<number, RunRecord>();
      for (const record of done) {
        if (record.spec.task !== task || record.spec.method !== method) continue;
        const other = bySeed.get(record.spec.seed);
        if (other && other.id !== record.id) {
          throw new UserError(
            `${other.id} and ${record.id} are different runs of ${method} on ${task} with seed ${record.spec.seed}: ` +
              'leave one out, they differ in the model or in an option',
          );
        }
        bySeed.set(record.spec.seed, record);
      }
      const mine = [...bySeed.values()].sort((a, b) => a.spec.seed - b.spec.seed);
      return mine.length > 0 ? [{ task, method, records: mine }] : [];
    }),
  );
}

/** Groups of one task. @throws UserError when the records are of several. */
export function groupsOfOneTask(records: readonly RunRecord[], chart: string): Group[] {
  const groups = groupRecords(records);
  const tasks = new Set(groups.map((group) => group.task));
  if (tasks.size > 1) throw new UserError(`${chart} shows one task, but the records are of ${[...tasks].join(', ')}`);
  return groups;
}

/** A metric's finite values with the records they come from; `primary` is each record's own primary metric. */
export function metricValues(records: readonly RunRecord[], metric: string): { value: number; record: RunRecord }[] {
  return records.flatMap((record) => {
    const value = record.metrics[metric === 'primary' ? record.primary.metric : metric];
    return Number.isFinite(value) ? [{ value, record }] : [];
  });
}

/** `3 seeds`, or `1–3 seeds` where groups differ. */
export function seedsText(groups: readonly Group[]): string {
  const counts = groups.map((group) => group.records.length);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  return `${low === high ? low : `${low}–${high}`} seed${high === 1 ? '' : 's'}`;
}

/** Where the runs were timed: device, backend, each once. */
export function deviceText(records: readonly RunRecord[]): string {
  const parts = ['backend', 'device', 'cpu'].map((key) => [
    ...new Set(records.map((record) => record.environment[key]).filter((value) => typeof value === 'string' && value)),
  ]);
  return [...new Set(parts.flat())].join(', ');
}

/** Title of a method for people. */
export const titleOf = (method: string): string => methodStyle(method).title;

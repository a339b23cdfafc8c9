/** The methods table of a plan, the mean over its cases, and every case with its tests. */
import { averaged, averages, labelled } from '../../experiments/outcomes';
import type { Plan } from '../../experiments/plan';
import type { PlanResult } from '../../experiments/plan-runs';
import { groupRecords, methodsOf, tasksOf, titleOf } from '../group';
import { correct, isBetter, type Measure, measure } from '../measures';
import { type Column, differenceCells, differenceColumns, methodTable, notesOf, type Table, valueCell } from '../table';
import type { TableView } from './view';

/** A row a case and method: mean ± sd, n, and the paired difference with both tests, corrected over all rows. */
function casesTable(plan: Plan, result: PlanResult): Table {
  const baseline = plan.baseline ?? 'lora';
  const records = labelled(result.outcomes);
  const groups = groupRecords(records);
  const done = groups.flatMap((group) => group.records);
  const measures = tasksOf(done)
    .map((task) => measure(groups, task, { metric: 'primary' }, baseline))
    .filter((m): m is Measure => m !== null);
  const tests = correct(measures);
  const columns: Column[] = [
    { title: 'Case', align: 'left' },
    { title: 'Method', align: 'left' },
    { title: 'Metric', align: 'left' },
    { title: 'Result', align: 'right', parts: ['mean', 'sd', 'n'] },
    { title: 'n', align: 'right', parts: ['value'] },
    ...differenceColumns(baseline),
  ];
  const rows = measures.flatMap((m) =>
    methodsOf(done).flatMap((method) => {
      const cell = m.cells.get(method);
      if (!cell) return [];
      const better = isBetter(m, cell, tests);
      const { n } = cell.summary;
      return [
        [
          { text: m.task },
          { text: titleOf(method) },
          { text: `${m.title} ${m.higherIsBetter ? '↑' : '↓'}` },
          valueCell(m, cell, better),
          { text: String(n), numbers: [n], records: cell.ids },
          ...differenceCells(m, cell, tests, better),
        ],
      ];
    }),
  );
  const notes = notesOf(records, done, tests.comparisons, { baseline });
  return { name: 'cases', title: `${plan.title}, case by case`, columns, rows, notes };
}

/** Times are left out: a comparison may share its machine with others, `npm run bench` measures them. */
function make(plan: Plan, result: PlanResult): Table[] {
  const { title, baseline, notes } = plan;
  const options = { baseline, times: false };
  const table = methodTable(labelled(result.outcomes), { ...options, name: 'table', title, notes });
  if (new Set(result.outcomes.map((outcome) => outcome.case)).size < 2) return [table];
  const whole = averages(result.outcomes) ? averaged(result.outcomes) : [];
  const mean = methodTable(whole, { ...options, name: 'mean', title: `${title}, mean over cases` });
  return [table, ...(whole.length > 0 ? [mean] : []), casesTable(plan, result)];
}

export const methodsView: TableView = {
  make,
  files: {
    table: 'methods × cases: mean ± sd over seeds, difference to the baseline or average rank, trainable parameters',
    mean: 'the mean over the cases, its paired difference to the baseline and tests',
    cases: 'one row a case and method: mean ± sd, n, paired difference with 95 % interval, t and Wilcoxon with Holm',
  },
};

/** Published figures beside ours: in columns of their own, without our tests, under a title that says what they are. */

import { UserError } from '../../errors';
import { averaged, averages, labelled } from '../../experiments/outcomes';
import type { Plan, Variant } from '../../experiments/plan';
import type { PlanResult } from '../../experiments/plan-runs';
import { groupRecords, tasksOf, titleOf } from '../group';
import { type Measure, measure } from '../measures';
import { type PublishedTable, publishedTables } from '../published';
import { type Cell, type Column, missing, type Table } from '../table';
import type { TableView } from './view';

/** @throws UserError that lists the known keys. */
export function findPublished(key: string): PublishedTable {
  if (Object.hasOwn(publishedTables, key)) return publishedTables[key];
  throw new UserError(`no published table "${key}". Tables: ${Object.keys(publishedTables).join(', ')}`);
}

/** Row of the published table that a variant is set beside. */
function rowKey(plan: Plan, variant: Variant, table: PublishedTable): string | undefined {
  const known = (key: string) => table.rows.find((row) => row.key === key || row.title === key)?.key;
  const alone = plan.variants.filter(({ method }) => method === variant.method).length === 1;
  return known(variant.published ?? variant.label) ?? (alone ? known(variant.method) : undefined);
}

const publishedCell = (text: string | null): Cell => {
  if (text === null) return { text: missing };
  const [mean, sd] = text.split('±');
  return { text: text.replace('±', ' ± '), numbers: [Number(mean), sd === undefined ? null : Number(sd)] };
};

function make(plan: Plan, { outcomes }: PlanResult): Table[] {
  if (!plan.published) return [];
  const published = findPublished(plan.published);
  const records = labelled(outcomes);
  const several = tasksOf(records).length > 1 && averages(outcomes);
  const groups = groupRecords([...records, ...(several ? averaged(outcomes) : [])]);
  const measures = tasksOf(groups.flatMap((group) => group.records))
    .map((task) => measure(groups, task, { metric: 'primary' }, plan.baseline ?? 'lora'))
    .filter((m): m is Measure => m !== null);
  const our = (m: Measure, variant: string): Cell => {
    const cell = m.cells.get(variant);
    if (!cell) return { text: missing };
    return { text: cell.summary.mean.toFixed(m.digits), numbers: [cell.summary.mean], records: cell.ids };
  };
  const columns: Column[] = [
    { title: 'Method', align: 'left' },
    ...measures.map(
      (m): Column => ({ title: `ours: ${m.task} ${m.higherIsBetter ? '↑' : '↓'}`, align: 'right', parts: ['mean'] }),
    ),
    ...published.columns.map(
      (title): Column => ({ title: `published: ${title}`, align: 'right', parts: ['mean', 'sd'] }),
    ),
  ];
  const taken = new Set<string>();
  const ours = plan.variants.map((variant) => {
    const key = rowKey(plan, variant, published);
    if (key) taken.add(key);
    const row = published.rows.find((one) => one.key === key);
    const cells = row?.cells ?? published.columns.map(() => null);
    return [
      { text: titleOf(variant.label) },
      ...measures.map((m) => our(m, variant.label)),
      ...cells.map(publishedCell),
    ];
  });
  const others = published.rows
    .filter((row) => !taken.has(row.key))
    .map((row) => [
      { text: row.title ?? titleOf(row.key) },
      ...measures.map(() => ({ text: missing })),
      ...row.cells.map(publishedCell),
    ]);
  const table: Table = {
    name: 'published',
    title: `${plan.title}, beside published figures of another model and other data`,
    columns,
    rows: [...ours, ...others],
    notes: [
      `Published: ${published.title}. ${published.setting}. Source: ${published.source}.`,
      'The two sides share the question, not model, data or scale: read orders and signs, not sizes. ± is as published.',
      ...(published.notes ?? []),
    ],
  };
  return [table];
}

export const publishedView: TableView = {
  make,
  files: { published: 'our means beside the papers’ published figures (other model, other data; source named)' },
};

/** `gora table NAME`: the tables of a comparison from its records; runs nothing. */
import { join, relative } from 'node:path';
import { UserError } from '../errors';
import type { PlanResult } from '../experiments/plan-runs';
import { writeFileAtomic } from '../formats/atomic';
import { exportTable, type Table, type TableFormat, tableFormats } from '../reports';
import { planTables } from '../reports/views';
import { parse } from './args';
import { openComparison, showOptions } from './comparison';

const options = { ...showOptions, trace: { type: 'boolean' } } as const;

/** The tables asked for: one by name, all, or the first with the published figures. */
function chosen(tables: readonly Table[], which: string | undefined, format: TableFormat): readonly Table[] {
  if (which === 'all') return tables;
  if (which !== undefined) {
    const found = tables.filter((table) => table.name === which);
    if (found.length > 0) return found;
    throw new UserError(`no table "${which}". Tables: ${tables.map(({ name }) => name).join(', ')}, all`);
  }
  // a CSV file holds one table
  return tables.filter((table, i) => i === 0 || (table.name === 'published' && format !== 'csv'));
}

/** Path of a record's file by its id, from the current folder. */
function recordFile(result: PlanResult, records: string): (id: string) => string {
  const paths = new Map(
    [...result.outcomes, ...result.tuning].map(({ record }) => [
      record.id,
      relative(process.cwd(), join(records, record.spec.task, `${record.id}.json`)),
    ]),
  );
  return (id) => paths.get(id) ?? id;
}

export async function tableCommand(args: string[]): Promise<number> {
  const { values, positionals } = parse(args, options, 2);
  const [, which] = positionals;
  const { format, comparison, result } = await openComparison('table', positionals[0], tableFormats, 'text', values);
  const tables = chosen(planTables(comparison.plan, result), which, format);
  if (tables.length > 1 && format === 'csv') {
    throw new UserError(`a CSV file holds one table: name one of ${tables.map((table) => table.name).join(', ')}`);
  }
  const fileOf = recordFile(result, comparison.records);
  const text = tables.map((table) => exportTable(table, format, { trace: values.trace, fileOf })).join('\n');
  if (values.out === undefined) {
    process.stdout.write(text);
    return 0;
  }
  writeFileAtomic(values.out, text);
  process.stdout.write(`${values.out}\n`);
  return 0;
}

/** Tables made in memory. */
import type { Table } from '../../src/data/table';

/** Rows as they would come from `file.jsonl`, one a line. */
export function tableOf(rows: readonly object[], classNames: Record<string, readonly string[]> = {}): Table {
  return {
    source: 'file.jsonl',
    columns: [...new Set(rows.flatMap((row) => Object.keys(row)))],
    rows: rows.map((row) => Object.assign(Object.create(null), row)),
    lines: (row) => row + 1,
    place: (row) => `file.jsonl:${row + 1}`,
    classNames: new Map(Object.entries(classNames)),
  };
}

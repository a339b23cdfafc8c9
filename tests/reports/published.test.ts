/** Published figures: every cell parses, and averages are those of their rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publishedTables } from '../../src/reports/published';
import { mean } from '../../src/reports/stats';

const value = (cell: string | null) => (cell === null ? Number.NaN : Number(cell.split('±')[0]));

test('every row has a cell a column, every cell is a number with or without ±, every table names its source', () => {
  for (const [key, table] of Object.entries(publishedTables)) {
    assert.ok(table.source && table.setting && table.title, key);
    assert.equal(new Set(table.rows.map((row) => row.key)).size, table.rows.length, `${key}: a key twice`);
    for (const row of table.rows) {
      assert.equal(row.cells.length, table.columns.length, `${key} ${row.key}`);
      for (const cell of row.cells) assert.match(cell ?? '0', /^\d+(\.\d+)?(±\d+\.\d+)?$/, `${key} ${row.key}`);
    }
  }
});

test('the averages over the five tasks agree with the cells, but for the one that the notes name', () => {
  const { columns, rows, notes } = publishedTables['t5-glue'];
  assert.equal(columns.at(-1), 'Average');
  for (const { key, cells } of rows) {
    const five = cells.slice(0, -1).map(value);
    if (five.some(Number.isNaN)) continue;
    const gap = Math.abs(mean(five) - value(cells.at(-1)!));
    assert.ok(key === 'lora' ? gap > 0.05 && gap < 0.1 : gap < 0.011, `${key}: ${gap}`);
  }
  assert.match(notes!.join(' '), /LoRA average 82\.01; the published average is 82\.08/);
});

test('the doubtful row stays out', () => {
  assert.ok(!publishedTables['llama2-generation'].rows.some((row) => row.key === 'full'));
});

/** Tables of every kind a person may have, and everything that can be wrong with one. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readTable } from '../../src/data/table';
import { dataFile } from '../support/data';
import { fixturePath, tempFile } from '../support/files';
import { tempDir } from '../support/temp';

const plain = (rows: readonly object[]) => rows.map((row) => ({ ...row }));

const TABLES: Record<string, string | Uint8Array> = {
  'a.csv': '\ufefftext, label\r\n"one, ""1""\nand more",yes\r\n\r\ntwo,no\r\n',
  'b.jsonl': '{"text":"one, \\"1\\"\\nand more","label":"yes"}\n\n{"label":"no","text":"two"}\n',
  'c.NDJSON': '{"text":"one, \\"1\\"\\nand more","label":"yes"}\r\n\r\n{"label":"no","text":"two"}',
  'd.json': '[{"text":"one, \\"1\\"\\nand more",\n"label":"yes"},\n{"label":"no","text":"two"}]',
  'e.json': '{"text":"one, \\"1\\"\\nand more","label":"yes"}\n\n{"label":"no","text":"two"}\n',
  'f.csv.gz': gzipSync('text,label\n"one, ""1""\nand more",yes\ntwo,no\n'),
};
for (const [name, content] of Object.entries(TABLES)) {
  test(`reads ${name}`, async (t) => {
    const path = tempFile(t, name, content);
    const table = await readTable(path);
    assert.deepEqual(table.columns, ['text', 'label']);
    assert.deepEqual(plain(table.rows), [
      { text: 'one, "1"\nand more', label: 'yes' },
      { text: 'two', label: 'no' },
    ]);
    const second = { 'a.csv': 5, 'b.jsonl': 3, 'c.NDJSON': 3, 'd.json': 3, 'e.json': 3, 'f.csv.gz': 4 }[name];
    assert.equal(table.lines(1), second);
    assert.equal(table.place(1), `${path}:${second}`);
  });
}

test('tabs: a quote is a character, unless quoted fields are asked for', async (t) => {
  const path = tempFile(t, 'a.tsv', 'text\tlabel\n" one\t"1"\n');
  assert.deepEqual(plain((await readTable(path)).rows), [{ text: '" one', label: '"1"' }]);
  const quoted = tempFile(t, 'b.tsv', 'text\tlabel\n"a\tb, c"\t1\nd\te, f\n');
  assert.deepEqual(plain((await readTable(quoted, { quotedTabs: true })).rows), [
    { text: 'a\tb, c', label: '1' },
    { text: 'd', label: 'e, f' },
  ]);
  await assert.rejects(readTable(quoted), /:2: expected 2 tab-separated fields, found 3/);
});

test('a text is one row; Parquet counts rows and knows its classes', async (t) => {
  const text = await readTable(tempFile(t, 'a.txt', 'one\n\ntwo\n'));
  assert.deepEqual(plain(text.rows), [{ text: 'one\n\ntwo\n' }]);
  const path = fixturePath('tables', 'pairs-zstd.parquet');
  const table = await readTable(path);
  assert.deepEqual({ ...table.rows[1] }, { sentence1: 'Größe zählt', sentence2: '大きさ', label: 0, idx: 1 });
  assert.deepEqual([table.lines(1), table.place(1)], [2, `${path}: row 2`]);
  assert.deepEqual(table.classNames.get('label'), ['not_equivalent', 'equivalent']);
});

test('rows of JSON need not have the same names', async (t) => {
  const table = await readTable(tempFile(t, 'a.jsonl', '{"a":1}\n{"b":[2]}\n'));
  assert.deepEqual(table.columns, ['a', 'b']);
  assert.deepEqual(plain(table.rows), [{ a: 1 }, { b: [2] }]);
});

test('a column may have any name, and nothing leaks into other objects', async (t) => {
  const files = ['a.csv', '__proto__,constructor\nx,y\n', 'b.jsonl', '{"__proto__":"x","constructor":"y"}\n'];
  for (const [name, content] of [files.slice(0, 2), files.slice(2)]) {
    const { columns, rows } = await readTable(tempFile(t, name, content));
    assert.deepEqual(columns, ['__proto__', 'constructor']);
    assert.deepEqual(
      columns.concat('toString').map((name) => rows[0][name]),
      ['x', 'y', undefined],
    );
  }
  const poison = await readTable(tempFile(t, 'c.jsonl', '{"__proto__":{"polluted":1}}\n'));
  assert.equal(Reflect.get({}, 'polluted'), undefined);
  assert.equal(poison.rows[0].polluted, undefined);
});

const BAD: [name: string, content: string | Uint8Array, message: RegExp][] = [
  ['a.csv', '', /a\.csv is empty/],
  ['a.csv', '\n\r\n', /a\.csv is empty/],
  ['a.csv', 'text,label\n', /has a header line and no row/],
  ['a.csv', 'text,label\na,b\nc\n', /a\.csv:3: expected 2 comma-separated fields, found 1/],
  ['a.csv', 'text,label\na,"b\n', /a\.csv:2: a quote that is not closed/],
  ['a.csv', 'text,label\na,b"c\n', /a\.csv:2: a quote inside an unquoted field; put the whole field in quotes/],
  ['a.csv', 'text,label,text\na,b,c\n', /a\.csv:1: the column "text" stands there twice/],
  ['a.csv', 'text;label\na;b\n', /a\.csv:1: one column, "text;label"; its fields seem to be set off by semicolons/],
  ['a.csv', 'text\tlabel\na\tb\n', /set off by tabs: name it \.tsv/],
  ['a.tsv', 'text,label\na,b\n', /set off by commas: name it \.csv/],
  ['a.csv', Buffer.from('text,label\na,b\nc\xe9,d\n', 'latin1'), /a\.csv is not valid UTF-8 \(line 3\)/],
  ['a.jsonl', Buffer.from('{"a":"\xff"}\n', 'latin1'), /a\.jsonl is not valid UTF-8 \(line 1\)/],
  ['a.tsv', 'a\tb\n1\t2\n1\t2\t3\n', /a\.tsv:3: expected 2 tab-separated fields, found 3/],
  ['a.jsonl', '', /a\.jsonl holds no row/],
  ['a.jsonl', '{"a":1}\n{"a":\n', /a\.jsonl:2: not JSON/],
  ['a.jsonl', '{"a":1}\n[1]\n', /a\.jsonl:2: expected a JSON object/],
  ['a.json', ' \n', /a\.json is empty/],
  ['a.json', '[]', /a\.json holds no row/],
  ['a.json', '[{"a":1},\n{a:1}]', /a\.json:2: not JSON/],
  ['a.txt', ' \n', /a\.txt is empty/],
  ['a.xlsx', 'PK', /unknown kind of file; the known endings are \.csv \.tsv \.jsonl \.ndjson \.json \.parquet \.txt/],
  ['a', 'text', /unknown kind of file/],
  ['a.parquet', 'text', /cannot be read as Parquet/],
  ['a.csv.gz', 'text,label\na,b\n', /Cannot decompress table/],
];
for (const [name, content, message] of BAD) {
  test(`refuses ${name} of ${JSON.stringify(String(content))}`, async (t) => {
    const path = tempFile(t, name, content);
    await assert.rejects(readTable(path), (error: Error) => error.name === 'UserError' && message.test(error.message));
  });
}

test('a missing file and a folder', async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'set.csv'));
  await assert.rejects(readTable(dir), /is a folder; name a file/);
  await assert.rejects(readTable(join(dir, 'set.csv')), /is a folder; name a file/);
  await assert.rejects(readTable(join(dir, 'none.csv')), /none\.csv: no such file/);
  await assert.rejects(readTable(join(dir, 'none')), /none: no such file/);
  await assert.rejects(readTable(fixturePath('tables', 'no-rows.parquet')), /holds no row/);
});

test('hostile texts take no quadratic time', async (t) => {
  const n = 400_000;
  const texts: [name: string, content: string][] = [
    ['a.csv', `a,b\n${'"'.repeat(n)}`],
    ['b.csv', `a\n"${'""'.repeat(n)}"\n`],
    ['c.csv', `a,b\n${'\t'.repeat(n)}`],
    ['d.csv', `${'a,'.repeat(n)}\n1`],
    ['e.csv', `a\n"${'\n'.repeat(n)}`],
    ['f.json', `[${'['.repeat(3000)}${' '.repeat(n)}`],
    ['g.json', `[{"a":"${'\\"'.repeat(n)}"}]`],
    ['h.tsv', `a\tb\n${'\t'.repeat(n)}`],
    ['i.json', `[${'{},'.repeat(n)}{}]`],
  ];
  for (const [name, content] of texts) {
    const start = process.cpuUsage().user;
    await readTable(tempFile(t, name, content)).catch((error: Error) => assert.equal(error.name, 'UserError', name));
    const seconds = (process.cpuUsage().user - start) / 1e6;
    assert.ok(seconds < 5, `${name} took ${seconds} s`); // quadratic: hundreds of seconds
  }
});

test('reads the published tables', async (t) => {
  const glue = dataFile(t, 'glue', 'MRPC', 'train.tsv');
  if (!glue) return;
  const mrpc = await readTable(glue);
  assert.deepEqual([mrpc.columns.length, mrpc.rows.length], [5, 3668]);
  assert.ok(mrpc.rows.every((row) => /^[01]$/.test(String(row.Quality))));
});

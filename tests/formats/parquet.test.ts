/** Parquet files that pyarrow wrote (scripts/goldens/tables.py), and damaged ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { parquetRows } from '../../src/formats/parquet';
import { Random } from '../../src/tensor/random';
import { fixturePath } from '../support/files';

const bytesOf = (name: string) => readFileSync(fixturePath('tables', `${name}.parquet`));

const ROWS = [
  ['He said so .', 'So he said .', 1, 0],
  ['Größe zählt', '大きさ', 0, 1],
  ['three', null, 1, 2],
  ['a "quoted" one', 'tab\there', -1, 3],
  ['five', '5', 0, 4],
];

for (const codec of ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4']) {
  test(`reads rows and class names, ${codec}`, async () => {
    const table = await parquetRows(bytesOf(`pairs-${codec}`), 'f');
    assert.deepEqual(table.columns, ['sentence1', 'sentence2', 'label', 'idx']);
    assert.deepEqual(table.rows, ROWS);
    assert.deepEqual([...table.classNames], [['label', ['not_equivalent', 'equivalent']]]);
  });
}

test('lists of structs, large integers, fractions, truth values and bytes', async () => {
  const chat = await parquetRows(bytesOf('chat'), 'f');
  assert.deepEqual(chat.columns, ['messages', 'id']);
  assert.deepEqual(chat.rows[0], [
    [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
    ],
    '1152921504606846976',
  ]);
  assert.equal((chat.rows[1][0] as unknown[]).length, 3);
  assert.equal(chat.rows[1][1], 7);
  const scores = await parquetRows(bytesOf('scores'), 'f');
  assert.deepEqual(scores.rows[0].slice(0, 3), ['a', 0.25, true]);
  assert.deepEqual([...(scores.rows[0][3] as Uint8Array)], [255, 0]);
  assert.deepEqual((await parquetRows(bytesOf('no-rows'), 'f')).rows, []);
});

test('text that is not UTF-8 and files of another kind are refused', async () => {
  await assert.rejects(
    parquetRows(bytesOf('broken-utf8'), 'f.parquet'),
    /^UserError: f\.parquet cannot be read as Parq/,
  );
  for (const text of ['', 'PAR1', 'PAR1PAR1', `PAR1${'x'.repeat(100)}PAR1`, '{"a":1}']) {
    await assert.rejects(parquetRows(Buffer.from(text), 'f'), UserError);
  }
});

test('a damaged file is an error of the reader or a table, nothing else, and soon', async () => {
  const whole = bytesOf('pairs-snappy');
  for (let cut = 0; cut < whole.length; cut += 97) {
    await assert.rejects(parquetRows(whole.subarray(0, cut), 'f'), UserError);
  }
  let refused = 0;
  for (let seed = 0; seed < 150; seed++) {
    const random = new Random(seed, 'parquet');
    const damaged = new Uint8Array(whole);
    for (let i = 0; i < 4; i++) damaged[random.int(damaged.length)] = random.int(256);
    try {
      await parquetRows(damaged, 'f');
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 20, `${refused} of 150 were refused`);
  assert.equal(Object.keys(Object.prototype).length, 0);
});

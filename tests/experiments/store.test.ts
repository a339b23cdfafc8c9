/** Records: atomic, validated, never replaced by something worse. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RunRecord, recordCurve } from '../../src/experiments/record';
import { findRecord, readRecord, readRecords, writeRecord } from '../../src/experiments/store';
import { tempDir } from '../support/temp';

const record = (status: RunRecord['status'], loss = 1): RunRecord => ({
  format: 1,
  id: 'toy-lora-s1-0123abcd',
  status,
  error: null,
  spec: { task: 'toy', model: 'm', method: 'lora', seed: 1, training: {}, methodOptions: {}, taskOptions: {} },
  startedAt: '2026-01-01T00:00:00Z',
  finishedAt: '2026-01-01T00:00:01Z',
  environment: {},
  model: { parameters: 10, trainable: 2, adapter: 2, layers: 1 },
  primary: { metric: 'loss', title: 'Loss', higherIsBetter: false },
  curve: { step: [1], loss: [loss], lr: [0.1] },
  evaluations: [],
  metrics: { loss },
  ranks: { a: 4 },
  importances: null,
  notes: {},
  timings: {},
  memory: {},
});

test('what is written is read back, by path, by id and by folder', (t) => {
  const dir = tempDir(t);
  const path = writeRecord(join(dir, 'deep', 'er'), record('completed'));
  assert.deepEqual(readRecord(path), record('completed'));
  assert.deepEqual(findRecord(join(dir, 'deep', 'er'), 'toy-lora-s1-0123abcd'), record('completed'));
  assert.equal(readRecords(dir).length, 1);
  assert.deepEqual(readRecords(join(dir, 'missing')), []);
});

test('a cancelled record does not replace a completed one, but a completed one replaces it', (t) => {
  const dir = tempDir(t);
  writeRecord(dir, record('cancelled'));
  assert.equal(findRecord(dir, 'toy-lora-s1-0123abcd'), null);
  writeRecord(dir, record('completed', 2));
  writeRecord(dir, record('cancelled', 3));
  assert.equal(findRecord(dir, 'toy-lora-s1-0123abcd')?.metrics.loss, 2);
  assert.ok(existsSync(join(dir, 'toy-lora-s1-0123abcd.cancelled.json')));
});

test('the file is compact: a line a list, steps as a range, rounded curves; the older layout still reads', (t) => {
  const dir = tempDir(t);
  const step = Array.from({ length: 300 }, (_, i) => i + 1);
  const long: RunRecord = {
    ...record('completed'),
    curve: recordCurve({ step, loss: step.map((i) => 1 / i), lr: step.map((i) => 0.01 / 3 / i) }),
    evaluations: (['train', 'validation', 'test'] as const).map((split) => ({
      step: 300,
      split,
      metrics: { loss: 1, accuracy: 2 },
    })),
  };
  const path = writeRecord(dir, long);
  const text = readFileSync(path, 'utf8');
  const begins = text.split('\n').map((line) => line.slice(0, 40));
  for (const start of [
    '  "step": {"from":1,"by":1,"count":300},',
    '  "loss": [1,0.5,0.3333333,0.25,',
    '  "lr": [0.00333333,',
  ]) {
    assert.ok(
      begins.some((line) => line.startsWith(start)),
      start,
    );
  }
  assert.equal(begins.filter((line) => line.startsWith('  {"step":300')).length, 3, 'one line an evaluation');
  assert.ok(begins.length < 40);
  assert.deepEqual(readRecord(path), long);
  writeFileSync(path, JSON.stringify(long, null, 1));
  assert.deepEqual(readRecord(path), long);
  const uneven = { ...long, curve: { step: [1, 2, 4], loss: [3, 2, 1], lr: [1, 1, 1] } };
  assert.deepEqual(readRecord(writeRecord(dir, uneven)), uneven);
});

test('a broken record is refused with file and field', (t) => {
  const dir = tempDir(t);
  const path = join(dir, 'toy-lora-s1-0123abcd.json');
  writeFileSync(path, '{"format": 1');
  const remedy = 'Delete it, and the run is done again$';
  assert.throws(() => readRecord(path), new RegExp(`cannot read the record .*0123abcd\\.json: .*${remedy}`));
  writeFileSync(path, JSON.stringify({ ...record('completed'), model: { parameters: 'many' } }));
  assert.throws(() => readRecords(dir), new RegExp(`is not a run record: field "model\\.parameters".*${remedy}`));
});

test("a record under another record's name is refused with both ids, and is not taken for that run", (t) => {
  const dir = tempDir(t);
  const other = 'toy-lora-s1-89abcdef';
  writeFileSync(join(dir, `${other}.json`), readFileSync(writeRecord(dir, record('completed'))));
  const both =
    /holds the record toy-lora-s1-0123abcd, not toy-lora-s1-89abcdef, as its name says\. Name it .*delete it$/;
  assert.throws(() => findRecord(dir, other), both);
  assert.throws(() => readRecords(dir), both);
  // beside a completed record the others carry their status in the name
  rmSync(join(dir, `${other}.json`));
  const path = writeRecord(dir, record('failed'));
  assert.equal(readRecord(path).status, 'failed');
});

test('an impossible folder and a full disk are clear errors and leave earlier records alone', (t) => {
  const dir = tempDir(t);
  const path = writeRecord(dir, record('completed'));
  const before = readFileSync(path, 'utf8');
  assert.throws(() => writeRecord(join(path, 'sub'), record('completed')), /cannot make the folder .*--out DIR/);
  assert.equal(readFileSync(path, 'utf8'), before);
  assert.deepEqual(readdirSync(dir), ['toy-lora-s1-0123abcd.json']);
});

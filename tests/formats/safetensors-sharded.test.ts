import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { SafetensorsError, type SafetensorsRule } from '../../src/formats/safetensors';
import { openShardedSafetensors, readShardedSafetensors } from '../../src/formats/safetensors-sharded';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import { tempDir } from '../support/temp';

const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];

/** A folder of two shards with the tensors a | b, c, and an index as given. */
function checkpoint(t: TestContext, index: string, second: string[] = ['b', 'c']): string {
  const folder = tempDir(t);
  const tensors = (names: string[]) =>
    new Map(names.map((name) => [name, { shape: [1], data: Float32Array.of(name.charCodeAt(0)) }]));
  writeSafetensors(path.join(folder, SHARDS[0]), tensors(['a']), { format: 'pt' });
  writeSafetensors(path.join(folder, SHARDS[1]), tensors(second));
  const file = path.join(folder, 'model.safetensors.index.json');
  fs.writeFileSync(file, index);
  return file;
}

const map = (weights: unknown) => JSON.stringify({ metadata: { total_size: 12.0 }, weight_map: weights });
const good = { a: SHARDS[0], b: SHARDS[1], c: SHARDS[1] };

test('joins the shards', (t) => {
  const index = checkpoint(t, map(good));
  const file = readShardedSafetensors(index);
  assert.deepEqual([...file.tensors.keys()].sort(), ['a', 'b', 'c']);
  assert.deepEqual(file.metadata, { format: 'pt' });
  const weights = openShardedSafetensors(index);
  assert.equal(weights.source, index);
  assert.deepEqual(
    weights.names.map((name) => [name, weights.shape(name), weights.dtype(name), ...weights.read(name)]),
    ['a', 'b', 'c'].map((name) => [name, [1], 'F32', name.charCodeAt(0)]),
  );
  weights.close();
  assert.throws(() => weights.read('c'), /has been closed/);
});

const refused: [rule: SafetensorsRule, what: string, index: string, second?: string[]][] = [
  ['bad-index', 'text', 'not json'],
  ['bad-index', 'a list', '[]'],
  ['bad-index', 'no weight map', '{}'],
  ['bad-index', 'an empty weight map', map({})],
  ['bad-index', 'a tensor twice', `{"weight_map":{"a":"${SHARDS[0]}","a":"${SHARDS[1]}"}}`],
  ['bad-index', 'a number as shard', map({ a: 1 })],
  ['shard-name', 'a way up', map({ a: '../model.safetensors' })],
  ['shard-name', 'an absolute path', map({ a: '/etc/model.safetensors' })],
  ['shard-name', 'a Windows path', map({ a: 'C:\\model.safetensors' })],
  ['shard-name', 'a drive', map({ a: 'C:model.safetensors' })],
  ['shard-name', 'a subfolder', map({ a: 'x/model.safetensors' })],
  ['shard-name', 'a NUL', map({ a: 'x\0.safetensors' })],
  ['shard-name', 'another kind of file', map({ a: 'passwd' })],
  ['duplicate-shard-key', 'a tensor in two shards', map(good), ['a', 'b', 'c']],
  ['shard-key-missing', 'a tensor in the other shard', map({ ...good, b: SHARDS[0] })],
  ['shard-key-missing', 'a tensor in no shard', map({ ...good, d: SHARDS[1] })],
];
for (const [rule, what, index, second] of refused) {
  test(`${rule}: ${what}`, (t) => {
    const file = checkpoint(t, index, second);
    for (const open of [readShardedSafetensors, openShardedSafetensors]) {
      assert.throws(
        () => open(file),
        (error) => error instanceof SafetensorsError && error.rule === rule && error.message.includes(file),
      );
    }
  });
}

test('names a missing shard and a missing index', (t) => {
  const file = checkpoint(t, map({ a: 'gone.safetensors' }));
  for (const open of [readShardedSafetensors, openShardedSafetensors]) {
    assert.throws(() => open(file), /gone\.safetensors: no such file/);
    assert.throws(() => open('/nowhere/i.json'), /no such file/);
  }
});

/** `gora gradients` on the toy task: files, resuming, another request, mistakes. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, test } from 'node:test';
import { collectStudies, gradientsCommand } from '../../src/commands/gradients';
import { registerTask } from '../../src/tasks';
import { startBackend } from '../../src/tensor/backend';
import { tempDir } from '../support/temp';
import { toyTask } from '../support/toy-task';

before(async () => {
  await startBackend();
  registerTask(toyTask as never);
});

test('the command writes records, table and chart', async (t) => {
  const out = tempDir(t);
  let text = '';
  t.mock.method(process.stdout, 'write', (chunk: string) => {
    text += chunk;
    return true;
  });
  try {
    assert.equal(await gradientsCommand(['--task', 'toy', '--seeds', '2', '--counts', '1,4', '--out', out]), 0);
  } finally {
    t.mock.restoreAll();
  }
  assert.match(text, /How many batches does a gradient need\? toy, against 48 examples/);
  assert.deepEqual(readdirSync(join(out, 'records', 'gradients')), ['gradients-toy-s1.json', 'gradients-toy-s2.json']);
  for (const ending of ['md', 'csv', 'svg', 'png', 'html'])
    assert.ok(statSync(join(out, `gradients-toy.${ending}`)).size);
});

test('the same request computes nothing again, more seeds those that are missing, another one everything', async (t) => {
  const records = tempDir(t);
  const request = { task: 'toy', counts: [1, 4] };
  const written: string[] = [];
  const collect = (more: object, seeds: number) =>
    collectStudies({ ...request, ...more }, seeds, records, '', (path) => void written.push(basename(path)));
  const first = await collect({}, 1);
  assert.deepEqual(await collect({}, 1), first);
  assert.deepEqual(written.splice(0), ['gradients-toy-s1.json']);
  const both = await collect({}, 2);
  assert.deepEqual(both[0], first[0]);
  assert.deepEqual(written.splice(0), ['gradients-toy-s2.json']);
  const [other] = await collect({ set: { batch: 4 } }, 1);
  assert.equal(other.batch, 4);
  assert.deepEqual(written.splice(0), ['gradients-toy-s1.json']);
  const [layers] = await collect({ set: { targets: 'q' } }, 1);
  assert.deepEqual(Object.keys(layers.reference.importances), ['blocks.0.attn.q']);
  assert.deepEqual(written.splice(0), ['gradients-toy-s1.json']);
  // without counts the usual ones are wanted, not those of the study before
  const [usual] = await collect({ counts: undefined, set: { targets: 'q' } }, 1);
  assert.deepEqual(
    usual.samples.map(({ batches }) => batches),
    [1, 2],
  );
  assert.deepEqual(written, ['gradients-toy-s1.json']);
});

test('mistakes are named', async () => {
  await assert.rejects(gradientsCommand([]), /--task NAME/);
  await assert.rejects(
    gradientsCommand(['--task', 'toy', '--counts', '1,x']),
    /--counts takes integers above 0, not "x"/,
  );
  await assert.rejects(gradientsCommand(['--task', 'toy', '--seeds', '0']), /--seeds takes integers above 0/);
});

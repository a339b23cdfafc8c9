/** The WebAssembly backend with two threads: same results, nothing of the start-up left behind, and the process ends. */
import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import workerThreads from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { getThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { UserError } from '../../src/errors';
import { Random } from '../../src/tensor/random';
import { startWasm } from '../../src/tensor/wasm';

const size = 96;
const matrix = (name: string) => new Random(4).fork(name).normals(size * size);

test('an impossible number of threads is refused', async () => {
  for (const threads of [0, 1.5, 9]) await assert.rejects(startWasm({ threads }), UserError);
});

test('two threads: products and gradients as on the cpu backend; globals as before', async () => {
  const globals = () => [
    workerThreads.Worker,
    globalThis.Blob,
    URL.createObjectURL,
    os.cpus,
    Reflect.get(globalThis, 'Worker'),
  ];
  const before = globals();
  const run = async () => {
    const [a, b] = ['a', 'b'].map((name) => tf.tensor2d(matrix(name), [size, size]));
    const results = tf.grads((x, y) => tf.sum(tf.softmax(tf.matMul(tf.sigmoid(x), y, false, true)).square()))([a, b]);
    return Promise.all([...results, tf.matMul(a, b, true)].map((t) => t.data()));
  };
  await tf.setBackend('cpu');
  const expected = await run();
  await startWasm({ threads: 2 });
  assert.equal(getThreadsCount(), 2);
  assert.deepEqual(globals(), before);
  for (let round = 0; round < 20; round++) {
    const actual = await run();
    expected.forEach((values, i) => {
      const scale = Math.max(...values.map(Math.abs));
      assert.ok(values.every((v, j) => Math.abs(v - actual[i][j]) < 2e-5 * scale));
    });
  }
});

test('the heap grows under two threads and keeps its contents', async () => {
  await startWasm({ threads: 2 });
  const first = tf.tensor2d(matrix('a'), [size, size]);
  const big = tf.ones([6e6]); // more than the 16 MiB to begin with
  assert.equal((await tf.sum(big).data())[0], 6e6);
  assert.deepEqual(await first.data(), matrix('a'));
  tf.dispose([first, big]);
});

test('another number of threads later is refused, none at all is not', async () => {
  await startWasm();
  await assert.rejects(startWasm({ threads: 1 }), UserError);
});

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, it, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs';
import { readMnist } from '../../src/data/mnist';
import { FEATURES, TOKENS } from '../../src/data/pictures';
import { UserError } from '../../src/errors';
import { baseNet, disposeModel } from '../../src/models/params';
import { splitMnist } from '../../src/tasks/mnist';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { dataFile } from '../support/data';
import { openWith } from '../support/open';
import { tempDir } from '../support/temp';

function idx(shape: readonly number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((n, i) => {
    header.writeUInt32BE(n, 4 + 4 * i);
  });
  return gzipSync(Buffer.concat([header, data]));
}

/** Images of grey noise, with labels 0, 1, … in turn. */
function fakeMnist(folder: string, count: number, { side = 28, labels = count, top = 10 } = {}): void {
  mkdirSync(folder, { recursive: true });
  const pixels = Uint8Array.from(new Random(1).uniforms(count * side * side, 0, 256));
  writeFileSync(join(folder, 't10k-images-idx3-ubyte.gz'), idx([count, side, side], pixels));
  const classes = Uint8Array.from({ length: labels }, (_, i) => i % top);
  writeFileSync(join(folder, 't10k-labels-idx1-ubyte.gz'), idx([labels], classes));
}

test('images become patches between −1 and 1', (t) => {
  const folder = tempDir(t);
  mkdirSync(folder, { recursive: true });
  const pixels = new Uint8Array(784);
  pixels.set([255, 51], 28); // second row
  writeFileSync(join(folder, 't10k-images-idx3-ubyte.gz'), idx([1, 28, 28], pixels));
  writeFileSync(join(folder, 't10k-labels-idx1-ubyte.gz'), idx([1], Uint8Array.of(7)));
  const { features, labels } = readMnist(folder, 't10k');
  assert.deepEqual([...labels], [7]);
  assert.equal(features.length, TOKENS * FEATURES);
  assert.equal(features[7], 1); // the first patch's second row
  assert.ok(Math.abs(features[8] + 0.6) < 1e-6);
  assert.equal(features.filter((v) => v === -1).length, 782);
});

test('files that do not fit are named', (t) => {
  const cases: [options: Parameters<typeof fakeMnist>[2], message: RegExp][] = [
    [{ side: 16 }, /16 × 16 pixels; they must have 28 × 28/],
    [{ labels: 19 }, /20 images, but its labels are 19/],
    [{ top: 11 }, /label 10 is 10, not 0 … 9/],
  ];
  for (const [options, message] of cases) {
    const folder = tempDir(t);
    fakeMnist(folder, 20, options);
    assert.throws(
      () => readMnist(folder, 't10k'),
      (error) => error instanceof UserError && message.test(error.message),
    );
  }
  assert.throws(() => readMnist('nowhere', 't10k'), /nowhere.* is not there.*GORA_DATA/);
});

test('the split is fixed, complete and without overlap', () => {
  const { pool, validation, test: held } = splitMnist(10000);
  assert.deepEqual([pool.length, validation.length, held.length], [6000, 1000, 3000]);
  assert.equal(new Set([...pool, ...validation, ...held]).size, 10000);
  assert.deepEqual(splitMnist(10000), splitMnist(10000));
});

describe('mnist task', () => {
  before(() => startBackend());
  const load = (dataDir: string, seed: number, options: Record<string, unknown>) =>
    openWith('mnist', options, new Random(seed).fork('task'), { dataDir });
  const labelsOf = async (task: Awaited<ReturnType<typeof load>>) => {
    const batch = task.train.batch([...Array(task.train.size).keys()]);
    const [labels, features] = [[...(await batch.labels.data())], await batch.features.data()];
    tf.dispose(Object.values(batch));
    return { labels, features };
  };

  it("draws the same number of every digit, by the run's seed", async (t) => {
    const dataDir = tempDir(t);
    fakeMnist(join(dataDir, 'mnist'), 200);
    const tasks = [1, 1, 2].map((seed) => load(dataDir, seed, { shots: 3, probe: false }));
    const [first, again, other] = await Promise.all(tasks.map(async (task) => labelsOf(await task)));
    for (let digit = 0; digit < 10; digit++) assert.equal(first.labels.filter((l) => l === digit).length, 3);
    assert.deepEqual(first, again);
    assert.notDeepEqual(first.features, other.features);
    for (const task of tasks) disposeModel((await task).model);
  });

  it('says how many images there are when shots are more', async (t) => {
    const dataDir = tempDir(t);
    fakeMnist(join(dataDir, 'mnist'), 100);
    await assert.rejects(load(dataDir, 1, { shots: 50, probe: false }), /shots 50 is more than the \d+ images of 0/);
  });

  it('starts from a probe above chance on the real digits', async (t) => {
    const file = dataFile(t, 'mnist/t10k-images-idx3-ubyte.gz');
    if (!file) return;
    const task = await load(dirname(dirname(file)), 1, {});
    assert.deepEqual([task.validation.size, task.test.size], [1000, 3000]);
    const { accuracy } = await task.evaluate(baseNet(task.model), task.validation);
    assert.ok(accuracy > 30 && accuracy < 92, `${accuracy}`);
    disposeModel(task.model);
  });
});

import * as assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { baseNet, disposeModel, param, withWeight } from '../../src/models/params';
import { registerTask } from '../../src/tasks';
import { predictClasses } from '../../src/tasks/kinds/classify';
import { startBackend } from '../../src/tensor/backend';
import { dot, norm } from '../../src/tensor/linalg';
import { Random } from '../../src/tensor/random';
import { openWith } from '../support/open';
import { toyTask } from '../support/toy-task';

before(async () => {
  await startBackend();
  registerTask(toyTask as never);
});

const load = () => openWith('toy', {}, new Random(1));

test('a weight holds other values inside and its own afterwards, also after an error', async () => {
  const { model, train, evaluate } = await load();
  const name = model.linears[0].weight;
  const own = (param(model, name).dataSync() as Float32Array).slice();
  const tensors = tf.memory().numTensors;
  const loss = async () => (await evaluate(baseNet(model), train)).loss;
  const base = await loss();
  const changed = await withWeight(
    model,
    name,
    own.map((v) => v + 1),
    loss,
  );
  assert.notEqual(changed, base);
  await assert.rejects(
    withWeight(
      model,
      name,
      own.map(() => 0),
      () => Promise.reject(new Error('stop')),
    ),
    /stop/,
  );
  assert.deepEqual(param(model, name).dataSync(), own);
  assert.equal(await loss(), base);
  assert.equal(tf.memory().numTensors, tensors);
  disposeModel(model);
});

test('predicted classes give the accuracy, in the order of the set', async () => {
  const { model, test: data, evaluate } = await load();
  const { predicted, labels } = await predictClasses(model, baseNet(model), data, 7);
  assert.equal(predicted.length, data.size);
  const hits = predicted.filter((one, i) => one === labels[i]).length;
  assert.ok(Math.abs((100 * hits) / data.size - (await evaluate(baseNet(model), data)).accuracy) < 1e-9);
  disposeModel(model);
});

test('a task name is taken once, unless it is replaced on purpose', () => {
  const task = { ...toyTask, name: 'toy-twice' } as never;
  registerTask(task);
  assert.throws(() => registerTask(task), /"toy-twice" is registered already/);
  registerTask(task, { replace: true });
});

test('inner product and length', () => {
  assert.equal(dot(Float64Array.of(1, 2, 3), Float32Array.of(4, 5, 6)), 32);
  assert.equal(norm(Float32Array.of(3, 4)), 5);
});

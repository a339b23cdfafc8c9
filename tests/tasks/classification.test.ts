import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { linear } from '../../src/models/layers';
import type { Model } from '../../src/models/model';
import { baseNet, disposeModel, param, variable } from '../../src/models/params';
import { classificationSet, evaluateClassifier, fitHeadByProbe } from '../../src/tasks/kinds/classify';
import { startBackend } from '../../src/tensor/backend';
import { fitHead } from '../../src/tensor/linear-probe';
import { Random } from '../../src/tensor/random';

/** A classifier whose features are its inputs. */
function plainClassifier(classes: number, d: number): Model {
  const features = (_net: unknown, batch: { features?: tf.Tensor }) => batch.features as tf.Tensor2D;
  const params = new Map([
    ['head.weight', variable(tf.eye(classes, d))],
    ['head.bias', variable(tf.zeros([classes]))],
  ]);
  return {
    name: 'plain',
    kind: 'features',
    config: {},
    params,
    linears: [],
    head: ['head.weight', 'head.bias'],
    features,
    logits: (net, batch) =>
      linear(features(net, batch), net.get('head.weight') as tf.Tensor2D, net.get('head.bias') as tf.Tensor1D),
    loss: () => tf.scalar(0),
  };
}

describe('classification', () => {
  before(() => startBackend());

  it('batches the chosen examples with their labels', async () => {
    const set = classificationSet(Float32Array.of(0, 1, 2, 3, 4, 5), [2, 1], Int32Array.of(7, 8, 9), [2, 0]);
    assert.equal(set.size, 2);
    const batch = set.batch([1, 0]);
    assert.deepEqual(batch.features.shape, [2, 2, 1]);
    assert.deepEqual([...(await batch.features.data())], [0, 1, 4, 5]);
    assert.deepEqual([...(await batch.labels.data())], [7, 9]);
    tf.dispose(Object.values(batch));
    assert.throws(() => classificationSet(new Float32Array(5), [2], new Int32Array(3)), /need 6 features, found 5/);
    assert.throws(
      () => classificationSet(new Float32Array(6), [2], new Int32Array(3), [3]),
      /example 3 does not exist/,
    );
  });

  it('scores the whole set, whatever the batch size, and leaves no tensor behind', async () => {
    const model = plainClassifier(2, 2);
    // logits = features: rows 0, 1 and 3 are right
    const rows = [2, 0, 0, 1, 1, 0, 3, 1];
    const data = classificationSet(Float32Array.from(rows), [2], Int32Array.of(0, 1, 1, 0));
    const nll = (own: number, other: number) => Math.log(1 + Math.exp(other - own));
    const expected = (nll(2, 0) + nll(1, 0) + nll(0, 1) + nll(3, 1)) / 4;
    const before = tf.memory().numTensors;
    for (const size of [1, 3, 256]) {
      const { accuracy, loss } = await evaluateClassifier(model, baseNet(model), data, size);
      assert.equal(accuracy, 75);
      assert.ok(Math.abs(loss - expected) < 1e-6);
    }
    assert.equal(tf.memory().numTensors, before);
    disposeModel(model);
  });

  it('gives the model the head that the probe fits', async () => {
    const model = plainClassifier(3, 5);
    const x = new Random(1).normals(300 * 5);
    const labels = Int32Array.from({ length: 300 }, (_, i) => (x[i * 5] > 0.5 ? 0 : x[i * 5 + 1] > 0 ? 1 : 2));
    const before = tf.memory().numTensors;
    await fitHeadByProbe(model, classificationSet(x, [5], labels), 0.05);
    assert.equal(tf.memory().numTensors, before);
    const expected = fitHead(x, labels, 3, { l2: 0.05 });
    assert.deepEqual(await param(model, 'head.weight').data(), expected.weight);
    assert.deepEqual(await param(model, 'head.bias').data(), expected.bias);
    disposeModel(model);
  });
});

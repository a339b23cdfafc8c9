/** TensorFlow's own operations against the formulas in tfjs's. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/tensor/backend';
import { sigmoidGrad, sparseCrossEntropy } from '../../src/tensor/native-ops';
import { Random } from '../../src/tensor/random';

before(() => startBackend());

const furthest = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0];

test('gradient of the sigmoid, and cross-entropy with its slope', () => {
  tf.tidy(() => {
    const random = new Random(3);
    const [x, dy] = [0, 1].map(() => tf.tensor2d(random.normals(6 * 5, 0, 2), [6, 5]));
    const y = tf.sigmoid(x);
    assert.ok(furthest(sigmoidGrad(y, dy), tf.mul(dy, tf.mul(y, tf.sub(1, y)))) < 1e-6);

    const labels = tf.tensor1d([0, 4, 2, 2, 1, 3], 'int32');
    const { loss, slope } = sparseCrossEntropy(x, labels);
    const hot = tf.oneHot(labels, 5).cast('float32');
    assert.deepEqual([loss.shape, slope.shape], [[6], [6, 5]]);
    assert.ok(furthest(loss, tf.neg(tf.sum(tf.mul(tf.logSoftmax(x), hot), 1))) < 1e-5);
    assert.ok(furthest(slope, tf.sub(tf.softmax(x), hot)) < 1e-6);
  });
});

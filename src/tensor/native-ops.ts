/** Operations that TensorFlow has and tfjs does not name, with the same in tfjs's own for other backends. */

import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { FLOAT, INT32, type NativeBackend, nativeBackend, type OpAttr } from './jit/native';

const type = (backend: NativeBackend, name: string, value: number): OpAttr => ({
  name,
  type: backend.binding.TF_ATTR_TYPE,
  value,
});

/** dy·y·(1 − y): the gradient of y = σ(x). */
export function sigmoidGrad(y: Tensor, dy: Tensor): Tensor {
  const backend = nativeBackend();
  if (!backend) return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
  return backend.executeSingleOutput('SigmoidGrad', [type(backend, 'T', FLOAT)], [y, dy]);
}

/**
 * Cross-entropy of every row and its gradient with respect to the logits, in one pass.
 * logits [n, classes], labels int32 [n] → loss [n], slope softmax − one-hot [n, classes].
 */
export function sparseCrossEntropy(logits: Tensor2D, labels: Tensor1D): { loss: Tensor1D; slope: Tensor2D } {
  const backend = nativeBackend();
  if (backend) {
    const attrs = [type(backend, 'T', FLOAT), type(backend, 'Tlabels', INT32)];
    const name = 'SparseSoftmaxCrossEntropyWithLogits';
    const [loss, slope] = backend.executeMultipleOutputs(name, attrs, [logits, labels], 2);
    return { loss: loss as Tensor1D, slope: slope as Tensor2D };
  }
  const logProbabilities = tf.logSoftmax(logits);
  const hot = tf.cast(tf.oneHot(labels, logits.shape[1]), 'float32');
  const loss = tf.neg(tf.sum(tf.mul(logProbabilities, hot), 1)) as Tensor1D;
  return { loss, slope: tf.sub(tf.exp(logProbabilities), hot) };
}

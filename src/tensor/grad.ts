/**
 * An operation with its own gradient, each input's gradient made only when it is asked for.
 *
 * `tf.customGrad` computes the gradient of every input, also of frozen ones; the engine's own
 * entry takes one function an input and calls those on the path to a trainable value.
 */

import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

interface Engine {
  runKernelFunc(kernel: {
    forwardFunc: (backend: unknown, save: (tensors: Tensor[]) => void) => Tensor;
    backwardsFunc: (dy: Tensor, saved: Tensor[]) => Record<string, () => Tensor>;
    inputs: NamedTensorMap;
  }): Tensor;
}

/**
 * @param inputs tensors that may receive a gradient.
 * @param forward computes the value and saves what the gradients need, inputs included: whatever is not
 *   saved is freed when the forward pass ends.
 * @param gradients from ∂loss/∂value and the saved tensors, one lazy gradient for every input.
 */
export function gradientOp<K extends string>(
  inputs: Record<K, Tensor>,
  forward: (save: (tensors: Tensor[]) => void) => Tensor,
  gradients: (dy: Tensor, saved: Tensor[]) => Record<K, () => Tensor>,
): Tensor {
  const engine = tf.engine() as unknown as Engine;
  return engine.runKernelFunc({
    forwardFunc: (_backend, save) => forward(save),
    backwardsFunc: gradients,
    inputs,
  });
}

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

/** The engine's parts that a pass inside a backward pass touches. */
interface Tapes {
  readonly state: { activeTape: unknown };
  gradients(run: () => Tensor, xs: readonly Tensor[], dy: Tensor, allowNone: true): { value: Tensor; grads: Tensor[] };
}

/**
 * x itself, made to wait for `after`: 0 is added that TensorFlow cannot foresee, so a graph neither merges what follows
 * with the same operations of the forward pass nor runs it earlier.
 */
function delayed(x: Tensor, after: Tensor): Tensor {
  const one = tf.slice(tf.reshape(after, [-1]), 0, 1);
  return tf.add(x, tf.reshape(tf.minimum(tf.abs(one), 0), []));
}

/**
 * What `run` makes of inputs and constants, computed again in the backward pass: only these are kept between the two
 * passes (Chen et al. 2016). Gradients reach the inputs and `parameters`, which `run` uses; all else counts as frozen.
 */
export function recomputed<T extends Readonly<Record<string, Tensor>>>(
  inputs: T,
  constants: T,
  parameters: readonly Tensor[],
  run: (given: T) => Tensor,
): Tensor {
  const names = Object.keys(inputs);
  const trained = Object.fromEntries(parameters.map((value, i) => [`parameter ${i}`, value]));
  return gradientOp(
    { ...inputs, ...trained },
    (save) => {
      save([...Object.values(inputs), ...Object.values(constants)]);
      return run({ ...inputs, ...constants });
    },
    (dy, saved) => {
      const engine = tf.engine() as unknown as Tapes;
      const outer = engine.state.activeTape;
      const fixed = Object.fromEntries(Object.keys(constants).map((name, i) => [name, saved[names.length + i]]));
      try {
        const grads = tf.tidy(() => {
          const again = names.map((_, i) => delayed(saved[i], dy));
          const xs = [...again, ...parameters];
          const given = { ...Object.fromEntries(names.map((name, i) => [name, again[i]])), ...fixed };
          const found = engine.gradients(() => run(given as T), xs, dy, true).grads;
          return xs.map((x, i) => found[i] ?? tf.zerosLike(x));
        });
        return Object.fromEntries([...names, ...Object.keys(trained)].map((name, i) => [name, () => grads[i]]));
      } finally {
        engine.state.activeTape = outer; // the inner pass ends its own tape
      }
    },
  );
}

/** Loss and gradients of a batch, and one whole eager step. */

import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Adapters, Parameter } from '../methods/method';
import { smoothLabels } from '../models/layers';
import type { Model, Net } from '../models/model';
import { param } from '../models/params';
import type { Batch } from '../tensor/batch';
import { recomputed } from '../tensor/grad';
import type { AdamW, StepScalars } from './adamw';
import { applyLinks, updateOf } from './transforms';

/** Everything that trains: the adapters' parameters and a freshly made head. */
export function trainableOf(model: Model, adapters: Adapters): Parameter[] {
  const known = new Set(adapters.trainable.map((parameter) => parameter.name));
  const head = model.head
    .filter((name) => !known.has(name))
    .map((name): Parameter => ({ name, group: 'head', value: param(model, name) }));
  return [...adapters.trainable, ...head];
}

/** The network with every block's activations forgotten after the forward pass and computed again when needed. */
function recomputingNet(net: Net, parameters: readonly Parameter[]): Net {
  return {
    get: (name) => net.get(name),
    linear: (name, x) => net.linear(name, x),
    block: (path, inputs, constants, run) => {
      const own = parameters.filter(({ name }) => name.startsWith(`${path}.`)).map(({ value }) => value);
      return recomputed(inputs, constants, own, run) as Tensor2D;
    },
  };
}

/**
 * Gradients by parameter name and the loss without the method's penalty; caller disposes both. `bytes` is the live
 * tensor memory at its highest, between the forward and the backward pass; `kept` is what of it waits for the backward
 * pass. With `recompute` only the blocks' inputs do.
 * @param smoothing share of every label that goes to all classes alike.
 */
export function lossAndGradients(
  model: Model,
  adapters: Adapters,
  parameters: readonly Parameter[],
  batch: Batch,
  recompute = false,
  smoothing = 0,
): { loss: Scalar; gradients: Record<string, Tensor>; bytes: number; kept: number } {
  const net = recompute ? recomputingNet(adapters.net, parameters) : adapters.net;
  const before = tf.memory().numBytes;
  return tf.tidy(() => {
    let loss: Scalar | null = null;
    let bytes = 0;
    let kept = 0;
    // the engine's own entry: `tf.variableGrads` refuses variables that are not marked trainable
    const { grads } = tf.engine().gradients(
      () => {
        const sum = tf.tidy(() => {
          const task = smoothLabels(smoothing, () => model.loss(net, batch));
          loss = tf.keep(tf.clone(task));
          const total = adapters.penalty ? tf.add(task, adapters.penalty()) : task;
          bytes = tf.memory().numBytes;
          return total;
        });
        kept = tf.memory().numBytes - before; // what nothing saved is gone
        return sum;
      },
      parameters.map((parameter) => parameter.value),
      undefined,
      true,
    );
    const gradients: Record<string, Tensor> = {};
    parameters.forEach(({ name }, i) => {
      if (grads[i]) gradients[name] = grads[i];
    });
    return { loss: loss as unknown as Scalar, gradients, bytes, kept };
  });
}

/** What a step leaves behind; loss and norm are to be read and disposed. */
export interface StepResult {
  readonly loss: Scalar;
  readonly norm: Scalar;
  /** Most bytes of live tensors; 0 where a graph ran. */
  readonly bytes: number;
  /** Bytes that the forward pass kept for the backward pass; 0 where a graph ran. */
  readonly kept: number;
}

/** Loss and gradients of a step. Caller disposes. */
export interface StepGradients {
  readonly loss: Scalar;
  readonly gradients: Record<string, Tensor>;
  readonly bytes: number;
  readonly kept: number;
}

/** Runs one eager step. */
export function trainStep(
  model: Model,
  adapters: Adapters,
  optimiser: AdamW,
  batch: Batch,
  scalars: StepScalars,
  clip: number,
  step: number,
): StepResult {
  const { loss, gradients, bytes, kept } = lossAndGradients(model, adapters, optimiser.parameters, batch);
  const report: Record<string, Scalar> = {};
  const facts = { step, scalars: { ...scalars }, report };
  tf.dispose(applyLinks(updateOf(adapters, optimiser, clip), gradients, facts));
  return { loss, norm: report.norm, bytes, kept };
}

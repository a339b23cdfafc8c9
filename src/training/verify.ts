/** Compares a graph's first step with the eager step it is to replace. */

import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { AdamW } from './adamw';
import type { ParameterState } from './compiled-step';
import type { StepGradients, StepResult } from './step';

/** Loss against the eager loss, relative where the loss is above 1. */
const LOSS_TOLERANCE = 1e-5;
/** ‖difference‖ of all gradients (or first moments) over their norm. */
const GRADIENT_TOLERANCE = 1e-3;
/** Error of the update over the learning rate. */
const UPDATE_TOLERANCE = 1e-3;

const read = (tensor: Tensor) => tensor.dataSync()[0];

function lossDifference(graph: number, eager: number): string | null {
  if (Math.abs(graph - eager) <= LOSS_TOLERANCE * Math.max(1, Math.abs(eager))) return null;
  return `the graph's loss is ${graph}, the eager loss ${eager}`;
}

/** ‖a − b‖ over ‖b‖, all pairs together. */
function relativeDistance(pairs: readonly (readonly [Tensor, Tensor])[]): number {
  return tf.tidy(() => {
    const norm = (tensors: Tensor[]) => Math.sqrt(read(tf.sum(tf.stack(tensors.map((t) => tf.sum(tf.square(t)))))));
    const distance = norm(pairs.map(([a, b]) => tf.sub(a, b)));
    return distance === 0 ? 0 : distance / norm(pairs.map(([, b]) => b));
  });
}

function tooFar(distance: number, what: string): string | null {
  if (distance <= GRADIENT_TOLERANCE) return null; // NaN is too far
  return `the graph's ${what} differ from the eager ones by ${distance.toExponential(1)} of their norm`;
}

/** Compares loss and gradients. @returns what differs, or null. */
export function gradientDifference(graph: StepGradients, eager: Omit<StepGradients, 'bytes'>): string | null {
  const pairs = Object.keys(eager.gradients).map((name) => [graph.gradients[name], eager.gradients[name]] as const);
  return lossDifference(read(graph.loss), read(eager.loss)) ?? tooFar(relativeDistance(pairs), 'gradients');
}

/** What one step was given and what came of it. */
export interface VerifiedStep {
  readonly before: ReadonlyMap<string, ParameterState>;
  readonly after: ReadonlyMap<string, ParameterState>;
  readonly result: StepResult;
  readonly eager: StepResult;
  readonly step: number;
  readonly lr: number;
}

/**
 * Compares loss, norm and first moments with the eager step's, and the new values with AdamW's formula on the graph's
 * own moments: where a gradient is rounding noise, Adam's step has any sign, so values themselves say nothing.
 * @returns what differs, or null.
 */
export function stepDifference(optimiser: AdamW, verified: VerifiedStep): string | null {
  const { before, after, result, eager, step, lr } = verified;
  const loss = lossDifference(read(result.loss), read(eager.loss));
  if (loss) return loss;
  const [norm, expectedNorm] = [read(result.norm), read(eager.norm)];
  if (!(Math.abs(norm - expectedNorm) <= GRADIENT_TOLERANCE * expectedNorm)) {
    return `the graph's gradient norm is ${norm}, the eager one ${expectedNorm}`;
  }
  const pairs = Array.from(after, ([name, { m }]) => [m, optimiser.moments(name).m] as const);
  const moments = tooFar(relativeDistance(pairs), 'moments');
  if (moments) return moments;
  const { beta1, beta2, epsilon, weightDecay } = optimiser.options;
  for (const { name, group } of optimiser.parameters) {
    const [old, now] = [before.get(name)!, after.get(name)];
    if (!now) continue;
    const rate = lr * optimiser.rateOf(group);
    const excess = tf.tidy(() => {
      const root = tf.add(tf.sqrt(tf.div(now.v, 1 - beta2 ** step)), epsilon);
      const change = tf.add(tf.div(tf.div(now.m, 1 - beta1 ** step), root), tf.mul(old.value, weightDecay));
      const expected = tf.sub(old.value, tf.mul(change, rate));
      const allowed = tf.add(tf.mul(tf.abs(expected), 1e-6), UPDATE_TOLERANCE * rate);
      return read(tf.max(tf.sub(tf.abs(tf.sub(now.value, expected)), allowed)));
    });
    if (!(excess <= 0)) return `the graph's update of ${name} is off by ${excess.toExponential(1)}`;
  }
  return null;
}

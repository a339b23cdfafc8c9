/** Heads of encoders: from states to one number a class, or one number in all. */
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { Batch } from '../tensor/batch';
import type { Given } from './architecture';
import { crossEntropy, squaredError } from './layers';
import type { HeadRequest, Net } from './model';

/** What a head is to give. */
export interface HeadPlan {
  readonly outputs: number;
  readonly regress: boolean;
  readonly pooling: 'default' | 'mean';
  /** The checkpoint has it, and it fits. */
  readonly kept: boolean;
}

/**
 * The head to build: the one asked for, else the checkpoint's own; null when there is neither.
 * The checkpoint's serves a request of its size; another size is made anew, as Hugging Face does with
 * `ignore_mismatched_sizes`.
 * @param weight name of the last weight of the architecture's head, [outputs, dim].
 */
export function planHead(given: Given, weight: string): HeadPlan | null {
  const own = given.has(weight) ? given.shape(weight)[0] : null;
  const request = given.head;
  if (!request) {
    if (own === null) return null;
    const single = given.config.problem_type === 'regression' || own === 1;
    return { outputs: own, regress: single, pooling: 'default', kept: true };
  }
  const { labels, pooling = 'default' } = request;
  const outputs = labels === 'regress' ? 1 : typeof labels === 'number' ? labels : labels.length;
  if (labels !== 'regress' && outputs < 2) throw new UserError(`a head needs at least two classes, not ${outputs}`);
  const kept = own === outputs && pooling === 'default' && !request.fresh && !renamed(given, labels);
  return { outputs, regress: labels === 'regress', pooling, kept };
}

/** Whether the checkpoint names its classes, and names others. */
function renamed({ config }: Given, labels: HeadRequest['labels']): boolean {
  if (!Array.isArray(labels)) return false;
  const own = Object.values((config.id2label ?? {}) as Record<string, unknown>).map(String);
  const named = own.length > 0 && !own.every((name) => /^LABEL_\d+$/.test(name));
  return named && own.join('\n').toLowerCase() !== labels.join('\n').toLowerCase();
}

/** Mean loss of a batch whose `labels` are int32 classes [batch], or float32 numbers (regression). */
export const headLoss = (plan: HeadPlan | null, logits: Tensor2D, batch: Batch): Scalar =>
  plan?.regress ? squaredError(logits, batch.labels as Tensor1D) : crossEntropy(logits, batch.labels as Tensor1D, null);

/** The first place of every row: states [batch · time, dim] → [batch, dim]. */
export function firstState(states: Tensor2D, batch: number): Tensor2D {
  const [rows, dim] = states.shape;
  const first = tf.slice(tf.reshape(states, [batch, rows / batch, dim]), [0, 0, 0], [batch, 1, dim]);
  return tf.reshape(first, [batch, dim]);
}

/** Mean over the real places: states [batch · time, dim], mask [batch, time] → [batch, dim]. */
export function meanState(states: Tensor2D, mask: Tensor2D): Tensor2D {
  const [batch, time] = mask.shape;
  const shares = tf.div(mask, tf.sum(mask, 1, true));
  const sum = tf.matMul(tf.reshape(shares, [batch, 1, time]), tf.reshape(states, [batch, time, -1]));
  return tf.reshape(sum, [batch, -1]);
}

/** Says that a model without a head was asked for logits. */
export function noHead(source: string): (net: Net, batch: Batch) => Tensor2D {
  return () => {
    throw new UserError(`${source}: the checkpoint has no head; load it with the labels of your task, which makes one`);
  };
}

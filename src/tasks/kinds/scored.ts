/** Named scores of a model with a head: classes or numbers, of texts or pictures. */
import * as tf from '@tensorflow/tfjs';
import { type ScoreName, scores } from '../../data/metrics';
import { crossEntropy, squaredError } from '../../models/layers';
import type { Model, Net } from '../../models/model';
import type { Batch } from '../../tensor/batch';
import type { Dataset } from '../dataset';
import { overBatches } from '../score';
import type { Metrics } from '../task';

/**
 * Scores of the likeliest classes, or of the predicted numbers, in per cent, and the mean loss (nats, or squared error).
 * @throws UserError when the set is empty.
 */
export async function evaluateScores(
  model: Model,
  net: Net,
  data: Dataset,
  { regress, metrics }: { readonly regress: boolean; readonly metrics: readonly ScoreName[] },
  batchSize = 64,
): Promise<Metrics> {
  const [predicted, truth]: number[][] = [[], []];
  let loss = 0;
  const compute = (batch: Batch) => {
    const logits = model.logits(net, batch);
    const labels = batch.labels as tf.Tensor1D;
    const own = regress ? squaredError(logits, labels) : crossEntropy(logits, labels, null);
    const best = regress ? tf.reshape(logits, [-1]) : tf.cast(tf.argMax(logits, 1), 'float32');
    return tf.concat([best as tf.Tensor1D, tf.reshape(tf.mul(own, labels.size), [1])]);
  };
  await overBatches(data, batchSize, compute, async (values, batch) => {
    predicted.push(...values.subarray(0, -1));
    truth.push(...(await batch.labels.data()));
    loss += values[values.length - 1];
  });
  const named = metrics.map((name) => [name, 100 * scores[name](predicted, truth)]);
  return { ...Object.fromEntries(named), loss: loss / data.size };
}

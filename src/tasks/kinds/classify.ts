/** What classifier tasks share: data sets over feature arrays, accuracy, and a head fitted by linear probe. */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import { crossEntropy } from '../../models/layers';
import type { Model, Net } from '../../models/model';
import { baseNet, param } from '../../models/params';
import type { Batch } from '../../tensor/batch';
import { fitHead } from '../../tensor/linear-probe';
import type { Dataset } from '../dataset';
import { overBatches, sumOver } from '../score';
import type { LoadedTask } from '../task';

/**
 * Examples with one label each. Batches hold `features` float32 [batch, …shape] and `labels` int32 [batch].
 * @param features all examples one after the other, row-major.
 * @param shape of one example.
 * @param indices the examples of this set; default all.
 * @throws UserError when the sizes do not fit or an index is out of range.
 */
export function classificationSet(
  features: Float32Array,
  shape: readonly number[],
  labels: Int32Array,
  indices?: readonly number[],
): Dataset {
  const size = shape.reduce((a, b) => a * b, 1);
  if (features.length !== size * labels.length) {
    throw new UserError(
      `${labels.length} examples of shape [${shape}] need ${size * labels.length} features, found ${features.length}`,
    );
  }
  const stray = indices?.find((i) => !Number.isInteger(i) || i < 0 || i >= labels.length);
  if (stray !== undefined) throw new UserError(`example ${stray} does not exist: there are ${labels.length}`);
  return {
    size: indices ? indices.length : labels.length,
    batch: (chosen): Batch => {
      const rows = indices ? chosen.map((i) => indices[i]) : chosen;
      const data = new Float32Array(rows.length * size);
      rows.forEach((row, k) => {
        data.set(features.subarray(row * size, (row + 1) * size), k * size);
      });
      return {
        features: tf.tensor(data, [rows.length, ...shape], 'float32'),
        labels: tf.tensor1d(
          Int32Array.from(rows, (row) => labels[row]),
          'int32',
        ),
      };
    },
  };
}

/** Accuracy in per cent and mean cross-entropy in nats over the whole set. */
export async function evaluateClassifier(
  model: Model,
  net: Net,
  data: Dataset,
  batchSize = 256,
): Promise<{ accuracy: number; loss: number }> {
  const [hits, nats] = await sumOver(data, batchSize, (batch) => {
    const labels = batch.labels as tf.Tensor1D;
    const logits = model.logits(net, batch);
    const hits = tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
    return tf.stack([hits, tf.mul(crossEntropy(logits, labels, null), labels.size)]);
  });
  return { accuracy: (100 * hits) / data.size, loss: nats / data.size };
}

/** The most probable class of every example, in order, beside its label: what a metric of one's own starts from. */
export async function predictClasses(
  model: Model,
  net: Net,
  data: Dataset,
  batchSize = 256,
): Promise<{ predicted: number[]; labels: number[] }> {
  const predicted: number[] = [];
  const labels: number[] = [];
  const compute = (batch: Batch) => tf.argMax(model.logits(net, batch), 1);
  await overBatches(data, batchSize, compute, async (classes, batch) => {
    predicted.push(...classes);
    labels.push(...(await batch.labels.data()));
  });
  return { predicted, labels };
}

/** The head's inputs under the base weights, [n, d] row-major, and the labels. */
async function frozenFeatures(model: Model, data: Dataset, batchSize = 256) {
  const { features } = model;
  if (!features) throw new UserError(`model ${model.name} has no features before its head, so no probe can be fitted`);
  const net = baseNet(model);
  const rows: Float32Array[] = [];
  const labels: number[] = [];
  await overBatches(
    data,
    batchSize,
    (batch) => features(net, batch),
    async (values, batch) => {
      rows.push(values);
      labels.push(...(await batch.labels.data()));
    },
  );
  const d = rows[0].length / Math.min(batchSize, data.size);
  const all = new Float32Array(data.size * d);
  rows.forEach((row, i) => {
    all.set(row, i * batchSize * d);
  });
  return { features: all, labels: Int32Array.from(labels) };
}

/** The new head's last layer: what a probe can fit. */
function lastLayer(model: Model): { weight: string; bias: string } {
  const weight = model.head.filter((name) => name.endsWith('.weight')).at(-1);
  if (weight) return { weight, bias: weight.replace(/weight$/, 'bias') };
  throw new UserError(`model ${model.name} has no new head, so no probe can be fitted`);
}

/**
 * Fits the new head's weight [classes, d] and bias [classes] on the frozen features of a set and assigns them.
 * @param l2 penalty of the probe, see `fitHead`.
 */
export async function fitHeadByProbe(model: Model, train: Dataset, l2 = 1e-2): Promise<void> {
  if (train.size === 0) throw new UserError('cannot fit a head on an empty training set');
  const names = lastLayer(model);
  const weight = param(model, names.weight);
  const [classes, d] = weight.shape;
  const { features, labels } = await frozenFeatures(model, train);
  const head = fitHead(features, labels, classes, { l2 });
  tf.tidy(() => {
    weight.assign(tf.tensor2d(head.weight, [classes, d]));
    param(model, names.bias).assign(tf.tensor1d(head.bias));
  });
}

/**
 * A classifier's task with a new head on a pretrained model.
 * @param probe fits the head by a linear probe first; else it starts at zeros.
 * @param notes facts for the record; how the head was made is added.
 */
export async function withNewHead(
  model: Model,
  sets: Pick<LoadedTask, 'train' | 'validation' | 'test'>,
  probe: boolean,
  notes: LoadedTask['notes'],
): Promise<LoadedTask> {
  if (probe) await fitHeadByProbe(model, sets.train);
  else for (const name of model.head) tf.tidy(() => param(model, name).assign(tf.zerosLike(param(model, name))));
  return {
    ...sets,
    evaluate: (net, data) => evaluateClassifier(model, net, data),
    notes: { ...notes, head: probe ? 'linear probe' : 'zeros' },
  };
}

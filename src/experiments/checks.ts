/** What is refused between loading a task and working on it: data that teach nothing, batches that cannot be made. */
import { totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { Method } from '../methods/method';
import type { LinearLayer, Model } from '../models/model';
import { baseNet } from '../models/params';
import type { Dataset } from '../tasks/dataset';
import { type BackendInfo, backendInfo } from '../tensor/backend';
import type { Batch } from '../tensor/batch';
import type { TrainingOptions } from '../training/options';
import type { Opened } from './open';

/** Examples looked at together. */
const CHUNK = 64;

const free = (batch: Batch) => void tf.dispose(Object.values(batch));

/**
 * What a model is to say of each example of a batch, as text: the label of a class, the words of a label. Null where
 * examples have no such answer (windows of a text).
 */
async function answersOf(batch: Batch): Promise<string[] | null> {
  const { labels, targets, decoderTokens } = batch;
  const answers = labels ?? (decoderTokens && targets);
  if (!answers) return null;
  const values = await answers.data();
  const rows = answers.shape[0] ?? 0;
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width).join());
}

/**
 * A training set of one label: every method learns to say it, whatever the example, and scores are those of that.
 * @throws UserError when all examples have one answer.
 */
export async function checkLabels(train: Dataset): Promise<void> {
  if (train.size < 2) return;
  let first: string | null = null;
  for (let from = 0; from < train.size; from += CHUNK) {
    const length = Math.min(CHUNK, train.size - from);
    const batch = train.batch(Array.from({ length }, (_, i) => from + i));
    const answers = await answersOf(batch).finally(() => free(batch));
    if (answers === null) return;
    first ??= answers[0];
    if (answers.some((answer) => answer !== first)) return;
  }
  throw new UserError(
    `all ${train.size} training examples have one and the same label: there is nothing to tell apart. Look at the data and the options that choose from it`,
  );
}

/** Bytes of tensors that an eager step holds between its two passes, at least, for the first example so many times. */
function heldBytes(model: Model, train: Dataset, times: number): number {
  const batch = train.batch(new Array(times).fill(0));
  const bytes = tf.tidy(() => {
    const before = tf.memory().numBytes;
    model.loss(baseNet(model), batch);
    return tf.memory().numBytes - before;
  });
  free(batch);
  return bytes;
}

/** Bytes that tensors may take: null where nobody says (graphics memory). */
export function memoryLimit({ name, device }: Pick<BackendInfo, 'name' | 'device'>): number | null {
  if (name === 'wasm') return 2 ** 32;
  if (device !== 'CPU') return null;
  const allowed = process.constrainedMemory?.() ?? 0; // of a container; 0 or absurdly much where there is none
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;

/**
 * @param limit bytes that tensors may take, or null.
 * @throws UserError when a batch holds more than the data, or more than memory can.
 */
export function checkBatch(
  { model, train }: Pick<Opened, 'model' | 'train'>,
  { batch, recompute }: Pick<TrainingOptions, 'batch' | 'recompute'>,
  limit: number | null,
): void {
  if (train.size === 0) throw new UserError('the training set is empty: give the task examples');
  if (batch > train.size) {
    throw new UserError(
      `batch ${batch} is more than the ${train.size} training examples. Lower batch to ${train.size} or less`,
    );
  }
  if (limit === null || recompute) return;
  const first = heldBytes(model, train, 1);
  const each = heldBytes(model, train, 2) - first;
  const needed = first + (batch - 1) * each;
  if (needed <= limit) return;
  const most = Math.max(1, 1 + Math.floor((limit - first) / each));
  throw new UserError(
    `batch ${batch} needs ${gib(needed)} for its activations, and there are ${gib(limit)}. Lower batch to ${most} or less, or set recompute=true`,
  );
}

/**
 * All of it, for work that measures, attaches or trains a method on these layers.
 * @throws UserError as the single checks, and when the method's options do not fit the layers.
 */
export async function checkWork(
  task: Pick<Opened, 'model' | 'train'>,
  method: Method,
  methodOptions: unknown,
  targets: readonly LinearLayer[],
  training: TrainingOptions,
): Promise<void> {
  checkBatch(task, training, memoryLimit(backendInfo()));
  method.check(targets, methodOptions, training.steps);
  await checkLabels(task.train);
}

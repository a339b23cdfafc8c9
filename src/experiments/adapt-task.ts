/** A method on a task's model: its batches are the first of the training order, as in the papers. */
import { UserError } from '../errors';
import { type AdaptContext, adapt } from '../methods/adapt';
import { BatchMeasure, type MeasureOptions } from '../methods/measure';
import type { Adapters, Method } from '../methods/method';
import type { LinearLayer } from '../models/model';
import { batchesOf } from '../tasks/dataset';
import type { Batch } from '../tensor/batch';
import type { Random } from '../tensor/random';
import type { TrainingOptions } from '../training/options';
import type { Opened } from './open';

export interface TaskRequest extends Pick<MeasureOptions, 'onBatch'> {
  readonly task: Opened;
  readonly method: Method;
  readonly methodOptions: Readonly<Record<string, unknown>>;
  /** `gradientBatches` was set by the person, so it is not lowered silently. */
  readonly batchesAreExplicit: boolean;
  readonly targets: readonly LinearLayer[];
  readonly training: TrainingOptions;
  readonly random: Random;
}

/**
 * The batches to measure on, made anew at every call, and how many make one pass over the data.
 * @throws UserError when there are no examples, or fewer batches than a person asked for.
 */
function sourceOf({ task, training, random, methodOptions, batchesAreExplicit }: TaskRequest) {
  const { size } = task.train;
  if (size === 0) throw new UserError('the training set is empty: give the task examples');
  const pass = Math.max(1, Math.floor(size / training.batch));
  const wanted = Number(methodOptions.gradientBatches);
  if (wanted > pass && batchesAreExplicit) {
    throw new UserError(
      `gradientBatches ${wanted} is more than the data has: ${size} examples make ${pass} batches of ${training.batch}`,
    );
  }
  // the samples are used again in training
  const batches = (): Iterable<Batch> => batchesOf(task.train, training.batch, random.fork('order'));
  return { batches, pass };
}

/** Measures on a task without adapting anything. Dispose the measure. @throws UserError as `adaptTask`. */
export function measureTask(request: TaskRequest): BatchMeasure {
  const { task, targets, random, onBatch } = request;
  const { batches, pass } = sourceOf(request);
  return new BatchMeasure(task.model, targets, batches, { random, pass, onBatch });
}

/** @throws UserError when the data is too little, or the method does not fit the model. */
export function adaptTask(request: TaskRequest, more: Pick<AdaptContext, 'nf4' | 'phases'> = {}): Adapters {
  const { task, method, methodOptions, targets, training, random, onBatch } = request;
  const { batches, pass } = sourceOf(request);
  const context = { random, targets, pass, onBatch, steps: training.steps, ...more };
  return adapt(task.model, method, methodOptions, batches, context);
}

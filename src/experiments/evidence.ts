/** Measures what a method needs before training: gradients, activations, and a probe of the loss. */

import { UserError } from '../errors';
import { type ActivationOptions, activationTurns } from '../methods/activations';
import { gradientTurns, probeOn } from '../methods/gradients';
import type { Evidence, Method } from '../methods/method';
import type { LinearLayer } from '../models/model';
import { inTurns } from '../processes/turns';
import { batchesOf } from '../tasks/dataset';
import type { Batch } from '../tensor/batch';
import type { Random } from '../tensor/random';
import type { TrainingOptions } from '../training/options';
import type { Opened } from './open';

export interface EvidenceRequest {
  readonly method: Method;
  readonly methodOptions: Readonly<Record<string, unknown>>;
  /** `gradientBatches` was set by the person, so it is not lowered silently. */
  readonly batchesAreExplicit: boolean;
  readonly task: Opened;
  readonly targets: readonly LinearLayer[];
  readonly training: TrainingOptions;
  readonly random: Random;
  /** Told of every batch whose gradient was taken. */
  readonly onBatch?: (done: number, of: number) => void;
}

export interface Gathered {
  readonly evidence: Evidence;
  /** Frees the batch that the probe keeps; call it when the method is attached. */
  release(): void;
}

/** N, the batches to measure on: as asked, but no more than one pass over the data. */
function batchCount({ methodOptions, batchesAreExplicit, task, training }: EvidenceRequest): number {
  const wanted = Number(methodOptions.gradientBatches);
  const most = Math.max(1, Math.floor(task.train.size / training.batch));
  if (wanted > most && batchesAreExplicit) {
    throw new UserError(
      `gradientBatches ${wanted} is more than the data has: ${task.train.size} examples make ${most} batches of ${training.batch}`,
    );
  }
  return Math.min(wanted, most);
}

const free = (batch: Batch) => {
  for (const tensor of Object.values(batch)) tensor.dispose();
};

/** The first batches of the training order, as the papers do: the samples are used again in training. */
export async function gatherEvidence(request: EvidenceRequest): Promise<Gathered> {
  const { method, methodOptions, task, targets, training, random } = request;
  const { model } = task;
  let first: Batch | null = null;
  function* batches(count: number): Generator<Batch, void> {
    const stream = batchesOf(task.train, training.batch, random.fork('order'));
    for (let i = 0; i < count; i++) {
      const batch = stream.next().value;
      try {
        yield batch;
      } finally {
        request.onBatch?.(i + 1, count);
        if (i === 0) first = batch;
        else free(batch);
      }
    }
  }
  const release = () => first && free(first);
  const evidence: Evidence = { steps: training.steps };
  if (task.train.size === 0) throw new UserError('the training set is empty: give the task examples');
  try {
    if (method.needs.includes('activations')) {
      const pass = batches(Math.max(1, Math.floor(task.train.size / training.batch)));
      const options = methodOptions as unknown as ActivationOptions;
      const measured = activationTurns(model, targets, pass, options, random.fork('activations'));
      Object.assign(evidence, await inTurns(measured));
    }
    if (method.needs.includes('gradients')) {
      const count = batchCount(request);
      const afterBatch = method.watchGradients?.(model, targets, methodOptions);
      const estimated = gradientTurns(model, targets, batches(count), { batches: count, afterBatch });
      Object.assign(evidence, await inTurns(estimated));
    }
  } catch (error) {
    release();
    throw error;
  }
  if (first) evidence.probeLoss = probeOn(model, first);
  return { evidence, release };
}

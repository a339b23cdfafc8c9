/** Measures what a method needs before training. */
import { batchesOf } from '../data/dataset';
import type { LoadedTask } from '../data/task';
import { UserError } from '../errors';
import { estimateGradients } from '../methods/gradients';
import type { Evidence, Method } from '../methods/method';
import type { LinearLayer } from '../models/model';
import type { Random } from '../tensor/random';
import type { TrainingOptions } from '../training/options';

export interface EvidenceRequest {
  readonly method: Method;
  readonly methodOptions: Readonly<Record<string, unknown>>;
  /** Set by the person, so not to be lowered silently. */
  readonly batchesAreExplicit: boolean;
  readonly task: LoadedTask;
  readonly targets: readonly LinearLayer[];
  readonly training: TrainingOptions;
  readonly random: Random;
}

/** N, the batches to measure on: as asked, but no more than one pass over the data. */
function batchCount({ methodOptions, batchesAreExplicit, task, training }: EvidenceRequest): number {
  const wanted = Number(methodOptions.gradientBatches ?? 1);
  const most = Math.max(1, Math.floor(task.train.size / training.batch));
  if (wanted > most && batchesAreExplicit) {
    throw new UserError(
      `gradientBatches ${wanted} is more than the data has: ${task.train.size} examples make ${most} batches of ${training.batch}`,
    );
  }
  return Math.min(wanted, most);
}

/** The first N batches of the training order, as both papers do: the samples are used again in training. */
export function gatherEvidence(request: EvidenceRequest): Evidence {
  if (!request.method.needs.includes('gradients')) return {};
  const count = batchCount(request);
  const { task, training, random, targets } = request;
  const stream = batchesOf(task.train, training.batch, random.fork('order'));
  function* first() {
    for (let i = 0; i < count; i++) {
      const batch = stream.next().value;
      yield batch;
      for (const tensor of Object.values(batch)) tensor.dispose();
    }
  }
  return estimateGradients(task.model, targets, first());
}

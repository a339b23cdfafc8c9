/** The training loop. */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { Adapters } from '../methods/method';
import type { Model } from '../models/model';
import { interrupted } from '../processes/interrupt';
import type { Dataset } from '../tasks/dataset';
import { batchesOf } from '../tasks/dataset';
import type { Random } from '../tensor/random';
import { AdamW } from './adamw';
import type { TrainingOptions } from './options';
import { scheduleFactor } from './schedule';
import { trainableOf } from './step';
import { type StepMode, TrainStep } from './train-step';

export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly lr: number;
  readonly millisecondsPerStep: number;
}

/** What says that work is to stop: an AbortSignal, or several in one. */
export type Stop = Pick<AbortSignal, 'aborted'>;

export interface TrainingRun {
  readonly model: Model;
  readonly adapters: Adapters;
  readonly data: Dataset;
  readonly options: TrainingOptions;
  readonly random: Random;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Called every `evalEvery` steps. */
  readonly onEvaluate?: (step: number) => Promise<void>;
  /** Stops after the running step when aborted; so does an interrupt of the process. */
  readonly signal?: Stop;
}

export interface TrainingResult {
  readonly curve: { step: number[]; loss: number[]; lr: number[]; norm: number[] };
  readonly cancelled: boolean;
  /** Milliseconds of every step, evaluation not counted. */
  readonly stepTimes: number[];
  /** Most bytes of live tensors inside an eager step. */
  readonly peakBytes: number;
  /** Bytes that the forward pass of the first step kept for its backward pass. */
  readonly activationBytes: number;
  /** How steps ran. */
  readonly mode: StepMode;
  /** Why steps ran eagerly or in part eagerly; null when compiled as a whole. */
  readonly why: string | null;
}

/**
 * Trains the adapters (and a new head). The data order depends on the random stream alone, so every method
 * sees the same batches under one seed.
 * @throws UserError when the data set is empty or the loss is not finite.
 */
export async function train(run: TrainingRun): Promise<TrainingResult> {
  const { model, adapters, data, options } = run;
  if (data.size === 0) throw new UserError('the training set is empty');
  const optimiser = new AdamW(trainableOf(model, adapters), {
    ...options,
    rates: { B: options.loraPlusRatio, head: (options.headLr ?? options.lr) / options.lr },
  });
  const curve: TrainingResult['curve'] = { step: [], loss: [], lr: [], norm: [] };
  const stepTimes: number[] = [];
  let [peakBytes, activationBytes] = [0, 0];
  const batches = batchesOf(data, options.batch, run.random.fork('order'));
  const stepper = new TrainStep(model, adapters, optimiser, options);
  const result = (cancelled: boolean): TrainingResult => {
    const { mode, why } = stepper;
    return { curve, stepTimes, peakBytes, activationBytes, cancelled, mode, why };
  };
  try {
    for (let step = 1; step <= options.steps; step++) {
      if (run.signal?.aborted || interrupted()) return result(true);
      const started = performance.now();
      const batch = batches.next().value;
      const lr = options.lr * scheduleFactor(step, options.steps, options.warmup, options.minLr);
      const done = stepper.run(batch, step, lr);
      peakBytes = Math.max(peakBytes, done.bytes);
      if (step === 1) activationBytes = done.kept;
      const loss = (await done.loss.data())[0];
      const norm = (await done.norm.data())[0];
      tf.dispose([done.loss, done.norm, batch] as unknown as tf.TensorContainer);
      stepTimes.push(performance.now() - started);
      if (!Number.isFinite(loss)) {
        throw new UserError(`the loss is ${loss} at step ${step}: training diverged. Lower lr (now ${options.lr})`);
      }
      curve.step.push(step);
      curve.loss.push(loss);
      curve.lr.push(lr);
      curve.norm.push(norm);
      run.onProgress?.({ step, steps: options.steps, loss, lr, millisecondsPerStep: stepTimes[step - 1] });
      if (options.evalEvery > 0 && step % options.evalEvery === 0) {
        stepper.sync();
        await run.onEvaluate?.(step);
      }
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C and progress through
    }
    return result(false);
  } finally {
    stepper.dispose(); // brings the trained values back
    optimiser.dispose();
  }
}

/** The training loop, from the first batch to the best values. */
import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { Adapters, Parameter } from '../methods/method';
import type { Model } from '../models/model';
import { interrupted } from '../processes/interrupt';
import type { Dataset } from '../tasks/dataset';
import { batchesOf } from '../tasks/dataset';
import type { Random } from '../tensor/random';
import { AdamW } from './adamw';
import { forSet, type TrainingOptions } from './options';
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
  /** Called after every step; the trained values are not in their variables then. */
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Called every `evalEvery` steps. A number it gives decides about early stopping: the lower, the better. */
  readonly onEvaluate?: (step: number) => Promise<unknown>;
  /** Stops after the running step when aborted; so does an interrupt of the process. */
  readonly signal?: Stop;
}

export interface TrainingResult {
  readonly curve: { step: number[]; loss: number[]; lr: number[]; norm: number[] };
  readonly cancelled: boolean;
  /** Milliseconds of every step, evaluation not counted. */
  readonly stepTimes: number[];
  /** Most bytes of live tensors inside a step that JavaScript ran or traced. */
  readonly peakBytes: number;
  /** Bytes that the forward pass of the first step kept for its backward pass. */
  readonly activationBytes: number;
  /** How steps ran. */
  readonly mode: StepMode;
  /** Why steps ran eagerly or in part eagerly; null when compiled as a whole. */
  readonly why: string | null;
  /** The step whose values were kept; null without `patience`. */
  readonly bestStep: number | null;
}

/**
 * Trains the adapters (and a new head). The data order depends on the random stream alone, so every method
 * sees the same batches under one seed.
 * @throws UserError when the data set is empty, the loss is not finite, or the method cannot have an option.
 */
export async function train(run: TrainingRun): Promise<TrainingResult> {
  const { model, adapters, data } = run;
  if (data.size === 0) throw new UserError('the training set is empty');
  const options = forSet(run.options, data.size);
  if (options.patience !== undefined && adapters.afterStep) {
    throw new UserError(
      `${adapters.method} changes its ranks while it trains, so an earlier state cannot be kept: leave patience out`,
    );
  }
  const { steps, lr: peak, warmup, minLr, schedule, accumulate = 1, evalEvery, patience } = options;

  const parameters = trainableOf(model, adapters);
  const rates = { B: options.loraPlusRatio, head: (options.headLr ?? peak) / peak };
  const optimiser = new AdamW(parameters, { ...options, rates });
  const batches = batchesOf(data, options.batch, run.random.fork('order'));
  const one = new TrainStep(model, adapters, optimiser, options);
  const best = patience === undefined ? null : new Best(parameters, patience);

  const curve: TrainingResult['curve'] = { step: [], loss: [], lr: [], norm: [] };
  const stepTimes: number[] = [];
  let [peakBytes, activationBytes, cancelled] = [0, 0, false];
  try {
    for (let step = 1; step <= steps; step++) {
      if (run.signal?.aborted || interrupted()) {
        cancelled = true;
        break;
      }
      const started = performance.now();
      const taken = Array.from({ length: accumulate }, () => batches.next().value);
      const lr = peak * scheduleFactor(step, steps, warmup, minLr, schedule);
      const done = one.run(taken, step, lr);
      peakBytes = Math.max(peakBytes, done.bytes);
      if (step === 1) activationBytes = done.kept;
      const loss = (await done.loss.data())[0];
      const norm = (await done.norm.data())[0];
      tf.dispose([done.loss, done.norm, taken] as unknown as tf.TensorContainer);
      stepTimes.push(performance.now() - started);
      if (!Number.isFinite(loss)) {
        throw new UserError(`the loss is ${loss} at step ${step}: training diverged. Lower lr (now ${peak})`);
      }
      curve.step.push(step);
      curve.loss.push(loss);
      curve.lr.push(lr);
      curve.norm.push(norm);
      run.onProgress?.({ step, steps, loss, lr, millisecondsPerStep: stepTimes[step - 1] });

      if (evalEvery > 0 && step % evalEvery === 0) {
        one.sync();
        const score = await run.onEvaluate?.(step);
        if (best && typeof score === 'number' && best.ends(step, score)) break;
      }
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C and progress through
    }
    const { mode, why } = one;
    one.sync();
    const bestStep = best && (best.restore() ?? curve.step.length);
    return { curve, stepTimes, peakBytes, activationBytes, cancelled, mode, why, bestStep };
  } finally {
    one.dispose(); // brings the trained values back
    best?.dispose();
    optimiser.dispose();
  }
}

/** The values of the best validation so far. */
class Best {
  private score = Number.POSITIVE_INFINITY;
  private step: number | null = null;
  private values: Tensor[] = [];
  private since = 0;

  constructor(
    private readonly parameters: readonly Parameter[],
    private readonly patience: number,
  ) {}

  /** Notes a validation. @returns whether so many in a row brought nothing better. */
  ends(step: number, score: number): boolean {
    if (score < this.score) {
      tf.dispose(this.values);
      // a clone shares its memory until the next step
      this.values = this.parameters.map(({ value }) => tf.keep(tf.clone(value as Tensor)));
      [this.score, this.step, this.since] = [score, step, 0];
      return false;
    }
    this.since += 1;
    return this.since >= this.patience;
  }

  /** Gives the parameters those values. @returns the step they are of, null when nothing was validated. */
  restore(): number | null {
    this.values.forEach((value, i) => {
      this.parameters[i].value.assign(value);
    });
    return this.step;
  }

  dispose(): void {
    tf.dispose(this.values);
    this.values = [];
  }
}

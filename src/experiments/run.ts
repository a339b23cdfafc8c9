/** One run, from spec to record: load, measure, adapt, train, evaluate. */

import { Interrupted, isInterrupted, messageOf, UserError } from '../errors';
import type { Adapters } from '../methods/method';
import { findMethod } from '../methods/registry';
import { selectTargets } from '../methods/targets';
import type { LinearLayer } from '../models/model';
import { countParams, disposeModel } from '../models/params';
import { currentSignal } from '../processes/interrupt';
import { findTask } from '../tasks';
import { paddingWaste } from '../tasks/dataset';
import type { Metrics } from '../tasks/task';
import { startBackend } from '../tensor/backend';
import { Random } from '../tensor/random';
import { forSet, type TrainingOptions, trainingSchema } from '../training/options';
import { trainableOf } from '../training/step';
import { type Stop, type TrainingProgress, train } from '../training/train';
import { adaptTask } from './adapt-task';
import { checkWork } from './checks';
import { environmentOf } from './environment';
import { Meter } from './meter';
import { type Opened, openTask } from './open';
import { type Evaluation, type RunRecord, type RunSpec, recordCurve } from './record';
import { type RunRequest, recordId, resolveSpec } from './spec';

export interface RunContext {
  readonly dataDir: string;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Stops the run at its next step or batch; the record that is returned says `cancelled`. */
  readonly signal?: AbortSignal;
  /** A run that only chooses an option: it is scored on validation data, at the end, and never sees the test set. */
  readonly tuning?: boolean;
  /** Called when data and model are in memory, before anything is measured. */
  readonly onOpened?: (task: Opened) => void;
  /** Called with the trained model before it is freed, e.g. to save the adapter. */
  readonly onTrained?: (task: Opened, adapters: Adapters) => Promise<void>;
}

/** A run that failed after it started: the record was made and says why. */
export class RunFailed extends Error {
  constructor(
    readonly record: RunRecord,
    override readonly cause: unknown,
  ) {
    super(messageOf(cause));
    this.name = 'RunFailed';
  }
}

/** A run that a person stopped, by Ctrl-C or in a notebook: the record was made and says `cancelled`. */
export class RunInterrupted extends Interrupted {
  constructor(readonly record: RunRecord) {
    super(`interrupted: ${record.id} was not finished`);
  }
}

/**
 * Runs a request and returns its record.
 * @throws UserError before anything ran when the request is wrong; afterwards, with the record, RunFailed, or
 * RunInterrupted when the process was interrupted and not the context's own signal.
 */
export async function runExperiment(request: RunRequest, context: RunContext): Promise<RunRecord> {
  // kept from here on: the run must stop with the cell that called it, also when another cell runs by then
  const interrupts = currentSignal();
  const spec = resolveSpec(request);
  const backend = await startBackend();
  const meter = new Meter();
  const record = emptyRecord(spec, environmentOf(backend));
  const stop: Stop = {
    get aborted() {
      return interrupts?.aborted === true || context.signal?.aborted === true;
    },
  };
  let task: Opened | null = null;
  try {
    const random = new Random(spec.seed);
    task = await meter.time('load', () => openTask(spec, context.dataDir, random.fork('task')));
    context.onOpened?.(task);
    await runLoaded(record, request, task, random, context, stop, meter);
  } catch (error) {
    if (isInterrupted(error)) return stopped(record, meter, context);
    record.status = 'failed';
    record.error = messageOf(error);
    throw new RunFailed(finish(record, meter), error);
  } finally {
    if (task) disposeModel(task.model);
  }
  return record.status === 'cancelled' ? stopped(record, meter, context) : finish(record, meter);
}

/** The record of a run that was stopped: returned to the caller who stopped it, else thrown. */
function stopped(record: RunRecord, meter: Meter, { signal }: RunContext): RunRecord {
  record.status = 'cancelled';
  const finished = finish(record, meter);
  if (signal?.aborted) return finished;
  throw new RunInterrupted(finished);
}

/** The method on the task's model, over a float32 or an NF4 base. */
function adaptersOf(
  { spec }: RunRecord,
  request: RunRequest,
  task: Opened,
  targets: readonly LinearLayer[],
  training: TrainingOptions,
  random: Random,
  meter: Meter,
): Adapters {
  const { methodOptions } = spec;
  const batchesAreExplicit = request.set?.gradientBatches !== undefined;
  const asked = { task, method: findMethod(spec.method), methodOptions, batchesAreExplicit, targets, training, random };
  return adaptTask(asked, {
    // the model goes when the run ends, so its float32 weights need not come back
    ...(training.base === 'nf4' && { nf4: { keepOriginal: false } }),
    phases: (name, work) => meter.timeSync(name === 'measure' ? 'gradients' : 'attach', work),
  });
}

async function runLoaded(
  record: RunRecord,
  request: RunRequest,
  task: Opened,
  random: Random,
  context: RunContext,
  signal: Stop,
  meter: Meter,
): Promise<void> {
  const { spec } = record;
  const training = forSet(trainingSchema.parse(spec.training) as TrainingOptions, task.train.size);
  const targets = selectTargets(task.model, training.targets);
  await checkWork(task, findMethod(spec.method), spec.methodOptions, targets, training);
  const parameters = countParams(task.model);
  const adapters = adaptersOf(record, request, task, targets, training, random, meter);
  await new Promise((resolve) => setImmediate(resolve)); // signals that came meanwhile are heard now
  const evaluate = (step: number, split: 'validation' | 'test') =>
    meter.time('evaluate', async () => {
      const metrics = await task.evaluate(adapters.net, task[split]);
      checkFinite(metrics, split, step, training.lr);
      const entry: Evaluation = { step, split, metrics };
      record.evaluations.push(entry);
      return metrics;
    });
  try {
    const trainable = training.steps > 0 ? trainableOf(task.model, adapters) : [];
    const size = (list: typeof trainable) => list.reduce((sum, { value }) => sum + value.size, 0);
    record.model = {
      parameters,
      trainable: size(trainable),
      adapter: size(trainable.filter(({ group }) => group !== 'head')),
      layers: targets.length,
    };
    record.ranks = adapters.ranks && Object.fromEntries(adapters.ranks);
    record.importances = adapters.importances && Object.fromEntries(adapters.importances);
    const waste = paddingWaste(task.train);
    record.notes = { ...task.notes, ...(waste !== null && { paddingWaste: waste }), ...adapters.notes };
    if (!context.tuning) await evaluate(0, 'validation');
    const result = await meter.time('train', () =>
      train({
        model: task.model,
        adapters,
        data: task.train,
        options: training,
        random,
        onProgress: context.onProgress,
        onEvaluate: async (step) => {
          // the last step's is taken below, unless it is to be compared with those before
          if (step === training.steps && training.patience === undefined) return undefined;
          const metrics = await evaluate(step, 'validation');
          const { metric, higherIsBetter } = record.primary;
          return higherIsBetter ? -metrics[metric] : metrics[metric];
        },
        signal,
      }),
    );
    const { step, loss, lr } = result.curve;
    record.curve = recordCurve({ step, loss, lr });
    record.notes = {
      ...record.notes,
      stepMode: result.mode,
      ...(result.why === null ? {} : { stepModeReason: result.why }),
      ...(training.epochs !== undefined && { steps: training.steps }),
      ...(result.bestStep !== null && { bestStep: result.bestStep, stepsTaken: step.length }),
    };
    meter.steps(result.stepTimes);
    meter.stepPeak(result.peakBytes);
    meter.activations(result.activationBytes);
    if (adapters.ranks) record.ranks = Object.fromEntries(adapters.ranks); // AdaLoRA's change while training
    if (result.cancelled) {
      record.status = 'cancelled';
      return;
    }
    const last = result.bestStep ?? training.steps;
    const known = record.evaluations.some(({ step, split }) => step === last && split === 'validation' && last > 0);
    if ((training.steps > 0 || context.tuning) && !known) await evaluate(last, 'validation');
    if (!context.tuning) record.metrics = await evaluate(last, 'test');
    await context.onTrained?.(task, adapters);
    record.status = 'completed';
  } finally {
    adapters.dispose();
  }
}

/** JSON has no NaN: a record that held one could not be read again. */
function checkFinite(metrics: Metrics, split: string, step: number, lr: number): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (Number.isFinite(value)) continue;
    const why = step > 0 ? `training diverged. Lower lr (now ${lr})` : 'look at the checkpoint, the data and the init';
    throw new UserError(`${split} ${name} is ${value} at step ${step}: ${why}`);
  }
}

function emptyRecord(spec: RunSpec, environment: RunRecord['environment']): RunRecord {
  const { primary } = findTask(spec.task);
  return {
    format: 1,
    id: recordId(spec),
    status: 'failed',
    error: null,
    spec,
    startedAt: new Date().toISOString(),
    finishedAt: '',
    environment,
    model: { parameters: 0, trainable: 0, adapter: 0, layers: 0 },
    primary,
    curve: { step: [], loss: [], lr: [] },
    evaluations: [],
    metrics: {},
    ranks: null,
    importances: null,
    notes: {},
    timings: {},
    memory: {},
  };
}

function finish(record: RunRecord, meter: Meter): RunRecord {
  record.finishedAt = new Date().toISOString();
  record.timings = meter.timings();
  record.memory = meter.memory();
  return record;
}

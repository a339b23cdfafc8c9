/** One run, from spec to record: load, measure, attach, train, evaluate. */
import { Interrupted, isInterrupted, messageOf, UserError } from '../errors';
import type { Adapters } from '../methods/method';
import { attachOnNf4 } from '../methods/quantised';
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
import { type TrainingOptions, trainingSchema } from '../training/options';
import { trainableOf } from '../training/step';
import { type Stop, type TrainingProgress, train } from '../training/train';
import { checkWork } from './checks';
import { environmentOf } from './environment';
import { gatherEvidence } from './evidence';
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
  const spec = resolveSpec(request);
  const backend = await startBackend();
  const meter = new Meter();
  const record = emptyRecord(spec, environmentOf(backend));
  // kept from here on: what runs must stop with the cell that called it, also when another cell runs by then
  const interrupts = currentSignal();
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

/** Measures the evidence and attaches the method, over a float32 or an NF4 base. */
async function attach(
  { spec }: RunRecord,
  request: RunRequest,
  task: Opened,
  targets: readonly LinearLayer[],
  training: TrainingOptions,
  random: Random,
  meter: Meter,
): Promise<Adapters> {
  const method = findMethod(spec.method);
  const { evidence, release } = await meter.time('gradients', async () =>
    gatherEvidence({
      method,
      methodOptions: spec.methodOptions,
      batchesAreExplicit: request.set?.gradientBatches !== undefined,
      task,
      targets,
      training,
      random,
    }),
  );
  try {
    return await meter.time('attach', async () => {
      const all = [task.model, targets, evidence, spec.methodOptions, random.fork('method')] as const;
      // the model goes when the run ends, so its float32 weights need not come back
      return training.base === 'nf4' ? attachOnNf4(method, ...all, { keepOriginal: false }) : method.attach(...all);
    });
  } finally {
    release();
  }
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
  const training = trainingSchema.parse(spec.training) as TrainingOptions;
  const targets = selectTargets(task.model, training.targets);
  await checkWork(task, findMethod(spec.method), spec.methodOptions, targets, training);
  const parameters = countParams(task.model);
  const adapters = await attach(record, request, task, targets, training, random, meter);
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
        onEvaluate: async (step) => void (step < training.steps && (await evaluate(step, 'validation'))),
        signal,
      }),
    );
    const { step, loss, lr } = result.curve;
    record.curve = recordCurve({ step, loss, lr });
    record.notes = {
      ...record.notes,
      stepMode: result.mode,
      ...(result.why === null ? {} : { stepModeReason: result.why }),
    };
    meter.steps(result.stepTimes);
    meter.stepPeak(result.peakBytes);
    meter.activations(result.activationBytes);
    if (adapters.ranks) record.ranks = Object.fromEntries(adapters.ranks); // AdaLoRA's change while training
    if (result.cancelled) {
      record.status = 'cancelled';
      return;
    }
    if (training.steps > 0 || context.tuning) await evaluate(training.steps, 'validation');
    if (!context.tuning) record.metrics = await evaluate(training.steps, 'test');
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
    const why = step > 0 ? `training diverged. Lower lr (now ${lr})` : 'look at the checkpoint, the data and the start';
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

/** Where GoRA would put the ranks of a model on some data: measured, nothing trained. */
import { gora, goraRanks, prepareGora } from '../methods/gora';
import { adapterParameters } from '../methods/gora/allocation';
import { goraOptions, rankBounds } from '../methods/gora/options';
import { currentNames } from '../methods/method';
import { selectTargets } from '../methods/targets';
import { countParams, disposeModel } from '../models/params';
import { startBackend } from '../tensor/backend';
import { Random } from '../tensor/random';
import { type TrainingOptions, trainingSchema } from '../training/options';
import { measureTask } from './adapt-task';
import { checkWork } from './checks';
import { openTask } from './open';
import { type RunRequest, resolveSpec } from './spec';

export interface RankStudy {
  readonly task: string;
  readonly model: string;
  readonly seed: number;
  readonly rank: number;
  readonly minRank: number;
  readonly maxRank: number;
  /** Batches measured, and examples a batch. */
  readonly batches: number;
  readonly batchSize: number;
  /** Mean loss of the batches, nats. */
  readonly loss: number;
  /** Adapter parameters of LoRA at the reference rank, and of these ranks. */
  readonly budget: number;
  readonly spent: number;
  readonly parameters: number;
  /** By layer. */
  readonly ranks: Readonly<Record<string, number>>;
  readonly importances: Readonly<Record<string, number>>;
  readonly seconds: { readonly load: number; readonly measure: number };
}

export interface RankStudyContext {
  readonly dataDir: string;
  /** Told of every batch that was measured. */
  readonly onBatch?: (done: number, of: number) => void;
}

/**
 * Measures the mean gradients of every target weight and hands out the ranks as `gora` would at the start of a run of
 * the same request: same batches, same numbers.
 * @throws UserError when the request is wrong, or model and data do not fit.
 */
export async function studyRanks(request: Omit<RunRequest, 'method'>, context: RankStudyContext): Promise<RankStudy> {
  const spec = resolveSpec({ ...request, method: 'gora' });
  const options = goraOptions.parse(currentNames(gora, spec.methodOptions));
  await startBackend();
  const random = new Random(spec.seed);
  const began = performance.now();
  const task = await openTask(spec, context.dataDir, random.fork('task'));
  const loaded = performance.now();
  try {
    const training = trainingSchema.parse(spec.training) as TrainingOptions;
    const targets = selectTargets(task.model, training.targets);
    await checkWork(task, gora, spec.methodOptions, targets, training);
    const measure = measureTask({
      method: gora,
      methodOptions: spec.methodOptions,
      batchesAreExplicit: request.set?.gradientBatches !== undefined,
      task,
      targets,
      training,
      random,
      onBatch: context.onBatch,
    });
    const measured = prepareGora(measure, { ...options, adaptiveGamma: false }, { model: task.model, targets, random });
    measure.dispose();
    const { ranks, importances } = goraRanks(task.model, targets, measured, options, random.fork('method'));
    const uniform = targets.map(() => options.rank);
    return {
      task: spec.task,
      model: spec.model,
      seed: spec.seed,
      rank: options.rank,
      ...rankBounds(options),
      batches: measured.gradientBatches,
      batchSize: training.batch,
      loss: measured.loss,
      budget: adapterParameters(targets, uniform),
      spent: adapterParameters(targets, ranks),
      parameters: countParams(task.model),
      ranks: Object.fromEntries(targets.map((layer, i) => [layer.name, ranks[i]])),
      importances: Object.fromEntries(importances),
      seconds: { load: (loaded - began) / 1000, measure: (performance.now() - loaded) / 1000 },
    };
  } finally {
    disposeModel(task.model);
  }
}

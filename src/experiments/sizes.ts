/** Trainable parameters of every method on a task's model, counted by attaching it. */
import { isInterrupted, UserError } from '../errors';
import { findMethod } from '../methods/registry';
import { selectTargets } from '../methods/targets';
import { disposeModel } from '../models/params';
import { startBackend } from '../tensor/backend';
import { Random } from '../tensor/random';
import { type TrainingOptions, trainingSchema } from '../training/options';
import { trainableOf } from '../training/step';
import { gatherEvidence } from './evidence';
import { openTask } from './open';
import { resolveSpec } from './spec';

/** Parameters that train, a new head included; null with the reason where the method does not fit the model. */
export type MethodSize = { readonly method: string; readonly trainable: number | null; readonly why: string };

/** Attaches each method once, on evidence from the first batches of the training set. */
export async function methodSizes(
  taskName: string,
  methods: readonly string[],
  dataDir: string,
): Promise<MethodSize[]> {
  await startBackend();
  const random = new Random(1);
  const spec = resolveSpec({ task: taskName, method: methods[0], seed: 1 });
  const loaded = await openTask(spec, dataDir, random.fork('task'));
  const sizes: MethodSize[] = [];
  for (const name of methods) {
    const method = findMethod(name);
    const { training, methodOptions } = resolveSpec({ task: taskName, method: name, seed: 1 });
    const options = trainingSchema.parse(training) as TrainingOptions;
    const targets = selectTargets(loaded.model, options.targets);
    try {
      method.check?.(targets, methodOptions, options.steps);
      const { evidence, release } = await gatherEvidence({
        method,
        methodOptions,
        batchesAreExplicit: false,
        task: loaded,
        targets,
        training: options,
        random,
      });
      try {
        const adapters = method.attach(loaded.model, targets, evidence, methodOptions, random.fork('method'));
        const trainable = trainableOf(loaded.model, adapters).reduce((sum, { value }) => sum + value.size, 0);
        sizes.push({ method: name, trainable, why: '' });
        adapters.dispose();
      } finally {
        release();
      }
    } catch (error) {
      if (!(error instanceof UserError) || isInterrupted(error)) throw error;
      sizes.push({ method: name, trainable: null, why: error.message });
    }
  }
  disposeModel(loaded.model);
  return sizes;
}

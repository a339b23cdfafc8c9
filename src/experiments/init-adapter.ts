/**
 * The initial, untrained adapter of a method as a PEFT folder, for training in Python. Methods that leave the base alone
 * (GoRA, EVA, LoRA-One, LoRA …) need nothing else. Those that shift it (PiSSA, OLoRA, LoRA-GA) come in two forms: their
 * change against the untouched base at twice the rank, which begins at zero, or a shifted base with the plain adapter.
 */
import { resolve } from 'node:path';
import { UserError } from '../errors';
import { keepTrainedHalf, ranksInFile } from '../formats/peft-convert';
import { checkNewFolder } from '../formats/whole-folder';
import type { Adapters } from '../methods/method';
import { findMethod } from '../methods/registry';
import { selectTargets } from '../methods/targets';
import { huggingFaceForm } from '../models/hugging-face';
import { disposeModel } from '../models/params';
import { saveModel } from '../models/save';
import { startBackend } from '../tensor/backend';
import { Random } from '../tensor/random';
import { type TrainingOptions, trainingSchema } from '../training/options';
import { adaptTask } from './adapt-task';
import { type FolderOptions, writeAdapterFolder } from './adapter-folder';
import { checkWork } from './checks';
import { type InitCost, initCost } from './init-cost';
import { type Opened, openTask } from './open';
import type { RunSpec } from './record';
import { type RunRequest, resolveSpec } from './spec';

export interface InitOptions extends FolderOptions {
  readonly dataDir: string;
  /** New or empty; the adapter goes there. */
  readonly folder: string;
  /** New or empty; the shifted base goes there as a Hugging Face folder, and the adapter is the plain one over it. */
  readonly shiftedBase?: string;
  /** Told what it will take, when data and model are in memory and nothing was measured. */
  readonly onPlan?: (cost: InitCost) => void;
  /** Told of every batch that was measured. */
  readonly onBatch?: (done: number, of: number) => void;
}

export interface InitResult {
  readonly folder: string;
  readonly shiftedBase: string | null;
  readonly method: string;
  readonly model: string;
  /** By layer, as trained; the folder's are twice as high where `doubled`. */
  readonly ranks: Readonly<Record<string, number>>;
  readonly importances: Readonly<Record<string, number>> | null;
  /** The folder holds the change against the untouched base of a method that shifts it. */
  readonly doubled: boolean;
  readonly batches: number;
}

/** Most batches that will be measured on. */
function mostBatches(spec: RunSpec, task: Opened, batchSize: number): number {
  const pass = Math.max(1, Math.floor(task.train.size / batchSize));
  const asked = Number(spec.methodOptions.gradientBatches ?? Number.NaN);
  return Number.isNaN(asked) ? pass : Math.min(asked, pass);
}

/** @throws UserError when a base in 4 bits is asked for: the adapter would need the rounded base. */
function checkBase({ base }: TrainingOptions): void {
  if (base === 'float32') return;
  throw new UserError(
    `base ${base}: an initial adapter is made from the float32 weights and fits the base in any storage; leave base out`,
  );
}

/**
 * Makes the initial adapter.
 * @throws UserError when the request is wrong, model and data do not fit, a folder is there already, or a shifted base is
 * asked of a method that leaves it alone.
 */
export async function initAdapter(request: RunRequest, options: InitOptions): Promise<InitResult> {
  const { folder, shiftedBase, dataDir } = options;
  const spec = resolveSpec(request);
  const training = trainingSchema.parse(spec.training) as TrainingOptions;
  const { title, trainsBase } = findMethod(spec.method);
  if (trainsBase) throw new UserError(`${title} trains the weights themselves: there is no adapter to make`);
  checkBase(training);
  checkNewFolder(folder);
  if (shiftedBase !== undefined) {
    checkNewFolder(shiftedBase);
    const [one, other] = [resolve(folder), resolve(shiftedBase)];
    if (one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`)) {
      throw new UserError('the adapter and the shifted base need two folders, none inside the other');
    }
  }
  await startBackend();
  const random = new Random(spec.seed);
  const task = await openTask(spec, dataDir, random.fork('task'));
  let adapters: Adapters | null = null;
  try {
    const { model } = task;
    const targets = selectTargets(model, training.targets);
    const method = findMethod(spec.method);
    await checkWork(task, method, spec.methodOptions, targets, training);
    if (options.onPlan) {
      const batches = mostBatches(spec, task, training.batch);
      options.onPlan(await initCost(method, model, targets, task.train, training.batch, batches));
    }
    // as a run of the same request would at its start
    adapters = adaptTask({
      task,
      method,
      methodOptions: spec.methodOptions,
      batchesAreExplicit: request.set?.gradientBatches !== undefined,
      targets,
      training,
      random,
      onBatch: options.onBatch,
    });
    const ranks = adapters.ranks;
    let doubled = false;
    const finish = (made: string) => {
      const written = ranksInFile(made);
      doubled = [...written].some(([name, rank]) => rank === 2 * (ranks?.get(name) ?? 0));
      if (shiftedBase === undefined) return;
      if (!doubled) {
        throw new UserError(
          `${method.title} leaves the base as it is: there is no shifted base to write. Leave --shifted-base out`,
        );
      }
      keepTrainedHalf(made);
    };
    const source = { source: spec.model, found: task.folder };
    const base = options.base ?? (shiftedBase === undefined ? undefined : shiftedBase);
    await writeAdapterFolder(adapters, model, folder, source, { ...options, base }, finish);
    if (shiftedBase !== undefined) {
      const form = huggingFaceForm(model);
      try {
        await saveModel(form.model, shiftedBase, { from: task.folder || undefined });
      } finally {
        form.release();
      }
    }
    return {
      folder,
      shiftedBase: shiftedBase ?? null,
      method: spec.method,
      model: spec.model,
      ranks: Object.fromEntries(ranks ?? []),
      importances: adapters.importances && Object.fromEntries(adapters.importances),
      doubled: doubled && shiftedBase === undefined,
      batches: Number(adapters.notes.batches ?? 0),
    };
  } finally {
    adapters?.dispose();
    disposeModel(task.model);
  }
}

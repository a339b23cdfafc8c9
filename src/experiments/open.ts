/** A task and a model brought together: the one way to both, for runs, counts, studies and notebooks. */
import { UserError } from '../errors';
import type { ConfigJson } from '../models/architecture';
import { type LoadedModel, loadModel } from '../models/load';
import { disposeModel } from '../models/params';
import { findTask } from '../tasks';
import type { LoadedTask, Task } from '../tasks/task';
import type { Random } from '../tensor/random';

/** A task with its data and its model in memory. */
export interface Opened extends LoadedTask, Pick<LoadedModel, 'model' | 'tokenizer' | 'template' | 'folder'> {
  readonly config: ConfigJson;
}

export interface OpenRequest {
  readonly task: string;
  /** A name of the kit, a folder, a file, or `hf:owner/name`. */
  readonly model: string;
  readonly taskOptions: Readonly<Record<string, unknown>>;
}

/** @throws UserError when the data or the model cannot be read, or do not fit each other. */
export async function openTask(request: OpenRequest, dataDir: string, random: Random): Promise<Opened> {
  const task: Task = findTask(request.task);
  const data = await task.open(request.taskOptions, { dataDir, random });
  const { head, imageSize } = data;
  const loaded = await loadModel(request.model, { head, imageSize, dataDir, random: random.fork('new head') });
  try {
    if (!task.kinds.includes(loaded.model.kind)) {
      throw new UserError(
        `task ${task.name} wants a model of kind ${task.kinds.join(' or ')}; ${request.model} is of kind ${loaded.model.kind}`,
      );
    }
    return { ...(await data.bind(loaded)), ...loaded };
  } catch (error) {
    disposeModel(loaded.model);
    throw error;
  }
}

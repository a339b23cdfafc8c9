/** A task with its model, opened as a run opens it. */
import { type Opened, openTask } from '../../src/experiments/open';
import { findTask } from '../../src/tasks';
import type { Task } from '../../src/tasks/task';
import type { Random } from '../../src/tensor/random';

/** @param options of the task, checked by it. @param model default the task's first. */
export function openWith(
  name: string,
  options: Readonly<Record<string, unknown>>,
  random: Random,
  { dataDir = 'nowhere', model }: { dataDir?: string; model?: string } = {},
): Promise<Opened> {
  const task: Task = findTask(name);
  const taskOptions = task.options.parse(options) as Record<string, unknown>;
  return openTask({ task: name, model: model ?? task.models[0], taskOptions }, dataDir, random);
}

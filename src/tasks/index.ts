/** All tasks by name. Adding a task is adding its file and one line here. */
import { UserError } from '../errors';
import { fsdd } from './fsdd';
import { generationTasks } from './generation';
import { glueTasks } from './glue';
import { glyphs } from './glyphs';
import { gsm8k } from './gsm8k';
import { mnist } from './mnist';
import { pictureTasks } from './pictures';
import { shakespeare } from './shakespeare';
import { svamp } from './svamp';
import type { Task } from './task';
import { textTasks } from './texts';
import { understandingTasks } from './understanding';

const registry = new Map<string, Task>();

/**
 * @param replace takes the place of a task of that name: for a notebook cell that runs again.
 * @throws UserError when the name is taken.
 */
export function registerTask<O>(task: Task<O>, { replace = false } = {}): void {
  if (registry.has(task.name) && !replace) throw new UserError(`a task named "${task.name}" is registered already`);
  // options are parsed by the task's own schema before `open` sees them
  registry.set(task.name, task as Task<unknown>);
}

registerTask(shakespeare);
registerTask(fsdd);
registerTask(glyphs);
for (const task of pictureTasks) registerTask(task);
registerTask(mnist);
for (const task of understandingTasks) registerTask(task);
for (const task of textTasks) registerTask(task);
for (const task of generationTasks) registerTask(task);
registerTask(svamp);
registerTask(gsm8k);
for (const task of glueTasks) registerTask(task);

/** @throws UserError that lists the known names. */
export function findTask(name: string): Task {
  const found = registry.get(name);
  if (!found) throw new UserError(`unknown task "${name}". Tasks: ${[...registry.keys()].join(', ')}`);
  return found;
}

/** In order of registration. */
export const allTasks = (): Task[] => [...registry.values()];

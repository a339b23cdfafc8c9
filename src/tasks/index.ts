/** All tasks by name. Adding a task is adding its file and one line here. */
import { UserError } from '../errors';
import { fsdd } from './fsdd';
import { generationTasks } from './generation';
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
export function registerTask(task: Task<never>, { replace = false } = {}): void {
  if (registry.has(task.name) && !replace) throw new UserError(`a task named "${task.name}" is registered already`);
  registry.set(task.name, task as unknown as Task);
}

for (const task of [
  shakespeare,
  fsdd,
  glyphs,
  ...pictureTasks,
  mnist,
  ...understandingTasks,
  ...textTasks,
  ...generationTasks,
  svamp,
  gsm8k,
])
  registerTask(task as unknown as Task<never>);

/** @throws UserError that lists the known names. */
export function findTask(name: string): Task {
  const found = registry.get(name);
  if (!found) throw new UserError(`unknown task "${name}". Tasks: ${[...registry.keys()].join(', ')}`);
  return found;
}

/** In order of registration. */
export const allTasks = (): Task[] => [...registry.values()];

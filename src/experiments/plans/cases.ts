/** Lists of tasks as cases of a comparison. */
import { understandingSets } from '../../data/grammar/sets';
import type { Case } from '../plan';

/** Every task chooses its own learning rates. */
export const ownRates = (tasks: readonly string[]): Case[] => tasks.map((task) => ({ label: task, task }));

/** The first task's validation data chooses the learning rates of all. */
export const ratesOfFirst = (tasks: readonly string[]): Case[] =>
  ownRates(tasks).map((where, i) => (i === 0 ? where : { ...where, tunedOn: tasks[0] }));

/** The kit's understanding tasks; the first chooses the rates. */
export const UNDERSTANDING = understandingSets.map(({ name }) => name);

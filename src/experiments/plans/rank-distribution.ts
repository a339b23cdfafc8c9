/**
 * Where GoRA puts its ranks, over seeds and over the tasks of each base. Ranks are given before the first step, so
 * one step is enough.
 */
import { generationTasks } from '../../tasks/generation';
import { pictureTasks } from '../../tasks/pictures';
import type { Plan } from '../plan';
import { ownRates, UNDERSTANDING } from './cases';

const names = (tasks: readonly { readonly name: string }[]) => tasks.map(({ name }) => name);

export const rankPlans: readonly Plan[] = [
  {
    name: 'rank-distribution',
    track: 'ranks',
    title: 'Where does GoRA put its ranks? Four bases, sixteen tasks',
    task: 'glyphs',
    variants: [{ label: 'gora', method: 'gora' }],
    cases: ownRates(['glyphs', ...UNDERSTANDING, ...names(pictureTasks), ...names(generationTasks)]),
    seeds: [1, 2, 3, 4, 5],
    tuningSeed: 100,
    grid: [],
    set: { steps: 1, evalEvery: 0 },
    baseline: 'gora',
    view: { tables: ['rank-agreement'], figures: ['ranks-by-model', 'ranks'] },
    notes: ['One training step a run: the ranks are given before it, and the accuracy means nothing.'],
  },
];

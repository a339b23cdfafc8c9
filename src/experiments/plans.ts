/** The comparisons that `gora reproduce` knows. A plan is never edited once its results are committed: add another. */
import { SPEAKERS } from '../data/tasks/fsdd';
import { UserError } from '../errors';
import type { Plan, Variant } from './plan';

const four: readonly Variant[] = ['full', 'lora', 'lora-ga', 'gora'].map((method) => ({ label: method, method }));

/** GoRA's B starts away from zero, so LoRA+'s ratio is a question of its own. */
const ratios: readonly Variant[] = [
  { method: 'lora', title: 'LoRA' },
  { method: 'gora', title: 'GoRA' },
].flatMap(({ method, title }) =>
  [1, 16].map((ratio) => ({ label: `${title}, ratio ${ratio}`, method, set: { loraPlusRatio: ratio } })),
);

const METHODS = [
  ...['full', 'lora', 'rslora', 'dora', 'lora+', 'pissa', 'olora', 'eva', 'adalora', 'lora-fa', 'lora-pro', 'lora-one'],
  ...['lora-ga', 'gora', 'ls-lora'],
];
/** LoRA-FA trains B alone: twice the rank gives it LoRA's number of trainable parameters. */
const all: readonly Variant[] = METHODS.map((method) => ({
  label: method,
  method,
  set: method === 'lora-fa' ? { rank: 16 } : {},
}));

/** Two decades, five rates. */
const grid = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2];

/** Spoken digits want lower rates too. */
const digits = { grid: [1e-4, ...grid], set: { shots: 20, steps: 60, evalEvery: 0 } };

/** What all comparisons share: three seeds, a tuning seed of its own, validation only at the end. */
const common = { seeds: [1, 2, 3], grid, tuningSeed: 100, set: { evalEvery: 0 } };

export const plans: readonly Plan[] = [
  {
    ...common,
    name: 'glyphs',
    title: 'New letters in a foreign hand: test accuracy (%)',
    task: 'glyphs',
    variants: four,
    cases: [{ label: 'glyphs' }],
  },
  {
    ...common,
    name: 'methods-glyphs',
    title: 'All methods on new letters: test accuracy (%)',
    task: 'glyphs',
    variants: all,
    cases: [{ label: 'glyphs' }],
  },
  {
    ...common,
    ...digits,
    name: 'fsdd-loso',
    title: 'KWT-1 → spoken digits of an unseen speaker, 20 clips a digit: test accuracy (%)',
    task: 'fsdd-loso',
    variants: four,
    // the fold of yweweler validates on george, that of george on jackson: no speaker chooses its own rates
    cases: SPEAKERS.map((speaker) => ({
      label: speaker,
      set: { speaker },
      tunedOn: speaker === 'george' ? 'george' : 'yweweler',
    })),
  },
  {
    ...common,
    ...digits,
    name: 'methods-fsdd',
    title: 'All methods on spoken digits of an unseen speaker: test accuracy (%)',
    task: 'fsdd-loso',
    variants: all,
    cases: [{ label: 'george', set: { speaker: 'george' } }],
  },
  {
    ...common,
    name: 'shakespeare',
    title: 'stories260K → tinyshakespeare: test loss at equal steps and batch',
    task: 'shakespeare',
    variants: four,
    cases: [{ label: 'shakespeare' }],
  },
  {
    ...common,
    name: 'gora-loraplus',
    title: 'Does GoRA need LoRA+? Learning-rate ratio of B to A',
    task: 'shakespeare',
    variants: ratios,
    baseline: 'GoRA, ratio 1',
    cases: [{ label: 'shakespeare' }],
  },
];

/** A plan cut down to show that everything works: one case, one seed, two rates, few steps. */
export function quick(plan: Plan): Plan {
  return {
    ...plan,
    name: `${plan.name}-quick`,
    cases: plan.cases.slice(0, 1),
    seeds: plan.seeds.slice(0, 1),
    grid: plan.grid.slice(1, 3),
    set: { ...plan.set, steps: 10 },
  };
}

/** @throws UserError that lists the known names. */
export function findPlan(name: string): Plan {
  const found = plans.find((plan) => plan.name === name);
  if (!found) throw new UserError(`unknown comparison "${name}". Comparisons: ${plans.map((p) => p.name).join(', ')}`);
  return found;
}

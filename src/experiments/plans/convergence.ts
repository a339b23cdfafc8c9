/** How soon methods reach LoRA's final loss, each at its own best rate. The runs of the first comparisons are shared. */
import type { Plan } from '../plan';

/** Two decades, five rates, as in the first comparisons. */
const grid = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2];

const common = {
  grid,
  seeds: [1, 2, 3, 4, 5],
  tuningSeed: 100,
  set: { evalEvery: 0 },
  track: 'convergence',
  view: { tables: ['convergence', 'methods', 'learning-rates'], figures: ['convergence-curves', 'metric'] },
} as const;

const named = (methods: readonly string[]) => methods.map((method) => ({ label: method, method }));

export const convergencePlans: readonly Plan[] = [
  {
    ...common,
    name: 'convergence',
    title: 'Steps to LoRA’s final loss on new letters, tuned learning rates',
    task: 'glyphs',
    variants: named(['full', 'lora', 'rslora', 'lora+', 'pissa', 'lora-ga', 'gora']),
    cases: [{ label: 'glyphs' }],
    notes: [
      'LoRA-GA’s two to four times as fast does not hold here: it reaches LoRA’s last loss in one run of five, GoRA in all, 1.14 times as fast.',
    ],
  },
  {
    ...common,
    name: 'convergence-text',
    title: 'Steps to LoRA’s final loss on tinyshakespeare, tuned learning rates',
    task: 'shakespeare',
    variants: named(['full', 'lora', 'lora-ga', 'gora']),
    cases: [{ label: 'shakespeare' }],
    notes: [
      'LoRA-GA’s two to four times as fast does not hold here: it reaches LoRA’s last loss in one run of five, GoRA in none; full fine-tuning is 1.54 times as fast.',
    ],
  },
];

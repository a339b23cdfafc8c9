/**
 * What each part of LoRA-GA does, on `glyphs` and the understanding tasks. +SO is the stable scale with α/√r, +GA the
 * gradient's directions; without them the directions are Gaussian and the scale is α/r, and the start is subtracted
 * from the base all the same.
 */
import type { Plan, Variant } from '../plan';
import { ratesOfFirst, UNDERSTANDING } from './cases';

/** Two decades, five rates, as in the first comparisons. */
const grid = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2];

const common = {
  task: 'glyphs',
  cases: [{ label: 'glyphs' }],
  seeds: [1, 2, 3, 4, 5],
  tuningSeed: 100,
  set: { evalEvery: 0 },
} as const;

/** LoRA-GA's rate of the comparison `glyphs`. */
const fixed = { ...common, grid: [], set: { ...common.set, lr: 1e-3 } } as const;

const ga = (label: string, set: Variant['set'] = {}): Variant => ({ label, method: 'lora-ga', set });

const plain = { scale: 'unit', rankStabilised: false };

const parts: readonly Variant[] = [
  { label: 'lora', method: 'lora' },
  ga('Gaussian', { direction: 'gaussian', ...plain }),
  ga('Gaussian + SO', { direction: 'gaussian' }),
  ga('Gradient (GA)', plain),
  ga('lora-ga'),
];

export const loraGaAblations: readonly Plan[] = [
  {
    ...common,
    grid,
    name: 'lora-ga-parts',
    track: 'lora-ga',
    title: 'LoRA-GA: stable scale and gradient directions apart. Test accuracy (%) on new letters, tuned rates',
    variants: parts,
    notes: ['The paper’s gain from each part and most from both does not show here: no variant is better than LoRA.'],
  },
  {
    ...common,
    grid,
    task: 'nli',
    cases: ratesOfFirst(UNDERSTANDING),
    name: 'lora-ga-parts-understanding',
    track: 'lora-ga',
    title:
      'LoRA-GA: stable scale and gradient directions apart. Test accuracy (%) on five understanding tasks, tuned rates',
    variants: parts,
    notes: [
      'Each part alone is better than LoRA, as the paper says; against the paper both together are not better than either: the gradient’s directions add nothing to the stable scale.',
    ],
  },
  {
    ...fixed,
    name: 'lora-ga-directions',
    track: 'lora-ga',
    title: 'LoRA-GA: which singular vectors? Test accuracy (%) on new letters, learning rate 0.001',
    variants: [
      ga('ArB2r'),
      ga('A2rBr', { direction: 'A2rBr' }),
      ga('ArBr', { direction: 'ArBr' }),
      ga('random halves', { direction: 'random' }),
    ],
    baseline: 'ArB2r',
    notes: ['As the theorem says, the choices are alike: no difference shows.'],
  },
  {
    ...fixed,
    name: 'lora-ga-batches',
    track: 'lora-ga',
    title: 'LoRA-GA: how many gradient batches? Test accuracy (%) on new letters, learning rate 0.001',
    // 60 batches are the whole training set
    variants: [1, 4, 8, 16, 32, 60].map((n) => ga(`N = ${n}`, n === 8 ? {} : { gradientBatches: n })),
    baseline: 'N = 1',
    notes: ['The means tend to rise with N, but no difference survives the correction.'],
  },
  {
    ...common,
    grid: [],
    name: 'learning-rates',
    track: 'lora-ga',
    title: 'Which method forgives a wrong learning rate? Test accuracy (%) on new letters',
    variants: ['full', 'lora', 'lora-ga', 'gora'].map((method) => ({ label: method, method })),
    cases: grid.map((lr) => ({ label: `lr ${lr}`, set: { lr } })),
    notes: [
      'GoRA and LoRA-GA are ahead of LoRA at low rates and fall sooner at high ones: their best rates are a third and a tenth of LoRA’s.',
    ],
    view: { tables: ['methods', 'convergence'], figures: ['learning-rate-curves'] },
  },
];

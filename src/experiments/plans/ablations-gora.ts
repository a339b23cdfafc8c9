/**
 * What each part of GoRA does, on `glyphs` and a few on `shakespeare` and the understanding tasks. Variants that change
 * the step's size or the parameters tune their own rate on the grid of the first comparisons, whose runs they share; the
 * others keep the rate that GoRA was given there, which their titles name. On text nothing is tuned anew.
 */
import type { ImportanceMetric } from '../../methods/gora/importance';
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

/** GoRA's rate of the comparison `glyphs`. */
const fixed = { ...common, grid: [], set: { ...common.set, lr: 3e-3 } } as const;

/** The same on text, at the rate that LoRA and GoRA were given in the comparison `shakespeare`. */
const text = {
  ...fixed,
  task: 'shakespeare',
  cases: [{ label: 'shakespeare' }],
  set: { ...common.set, lr: 1e-2 },
} as const;

const gora = (label: string, set: Variant['set'] = {}): Variant => ({ label, method: 'gora', set });

const ranges: readonly Variant[] = [
  gora('ranks 8–8', { minRank: 8, maxRank: 8 }),
  gora('ranks 6–15', { minRank: 6, maxRank: 15 }),
  gora('ranks 4–32'),
];

const gammas: readonly Variant[] = [
  gora('γ = 0', { gamma: 0 }),
  gora('γ = 0.03', { gamma: 0.03 }),
  gora('γ = 0.05'),
  gora('γ = 0.08', { gamma: 0.08 }),
  gora('γ adaptive', { adaptiveGamma: true }),
];

/** The paper's three first. The entropy falls below 0, so it needs softmax shares. */
const METRICS: readonly ImportanceMetric[] = [
  'union-mean',
  'grad-nuclear',
  'union-nuclear',
  'union-frobenius',
  'union-row-norm',
  'union-nuclear-estimate',
  'grad-nuclear-estimate',
  'grad-frobenius',
  'grad-mean',
  'grad-entropy',
  'grad-effective-rank',
  'union-mean+grad-nuclear',
  'union-mean+union-nuclear',
  'grad-mean+grad-nuclear',
];

const metrics: readonly Variant[] = METRICS.map((importance) =>
  gora(importance, {
    ...(importance === 'union-mean' ? {} : { importance }),
    ...(importance === 'grad-entropy' ? { share: 'softmax' } : {}),
  }),
);

/** 60 batches are the whole training set of `glyphs`. */
const batches: readonly Variant[] = [
  ...[1, 4, 8, 16, 32, 60].map((n) => gora(`N = ${n}`, n === 32 ? {} : { gradientBatches: n })),
  gora('N adaptive', { adaptiveBatches: true, gradientBatches: 60 }),
];

const parts: readonly Variant[] = [
  { label: 'lora', method: 'lora' },
  { label: 'Neither: rsLoRA', method: 'rslora' },
  { label: 'Allocation alone', method: 'ls-lora' },
  gora('Initialisation alone', { allocation: 'uniform' }),
  gora('gora'),
];

const RANKS = [8, 32, 64];
/** 64 is the full rank of every matrix of `glyphs-vit`; GoRA's own ranks are cut there. */
const references: readonly Variant[] = [
  { label: 'full', method: 'full' },
  ...RANKS.map((rank) => ({ label: `LoRA, rank ${rank}`, method: 'lora', set: rank === 8 ? {} : { rank } })),
  ...RANKS.map((rank) => gora(`GoRA, rank ${rank}`, rank === 8 ? {} : { rank })),
];

const nf4 = { base: 'nf4' };
const quantised: readonly Variant[] = [
  { label: 'lora', method: 'lora' },
  { label: 'qlora', method: 'lora', set: nf4 },
  { label: 'lora-ga', method: 'lora-ga' },
  { label: 'LoRA-GA, NF4', method: 'lora-ga', set: nf4 },
  gora('gora'),
  gora('qgora', nf4),
];

export const goraAblations: readonly Plan[] = [
  {
    ...fixed,
    name: 'gora-ranks',
    published: 'gora-ranks',
    track: 'gora',
    title: 'GoRA: does a wider range of ranks help? Test accuracy (%) on new letters, learning rate 0.003',
    variants: ranges,
    baseline: 'ranks 8–8',
    notes: ['The paper’s order, wider ranges better, does not show here: no range differs from equal ranks.'],
  },
  {
    ...fixed,
    name: 'gora-gamma',
    published: 'gora-gamma',
    track: 'gora',
    title: 'GoRA: how large should the start be? Test accuracy (%) on new letters, learning rate 0.003',
    variants: gammas,
    baseline: 'γ = 0',
    notes: ['The paper’s gain from γ of 0.03 to 0.08 does not show here: no start differs from γ = 0.'],
  },
  {
    ...fixed,
    name: 'gora-importance',
    published: 'gora-importance',
    track: 'gora',
    title: 'GoRA: which importance? Test accuracy (%) on new letters, learning rate 0.003',
    variants: metrics,
    baseline: 'union-mean',
    notes: [
      'The paper’s order, the mean of |W ⊙ G| ahead of both nuclear norms, does not show here: none of the thirteen others differs from it.',
    ],
  },
  {
    ...fixed,
    name: 'gora-batches',
    track: 'gora',
    title: 'GoRA: how many gradient batches? Test accuracy (%) on new letters, learning rate 0.003',
    variants: batches,
    baseline: 'N = 1',
    notes: ['One batch serves as well as the whole training set.'],
  },
  {
    ...fixed,
    name: 'gora-feature',
    track: 'gora',
    title: 'GoRA: what does a rank cost, √(in+out) or in+out? Test accuracy (%) on new letters, learning rate 0.003',
    variants: [
      gora('√(in+out)'),
      gora('in+out', { feature: 'identity' }),
      gora('in+out, rounded as the authors’ code', { feature: 'identity', rounding: 'authors' }),
      gora('log(1+in+out)', { feature: 'log1p' }),
    ],
    baseline: '√(in+out)',
  },
  {
    ...common,
    grid,
    name: 'gora-parts',
    track: 'gora',
    title: 'GoRA: allocation and initialisation apart. Test accuracy (%) on new letters, tuned learning rates',
    variants: parts,
    baseline: 'Neither: rsLoRA',
    notes: [
      'Neither part nor both differ from rsLoRA, which has the same scale: the paper’s gains do not show on this task.',
    ],
  },
  {
    ...common,
    grid,
    name: 'gora-reference-rank',
    track: 'gora',
    title: 'GoRA and LoRA at ranks 8, 32, 64 against full fine-tuning: test accuracy (%) on new letters, tuned rates',
    variants: references,
    baseline: 'full',
    notes: [
      'The paper lets a larger reference rank close the gap to full fine-tuning. Here rank 8 leaves no gap that shows.',
    ],
  },
  {
    ...common,
    grid,
    name: 'qgora',
    track: 'cost',
    title: 'What does a four-bit base cost? Test accuracy (%) on new letters, tuned learning rates',
    variants: quantised,
    baseline: 'qlora',
  },
  {
    ...common,
    grid,
    task: 'nli',
    cases: ratesOfFirst(UNDERSTANDING),
    name: 'gora-parts-understanding',
    track: 'gora',
    title: 'GoRA: allocation and initialisation apart. Test accuracy (%) on five understanding tasks, tuned rates',
    variants: parts,
    baseline: 'Neither: rsLoRA',
    notes: [
      'All that GoRA wins over LoRA here rsLoRA wins too: the scale α/√r is enough, and neither the ranks nor the start add to it. All five chose the same rate.',
    ],
  },
  {
    ...text,
    name: 'gora-ranks-text',
    track: 'gora',
    title: 'GoRA: does a wider range of ranks help? Test loss on tinyshakespeare, learning rate 0.01',
    variants: ranges,
    baseline: 'ranks 8–8',
    notes: [
      'Against the paper: the wider the range, the higher the loss. Wider ranges also leave more of the budget unspent.',
    ],
  },
  {
    ...text,
    name: 'gora-gamma-text',
    track: 'gora',
    title: 'GoRA: how large should the start be? Test loss on tinyshakespeare, learning rate 0.01',
    variants: gammas,
    baseline: 'γ = 0',
    notes: ['No start differs from γ = 0 after training.'],
  },
  {
    ...text,
    name: 'gora-parts-text',
    track: 'gora',
    title: 'GoRA: allocation and initialisation apart. Test loss on tinyshakespeare, learning rate 0.01',
    variants: parts,
    baseline: 'Neither: rsLoRA',
    notes: [
      'The allocation loses to rsLoRA, with 14 % fewer parameters; the start alone does not. Half of these parameters given back change nothing (`gora-feature-text`).',
    ],
  },
  {
    ...text,
    name: 'gora-feature-text',
    track: 'gora',
    title: 'GoRA: does it lack parameters? Test loss on tinyshakespeare, learning rate 0.01',
    variants: [{ label: 'lora', method: 'lora' }, gora('√(in+out)'), gora('in+out', { feature: 'identity' })],
    notes: ['It does not: with in+out GoRA has half of the missing parameters back and the same loss.'],
  },
];

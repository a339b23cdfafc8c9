/** The first comparisons: four methods on three tasks, all methods on two, LoRA+'s ratio. */
import { SPEAKERS } from '../../tasks/fsdd';
import type { Plan, Variant } from '../plan';

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

/** Spoken digits want lower rates too; six speakers a seed. */
const digits = { grid: [1e-4, ...grid], seeds: [1, 2, 3], set: { shots: 20, steps: 60, evalEvery: 0 } };

/** What the comparisons share: five seeds unless said, a tuning seed of its own, validation only at the end. */
const common = { seeds: [1, 2, 3, 4, 5], grid, tuningSeed: 100, set: { evalEvery: 0 } };

export const firstPlans: readonly Plan[] = [
  {
    ...common,
    name: 'glyphs',
    track: 'vision-audio',
    title: 'New letters in a foreign hand: test accuracy (%)',
    task: 'glyphs',
    variants: four,
    cases: [{ label: 'glyphs' }],
  },
  {
    ...common,
    name: 'methods-glyphs',
    track: 'vision-audio',
    title: 'All methods on new letters: test accuracy (%)',
    task: 'glyphs',
    variants: all,
    cases: [{ label: 'glyphs' }],
  },
  {
    ...common,
    ...digits,
    name: 'fsdd-loso',
    track: 'vision-audio',
    title: 'KWT-1 → spoken digits of an unseen speaker, 20 clips a digit: test accuracy (%)',
    task: 'fsdd-loso',
    variants: four,
    // the fold of yweweler validates on george, that of george on jackson: no speaker chooses its own rates
    cases: SPEAKERS.map((speaker) => ({
      label: speaker,
      set: { speaker },
      tunedOn: speaker === 'george' ? 'george' : 'yweweler',
    })),
    notes: [
      'Rates of five speakers were chosen on yweweler’s fold, which validates on george; those of george on his own, which validates on jackson: no speaker chooses its own.',
      'For five speakers full fine-tuning and LoRA-GA chose the lowest rate, 1e-4. With a grid that starts at 3e-4 they chose 3e-4, and their mean test accuracy was 86.4 and 86.9 %.',
    ],
  },
  {
    ...common,
    ...digits,
    name: 'methods-fsdd',
    track: 'vision-audio',
    title: 'All methods on spoken digits of an unseen speaker: test accuracy (%)',
    task: 'fsdd-loso',
    variants: all,
    cases: [{ label: 'george', set: { speaker: 'george' } }],
  },
  {
    ...common,
    name: 'shakespeare',
    track: 'generation',
    title: 'stories260K → tinyshakespeare: test loss at equal steps and batch',
    task: 'shakespeare',
    variants: four,
    cases: [{ label: 'shakespeare' }],
    notes: ['LoRA-GA and GoRA are behind LoRA here, significantly; GoRA spends 14 % fewer parameters of the budget.'],
  },
  {
    ...common,
    name: 'gora-loraplus',
    track: 'gora',
    title: 'Does GoRA need LoRA+? Learning-rate ratio of B to A',
    task: 'shakespeare',
    variants: ratios,
    baseline: 'GoRA, ratio 1',
    cases: [{ label: 'shakespeare' }],
    notes: ['The authors’ scripts train B at sixteen times the rate of A. Here that makes GoRA and LoRA worse.'],
  },
];

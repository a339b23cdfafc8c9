/**
 * New letters in a foreign hand: the kit's own task, for machines without real data.
 *
 * The base model knows 60 made-up letters in bright ink on clean paper. It adapts to 24 letters of another alphabet,
 * dark on bright, turned, with clutter and noise. Everything is drawn from seeds: training images depend on the run's
 * seed, validation and test images are the same for every run. The new head is fitted by a linear probe first.
 */
import { z } from 'zod';
import { FEATURES, firstGlyphs, NEW_LETTERS, newAlphabet, TOKENS } from '../data/glyphs';
import { between, FOREIGN, PLAIN } from '../data/glyphs/style';
import { Random } from '../tensor/random';
import { classificationSet, withNewHead } from './kinds/classify';
import type { Task } from './task';

const SHOTS_VALIDATION = 20;
const SHOTS_TEST = 100;
/** Validation and test images belong to the task, not to a run. */
const HELD_OUT_SEED = 2024;

const options = z.strictObject({
  shots: z.int().positive().default(80).describe('training images a letter'),
  shift: z.number().min(0).max(1).default(1).describe('from the style of pretraining (0) to the foreign one (1)'),
  probe: z.boolean().default(true).describe('fit the new head by a linear probe first'),
});

export const glyphs: Task<z.infer<typeof options>> = {
  name: 'glyphs',
  title: 'Drawn letters → new letters in a foreign hand',
  kinds: ['features'],
  models: ['glyphs-vit'],
  options,
  primary: { metric: 'accuracy', title: 'Test accuracy, new letters (%)', higherIsBetter: true },
  training: { steps: 150, batch: 32, evalEvery: 30 },
  // best of a grid on validation, seed 1; data/glyphs-vit/README.md has the grid
  learningRates: { full: 1e-3, lora: 1e-2, 'lora-ga': 1e-3, gora: 4e-3 },
  open: async (o, { random }) => {
    const alphabet = newAlphabet();
    const style = between(PLAIN, FOREIGN, o.shift);
    const draw = (stream: Random, shots: number) => {
      const { features, labels } = firstGlyphs(alphabet, style, stream, shots * NEW_LETTERS);
      return classificationSet(features, [TOKENS, FEATURES], labels);
    };
    const train = draw(random.fork('train'), o.shots);
    const validation = draw(new Random(HELD_OUT_SEED, 'glyphs/validation'), SHOTS_VALIDATION);
    const test = draw(new Random(HELD_OUT_SEED, 'glyphs/test'), SHOTS_TEST);
    const notes = { trainImages: train.size, validationImages: validation.size, testImages: test.size };
    return {
      head: { labels: NEW_LETTERS, fresh: true },
      bind: ({ model }) => withNewHead(model, { train, validation, test }, o.probe, notes),
    };
  },
};

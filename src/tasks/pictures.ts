/**
 * Seven sets of generated pictures, for machines without real data; see src/data/pictures.
 *
 * The base model knows plain shapes, counts, gratings, blobs and made-up letters, none of which is a class here.
 * Training pictures depend on the run's seed, validation and test pictures are the same for every run. The new head is
 * fitted by a linear probe first.
 */
import { z } from 'zod';
import { FEATURES, firstPictures, TOKENS, transferSets } from '../data/pictures';
import type { PictureSet } from '../data/pictures/set';
import { Random } from '../tensor/random';
import { classificationSet, withNewHead } from './kinds/classify';
import type { Task } from './task';

const VALIDATION = 400;
const TEST = 600;
/** Validation and test pictures belong to the task, not to a run. */
const HELD_OUT_SEED = 2025;

const optionsOf = (shots: number) =>
  z.strictObject({
    shots: z.int().positive().default(shots).describe('training pictures a class'),
    probe: z.boolean().default(true).describe('fit the new head by a linear probe first'),
  });

type PictureOptions = z.infer<ReturnType<typeof optionsOf>>;

/** The task of adapting the picture base to a set. */
function pictureTask(set: PictureSet, shots: number): Task<PictureOptions> {
  const classes = Object.keys(set.classes).length;
  /** As many pictures of every class, about `total` together. */
  const balanced = (total: number) => Math.round(total / classes) * classes;
  return {
    name: set.name,
    title: `Plain shapes → ${set.title.toLowerCase()}`,
    kinds: ['features'],
    models: ['pictures-vit'],
    options: optionsOf(shots),
    primary: { metric: 'accuracy', title: `Test accuracy, ${set.title.toLowerCase()} (%)`, higherIsBetter: true },
    training: { steps: 120, batch: 32, evalEvery: 30 },
    // single guesses, measured in data/pictures-vit/README.md; a comparison chooses its own from a grid
    learningRates: { full: 2e-3, lora: 1e-2, gora: 3e-3 },
    open: async (o, { random }) => {
      const draw = (stream: Random, n: number) => {
        const { features, labels } = firstPictures(set, stream, n);
        return classificationSet(features, [TOKENS, FEATURES], labels);
      };
      const train = draw(random.fork('train'), o.shots * classes);
      const validation = draw(new Random(HELD_OUT_SEED, `${set.name}/validation`), balanced(VALIDATION));
      const test = draw(new Random(HELD_OUT_SEED, `${set.name}/test`), balanced(TEST));
      const notes = {
        classes,
        trainPictures: train.size,
        validationPictures: validation.size,
        testPictures: test.size,
      };
      return {
        head: { labels: classes, fresh: true },
        bind: ({ model }) => withNewHead(model, { train, validation, test }, o.probe, notes),
      };
    },
  };
}

/** Training pictures a class by default: where full fine-tuning, LoRA and the frozen base differ. */
const SHOTS: Readonly<Record<string, number>> = {
  vehicles: 120,
  textures: 120,
  land: 80,
  signs: 40,
  aerial: 50,
  scenes: 40,
  'house-numbers': 60,
};

export const pictureTasks: readonly Task<PictureOptions>[] = transferSets.map((set) =>
  pictureTask(set, SHOTS[set.name]),
);

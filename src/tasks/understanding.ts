/**
 * Five generated understanding tasks with the shapes of MNLI, SST-2, CoLA, QNLI and MRPC, for `grammar-t5`.
 *
 * The papers' protocol: a prompt goes in, a label word comes out; training minimises the loss of the word and its end
 * mark, and the answer is the label word with the likeliest first token. There is no new head, so the frozen base is at
 * chance until a method has taught it the question. Training texts depend on the run's seed; validation and test texts
 * are the same for every run and never among the training texts.
 */
import { z } from 'zod';
import { mixed } from '../data/grammar/plain';
import { type Labelled, type UnderstandingSet, understandingSets, writeExamples } from '../data/grammar/sets';
import type { SequencePair, SequenceShape } from '../data/sequence';
import type { EncoderDecoder } from '../models/model';
import { Random } from '../tensor/random';
import { padOf, type Tokenizer } from '../tokenizers';
import { evaluateLabels, sequenceSet } from './kinds/sequences';
import { type Task, textModel } from './task';

const VALIDATION = 300;
const TEST = 600;
/** Validation and test texts belong to the task, not to a run. */
const HELD_OUT_SEED = 2024;
/** A label word and the end mark. */
const TARGET_LENGTH = 2;

/** Sizes that keep frozen base, LoRA and full fine-tuning apart; data/grammar-t5/README.md has the figures. */
interface Size {
  /** Training texts a label. */
  readonly shots: number;
  readonly steps: number;
  /** Share of easy examples, see `mixed`. */
  readonly easy: number;
}

const SIZES: Readonly<Record<string, Size>> = {
  nli: { shots: 800, steps: 200, easy: 0.6 },
  sentiment: { shots: 800, steps: 200, easy: 0.6 },
  acceptability: { shots: 800, steps: 200, easy: 0 },
  'question-sentence': { shots: 800, steps: 200, easy: 0.8 },
  paraphrase: { shots: 800, steps: 200, easy: 0.6 },
};

/** Best on validation data of `sentiment`, seed 100; data/grammar-t5/README.md has what was tried. */
const LEARNING_RATES = { full: 3e-3, lora: 1e-2, 'lora-ga': 3e-3, gora: 3e-3 };

const optionsWith = ({ shots, easy }: Size) =>
  z.strictObject({
    shots: z.int().positive().default(shots).describe('training texts a label'),
    easy: z
      .number()
      .min(0)
      .max(1)
      .default(easy)
      .describe('share of texts, also held-out ones, that surface cues decide'),
  });

/** Tokens of a prompt with its text, and of its label. */
const sequenceOf =
  (set: UnderstandingSet, tokenizer: Tokenizer) =>
  ({ text, label }: Labelled): SequencePair => ({
    input: tokenizer.encode(set.prompt(text), { eos: true }),
    target: tokenizer.encode(label, { eos: true }),
  });

/** The held-out texts of a set or mixture: the same in every run, none in both. */
export function heldOut(set: UnderstandingSet): { validation: Labelled[]; test: Labelled[] } {
  const test = writeExamples(set, new Random(HELD_OUT_SEED, `${set.name}/test`), TEST);
  const taken = new Set(test.map(({ text }) => text));
  const validation = writeExamples(set, new Random(HELD_OUT_SEED, `${set.name}/validation`), VALIDATION, taken);
  return { validation, test };
}

function understandingTask(whole: UnderstandingSet): Task<{ shots: number; easy: number }> {
  const size = SIZES[whole.name];
  return {
    name: whole.name,
    title: `${whole.title} (shape of ${whole.like})`,
    kinds: ['seq2seq'],
    models: ['grammar-t5'],
    options: optionsWith(size),
    primary: { metric: 'accuracy', title: `Test accuracy, ${whole.name} (%)`, higherIsBetter: true },
    training: { steps: size.steps, batch: 32 },
    learningRates: LEARNING_RATES,
    open: async (o, { random }) => {
      const set = mixed(whole, o.easy);
      const { validation, test } = heldOut(set);
      const taken = new Set([...validation, ...test].map(({ text }) => text));
      const train = writeExamples(set, random.fork('train'), o.shots * set.labels.length, taken);
      const notes = {
        labels: set.labels,
        trainTexts: train.length,
        validationTexts: validation.length,
        testTexts: test.length,
      };
      return {
        bind: async ({ model, tokenizer }) => {
          const own = textModel(model, tokenizer);
          const shape: SequenceShape = { inputLength: set.length, targetLength: TARGET_LENGTH, pad: padOf(own) };
          const encoded = (examples: readonly Labelled[]) => sequenceSet(examples.map(sequenceOf(set, own)), shape);
          const labels = set.labels.map((label) => own.encode(label)[0]);
          return {
            train: encoded(train),
            validation: encoded(validation),
            test: encoded(test),
            evaluate: (net, data) => evaluateLabels(model as EncoderDecoder, net, data, labels),
            notes,
          };
        },
      };
    },
  };
}

export const understandingTasks = understandingSets.map(understandingTask);

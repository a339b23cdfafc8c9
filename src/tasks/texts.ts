/**
 * Real texts for the small decoders: CoLA, TREC, subjectivity and ten intents of CLINC150.
 *
 * A text and a prompt go in, and the next token is the answer: the labels' words differ in their first token, and the
 * likeliest of those counts. Training minimises the loss of that token alone. A few training texts are drawn by the
 * run's seed, labels in turn; held-out texts are the same for every run.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CLINC_LABELS, readClinc } from '../data/corpora/clinc150';
import { COLA_LABELS, readCola } from '../data/corpora/cola';
import { type Corpus, drawInTurn, type LabelledText, splitCorpus } from '../data/corpora/corpus';
import { readSubjectivity, SUBJECTIVITY_LABELS } from '../data/corpora/subjectivity';
import { readTrec, TREC_LABELS } from '../data/corpora/trec';
import { Random } from '../tensor/random';
import { padOf } from '../tokenizers';
import { evaluatePrompted, labelTokens, promptedSet, promptTokens } from './kinds/prompted';
import { type Task, textModel } from './task';

/** Held-out texts belong to the task, not to a run. */
const HELD_OUT_SEED = 2024;
const HELD_OUT = { validation: 300, test: 500 };

interface TextTask {
  readonly name: string;
  readonly title: string;
  readonly labels: readonly string[];
  /** What comes after the text. */
  readonly prompt: string;
  read(dataDir: string): Corpus;
  /** Training texts, and tokens a text with its prompt. */
  readonly defaults: { readonly examples: number; readonly length: number; readonly steps: number };
}

const TASKS: readonly TextTask[] = [
  {
    name: 'cola',
    title: 'CoLA: acceptability of a sentence, real',
    labels: COLA_LABELS,
    prompt: 'it is',
    read: readCola,
    defaults: { examples: 2000, length: 48, steps: 150 },
  },
  {
    name: 'trec',
    title: 'TREC: what a question asks for, real',
    labels: TREC_LABELS,
    prompt: 'it is a',
    read: readTrec,
    defaults: { examples: 600, length: 48, steps: 150 },
  },
  {
    name: 'subjectivity',
    title: 'Subjectivity: plot or review, real',
    labels: SUBJECTIVITY_LABELS,
    prompt: 'it is',
    read: readSubjectivity,
    defaults: { examples: 1000, length: 72, steps: 100 },
  },
  {
    name: 'clinc150',
    title: 'CLINC150: ten intents, real',
    labels: CLINC_LABELS,
    prompt: 'it is',
    read: readClinc,
    defaults: { examples: 200, length: 48, steps: 100 },
  },
];

const optionsWith = (defaults: TextTask['defaults']) =>
  z.strictObject({
    examples: z.int().positive().default(defaults.examples).describe('training texts, labels in turn'),
    length: z.int().min(8).max(256).default(defaults.length).describe('tokens of a text with its prompt; more are cut'),
  });

function textTask(task: TextTask): Task<{ examples: number; length: number }> {
  const { name, labels, prompt, defaults } = task;
  return {
    name,
    title: task.title,
    kinds: ['causal'],
    models: ['stories260K', 'babyllama'],
    options: optionsWith(defaults),
    primary: { metric: 'accuracy', title: `Test accuracy, ${name} (%)`, higherIsBetter: true },
    training: { steps: defaults.steps, batch: 16 },
    // best of those tried on validation data of trec and subjectivity, seed 100
    learningRates: { full: 1e-3, lora: 3e-3, gora: 3e-3 },
    open: async (o, { dataDir, random }) => {
      const { pool, validation, test } = splitCorpus(
        task.read(dataDir),
        labels,
        HELD_OUT,
        new Random(HELD_OUT_SEED, name),
      );
      const train = drawInTurn(pool, labels, o.examples, random.fork('train'));
      const notes = {
        labels,
        trainTexts: train.length,
        validationTexts: validation.length,
        testTexts: test.length,
        testSha256: createHash('sha256')
          .update(test.map(({ text, label }) => `${label}\t${text}\n`).join(''))
          .digest('hex'),
      };
      return {
        bind: async ({ model, tokenizer }) => {
          const own = textModel(model, tokenizer);
          const answers = labelTokens(own, labels);
          const encoded = (texts: readonly LabelledText[]) =>
            promptedSet(
              texts.map(({ text, label }) => ({
                tokens: promptTokens(own, text, prompt, o.length),
                label: labels.indexOf(label),
              })),
              answers,
              o.length,
              padOf(own),
            );
          return {
            train: encoded(train),
            validation: encoded(validation),
            test: encoded(test),
            evaluate: (net, data) => evaluatePrompted(model, net, data, answers),
            notes,
          };
        },
      };
    },
  };
}

export const textTasks = TASKS.map(textTask);

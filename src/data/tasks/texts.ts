/**
 * Real texts for the small decoders: CoLA, TREC, subjectivity and ten intents of CLINC150.
 *
 * A text and a prompt go in, and the next token is the answer: the labels' words differ in their first token, and the
 * likeliest of those counts. Training minimises the loss of that token alone. A few training texts are drawn by the
 * run's seed, labels in turn; held-out texts are the same for every run.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { loadLlama2c, modelFile } from '../../models/load';
import { Random } from '../../tensor/random';
import { padOf } from '../../tokenizers';
import { CLINC_LABELS, readClinc } from '../corpora/clinc150';
import { COLA_LABELS, readCola } from '../corpora/cola';
import { type Corpus, drawInTurn, type LabelledText, splitCorpus } from '../corpora/corpus';
import { readSubjectivity, SUBJECTIVITY_LABELS } from '../corpora/subjectivity';
import { readTrec, TREC_LABELS } from '../corpora/trec';
import { evaluatePrompted, labelTokens, promptedSet, promptTokens } from '../prompted';
import type { Task } from '../task';
import { tokenizerOf } from './shakespeare';

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
    models: ['stories260K', 'babyllama'],
    options: optionsWith(defaults),
    primary: { metric: 'accuracy', title: `Test accuracy, ${name} (%)`, higherIsBetter: true },
    training: { steps: defaults.steps, batch: 16 },
    // best of those tried on validation data of trec and subjectivity, seed 100
    learningRates: { full: 1e-3, lora: 3e-3, gora: 3e-3 },
    load: async (o, { dataDir, model: base, random }) => {
      const path = modelFile(base, dataDir);
      const { pool, validation, test } = splitCorpus(
        task.read(dataDir),
        labels,
        HELD_OUT,
        new Random(HELD_OUT_SEED, name),
      );
      const train = drawInTurn(pool, labels, o.examples, random.fork('train'));
      const tokenizer = tokenizerOf(base, dataDir);
      const answers = labelTokens(tokenizer, labels);
      const encoded = (texts: readonly LabelledText[]) =>
        promptedSet(
          texts.map(({ text, label }) => ({
            tokens: promptTokens(tokenizer, text, prompt, o.length),
            label: labels.indexOf(label),
          })),
          answers,
          o.length,
          padOf(tokenizer),
        );
      const model = loadLlama2c(base, path);
      return {
        model,
        train: encoded(train),
        validation: encoded(validation),
        test: encoded(test),
        evaluate: (net, data) => evaluatePrompted(model, net, data, answers),
        notes: {
          labels,
          trainTexts: train.length,
          validationTexts: validation.length,
          testTexts: test.length,
          testSha256: createHash('sha256')
            .update(test.map(({ text, label }) => `${label}\t${text}\n`).join(''))
            .digest('hex'),
        },
      };
    },
  };
}

export const textTasks = TASKS.map(textTask);

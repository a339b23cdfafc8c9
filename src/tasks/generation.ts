/**
 * Three generated generation tasks for `grammar-decoder`: word problems with worked steps (the shape of GSM8K),
 * programs that are run against tests (HumanEval), and instructions whose answers a program can mark (MT-Bench).
 *
 * Training minimises the loss of the answer's tokens; the score is the share of greedy responses that pass. Training
 * exercises depend on the run's seed. Validation and test exercises are the same for every run and come from templates
 * that training never has: other words, other questions, other combinations.
 */
import { z } from 'zod';
import { type Exercise, type ExerciseKind, type Split, writeExercises } from '../data/reasoning/exercise';
import { instructions } from '../data/reasoning/instructions';
import { programs } from '../data/reasoning/programs';
import { wordProblems } from '../data/reasoning/word-problems';
import type { Decoder } from '../models/model';
import { Random } from '../tensor/random';
import { padOf, type Tokenizer } from '../tokenizers';
import { type AnsweredPrompt, type AnswerSet, answerSet, evaluateAnswers } from './kinds/answers';
import { type Task, textModel } from './task';

const VALIDATION = 150;
const TEST = 200;
/** Validation and test exercises belong to the task, not to a run. */
const HELD_OUT_SEED = 2024;

const encodedBy =
  (tokenizer: Tokenizer) =>
  ({ prompt, answer, passes }: Exercise): AnsweredPrompt => ({
    prompt: tokenizer.encode(prompt, { bos: true }),
    answer: tokenizer.encode(answer, { eos: true }),
    passes,
  });

/** Learning rates are the best of the comparison's grid on validation, seed 100; data/grammar-decoder/README.md has them. */
interface Setting {
  readonly kind: ExerciseKind;
  readonly title: string;
  readonly metric: 'accuracy' | 'passAt1';
  readonly score: string;
  readonly exercises: number;
  readonly training: Readonly<Record<string, number>>;
  readonly learningRates: Readonly<Record<string, number>>;
}

function generationTask(setting: Setting): Task<{ exercises: number }> {
  const { kind, title, metric, score } = setting;
  const options = z.strictObject({
    exercises: z.int().positive().default(setting.exercises).describe('training exercises'),
  });
  return {
    name: kind.name,
    title,
    kinds: ['causal'],
    models: ['grammar-decoder'],
    options,
    primary: { metric, title: score, higherIsBetter: true },
    training: setting.training,
    learningRates: setting.learningRates,
    open: async (o, { random }) => ({
      bind: async ({ model, tokenizer }) => {
        const own = textModel(model, tokenizer);
        const set = (stream: Random, split: Split, count: number) =>
          answerSet(writeExercises(kind, split, stream, count).map(encodedBy(own)), kind.context, padOf(own));
        return {
          train: set(random.fork('train'), 'train', o.exercises),
          validation: set(new Random(HELD_OUT_SEED, `${kind.name}/validation`), 'validation', VALIDATION),
          test: set(new Random(HELD_OUT_SEED, `${kind.name}/test`), 'test', TEST),
          evaluate: async (net, data) => {
            const { passed, loss } = await evaluateAnswers(model as Decoder, net, data as AnswerSet, own);
            return { [metric]: passed, loss };
          },
          notes: { trainExercises: o.exercises, validationExercises: VALIDATION, testExercises: TEST },
        };
      },
    }),
  };
}

export const generationTasks = [
  generationTask({
    kind: wordProblems,
    title: 'Generated language → worked word problems',
    metric: 'accuracy',
    score: 'Exact match, unseen templates (%)',
    exercises: 3000,
    training: { steps: 200, batch: 24 },
    learningRates: { full: 1e-3, lora: 1e-2, gora: 3e-3 },
  }),
  generationTask({
    kind: programs,
    title: 'Generated language → programs, run',
    metric: 'passAt1',
    score: 'Pass@1, unseen templates (%)',
    exercises: 3000,
    training: { steps: 200, batch: 24 },
    learningRates: { full: 3e-3, lora: 1e-2, gora: 1e-2 },
  }),
  generationTask({
    kind: instructions,
    title: 'Generated language → instructions, checked',
    metric: 'accuracy',
    score: 'Responses that pass, unseen templates (%)',
    exercises: 3000,
    training: { steps: 200, batch: 24 },
    learningRates: { full: 1e-3, lora: 1e-2, gora: 3e-3 },
  }),
];

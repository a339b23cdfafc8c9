/**
 * Word problems in English to equations: a story decoder learns from MAWPS and ASDiv-A and is tested on SVAMP
 * (Patel et al. 2021, MIT), whose problems are variations that simple patterns get wrong.
 *
 * A problem's numbers are the capital letters A, B, C … in a text without other capitals; the answer is the equation in
 * prefix form, `-AB`. A response passes when it is the reference equation, symbol for symbol. Adapters of this size
 * match none in a short run, so methods are compared by loss; the exact match is reported beside it.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../errors';
import { readText } from '../formats/read';
import { csvRecords, parseCsv } from '../formats/text';
import type { Decoder } from '../models/model';
import type { Tokenizer } from '../tokenizers';
import { type AnsweredPrompt, type AnswerSet, answerSet, evaluateAnswers } from './kinds/answers';
import { dataFile, type Task, textModel } from './task';

/** SVAMP's problems of the validation set, from its beginning; variations of one problem stand together. */
const VALIDATION = 257;
const FOLDER = ['svamp', 'mawps-asdiv-a_svamp'] as const;

const options = z.strictObject({
  context: z.int().min(48).max(512).default(128).describe('tokens; longer problems keep their end'),
  problems: z.int().positive().default(3138).describe('training problems'),
  tests: z.int().positive().default(500).describe('test problems, after the validation problems'),
});

interface Problem {
  readonly text: string;
  readonly equation: string;
}

const LETTERS = 'ABCDEFG';

/** `number0` → `A`. @throws UserError on a number beyond the letters. */
function withLetters(text: string, source: string): string {
  return text.replace(/number(\d+)/g, (found, index) => {
    const letter = LETTERS[Number(index)];
    if (!letter)
      throw new UserError(`${source}: ${found} is beyond the ${LETTERS.length} numbers that a problem may have`);
    return letter;
  });
}

/** Problems of one of the data set's tables. */
export function parseProblems(text: string, source: string): Problem[] {
  return csvRecords(parseCsv(text, source), source, ['Question', 'Equation']).map(({ Question, Equation }) => ({
    text: withLetters(Question.toLowerCase().replace(/\s+/g, ' ').trim(), source),
    equation: withLetters(Equation, source).replaceAll(' ', ''),
  }));
}

/** The prompt's last tokens when it is too long: the question stands at the end. */
export function encodeProblem({ text, equation }: Problem, tokenizer: Tokenizer, context: number): AnsweredPrompt {
  const answer = tokenizer.encode(equation, { eos: true });
  const words = tokenizer.encode(`${text} :`);
  return {
    prompt: [...tokenizer.encode('', { bos: true }), ...words.slice(-(context - answer.length))],
    answer,
    passes: (response) => response === equation,
  };
}

export const svamp: Task<z.infer<typeof options>> = {
  name: 'svamp',
  title: 'TinyStories decoder → equations of word problems',
  kinds: ['causal'],
  models: ['stories260K', 'babyllama'],
  options,
  primary: { metric: 'loss', title: 'Loss on SVAMP (nats a token)', higherIsBetter: false },
  training: { steps: 150, batch: 16 },
  learningRates: { full: 2e-3, gora: 4e-3 },
  open: async (o, { dataDir, random }) => {
    const read = (file: string) => {
      const source = dataFile(dataDir, ...FOLDER, file);
      const text = readText(source, 'table of word problems');
      const problems = parseProblems(text, source);
      if (problems.length === 0) throw new UserError(`${source} holds no problem: the data set is empty`);
      return { text, problems };
    };
    const [train, dev] = [read('train.csv'), read('dev.csv')];
    const chosen = random.permutation(train.problems.length).slice(0, o.problems);
    const notes = {
      dataSha256: createHash('sha256').update(train.text).update(dev.text).digest('hex'),
      trainProblems: chosen.length,
    };
    return {
      bind: async ({ model, tokenizer }) => {
        const own = textModel(model, tokenizer);
        const set = (problems: readonly Problem[]) =>
          answerSet(
            problems.map((problem) => encodeProblem(problem, own, o.context)),
            o.context,
          );
        return {
          train: set(chosen.map((i) => train.problems[i])),
          validation: set(dev.problems.slice(0, VALIDATION)),
          test: set(dev.problems.slice(VALIDATION, VALIDATION + o.tests)),
          evaluate: async (net, data) => {
            const { passed, loss } = await evaluateAnswers(model as Decoder, net, data as AnswerSet, own);
            return { exactMatch: passed, loss };
          },
          notes,
        };
      },
    };
  },
};

/**
 * Stories to grade-school mathematics: language-model loss of a small pretrained decoder on GSM8K (Cobbe et al. 2021,
 * MIT), problems with their worked answers. Models of this size solve none, so there is no accuracy.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { readText } from '../formats/read';
import { parseJsonl } from '../formats/text';
import { evaluateLanguage, type TokenStream, type WindowSet, windowSet } from './kinds/language';
import { dataFile, type Task, textModel } from './task';

/** Problems of the training file's end that validate. */
const VALIDATION = 400;

const options = z.strictObject({
  context: z.int().min(8).max(256).default(128).describe('tokens a window'),
  trainWindows: z.int().positive().default(2048).describe('training windows, spread over the training problems'),
  evalWindows: z.int().positive().default(96).describe('validation windows; the test takes twice as many'),
});

/** Question and answer of every problem, without the calculator's marks `<<…>>`. */
export function parseSolutions(text: string, source: string): string[] {
  return parseJsonl(text, source).map(({ question, answer }, i) => {
    if (typeof question !== 'string' || typeof answer !== 'string') {
      throw new UserError(`${source}:${i + 1}: expected a question and an answer, both texts`);
    }
    return `${question}\n${answer.replace(/<<[^<>]*>>/g, '')}\n\n`;
  });
}

export const gsm8k: Task<z.infer<typeof options>> = {
  name: 'gsm8k',
  title: 'TinyStories decoder → GSM8K',
  kinds: ['causal'],
  models: ['stories260K', 'babyllama'],
  options,
  primary: { metric: 'loss', title: 'Test loss (nats a token)', higherIsBetter: false },
  training: { steps: 200, batch: 16, evalEvery: 100 },
  open: async (o, { dataDir }) => {
    const files = ['train.jsonl', 'test.jsonl'].map((file) => dataFile(dataDir, 'gsm8k', file));
    const texts = files.map((file) => readText(file, 'problems of GSM8K'));
    const [train, test] = texts.map((text, i) => parseSolutions(text, files[i]));
    if (train.length <= VALIDATION || test.length === 0) {
      throw new UserError(
        `${join(dataDir, 'gsm8k')} holds too few problems: ${train.length} to train, of which ${VALIDATION} validate, and ${test.length} to test`,
      );
    }
    const notes = { dataSha256: createHash('sha256').update(texts.join('')).digest('hex') };
    return {
      bind: async ({ model, tokenizer }) => {
        const own = textModel(model, tokenizer);
        const windows = (problems: readonly string[], most: number) => {
          const part = problems.join('');
          const stream: TokenStream = { tokens: Int32Array.from(own.encode(part)), bytes: Buffer.byteLength(part) };
          return windowSet(stream, o.context, most);
        };
        return {
          train: windows(train.slice(0, -VALIDATION), o.trainWindows),
          validation: windows(train.slice(-VALIDATION), o.evalWindows),
          test: windows(test, 2 * o.evalWindows),
          evaluate: (net, data) => evaluateLanguage(model, net, data as WindowSet),
          notes,
        };
      },
    };
  },
};

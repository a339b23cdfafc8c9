/**
 * Stories to Shakespeare: a decoder pretrained on children's stories adapts to tinyshakespeare.
 * The head is pretrained and the gap is wide (4.7 nats a token before), so methods differ clearly.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { readText } from '../formats/read';
import { evaluateLanguage, type TokenStream, type WindowSet, windowSet } from './kinds/language';
import { dataFile, type Task, textModel } from './task';

const options = z.strictObject({
  context: z.int().min(8).max(256).default(128).describe('tokens a window'),
  trainWindows: z.int().positive().default(2048).describe('training windows, spread over the first 90 % of the text'),
  evalWindows: z.int().positive().default(128).describe('validation windows; the test takes twice as many'),
});

const FILE = ['tinyshakespeare', 'input.txt'] as const;

/** First 90 % train, then 5 % validation and 5 % test, cut at line ends. */
function split(text: string): string[] {
  const cut = (share: number) => text.indexOf('\n', Math.floor(text.length * share)) + 1;
  const [a, b] = [cut(0.9), cut(0.95)];
  return [text.slice(0, a), text.slice(a, b), text.slice(b)];
}

export const shakespeare: Task<z.infer<typeof options>> = {
  name: 'shakespeare',
  title: 'TinyStories decoder → tinyshakespeare',
  kinds: ['causal'],
  models: ['stories260K', 'babyllama'],
  options,
  primary: { metric: 'loss', title: 'Test loss (nats a token)', higherIsBetter: false },
  training: { steps: 300, batch: 16, evalEvery: 50 },
  open: async (o, { dataDir }) => {
    const text = readText(dataFile(dataDir, ...FILE), 'text of tinyshakespeare');
    if (text.length === 0) throw new UserError(`${join(dataDir, ...FILE)} is empty: the data set has no text`);
    const notes = { dataSha256: createHash('sha256').update(text).digest('hex') };
    return {
      bind: async ({ model, tokenizer }) => {
        const own = textModel(model, tokenizer);
        const [train, validation, test] = split(text).map(
          (part): TokenStream => ({ tokens: Int32Array.from(own.encode(part)), bytes: Buffer.byteLength(part) }),
        );
        return {
          train: windowSet(train, o.context, o.trainWindows),
          validation: windowSet(validation, o.context, o.evalWindows),
          test: windowSet(test, o.context, 2 * o.evalWindows),
          evaluate: (net, data) => evaluateLanguage(model, net, data as WindowSet),
          notes: { ...notes, trainTokens: train.tokens.length },
        };
      },
    };
  },
};

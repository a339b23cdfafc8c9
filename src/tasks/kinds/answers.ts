/** Prompts and answers for decoders: batches whose loss is on the answers alone, and marks for what is generated. */
import { UserError } from '../../errors';
import { generateBatch } from '../../models/generate';
import type { Decoder, Net } from '../../models/model';
import { endOf, type Tokenizer } from '../../tokenizers';
import { rowsToBatch } from '../batching/text';
import type { Dataset } from '../dataset';
import { evaluateTokens } from './language';

/** One prompt as token ids with its begin mark, a good answer with its end mark, and what a response must meet. */
export interface AnsweredPrompt {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
  passes(response: string): boolean;
}

export interface AnswerSet extends Dataset {
  readonly items: readonly AnsweredPrompt[];
  /** Tokens of a batch's row. */
  readonly context: number;
}

/**
 * Batches hold `tokens` and `targets` int32 [batch, context] and `weights` float32 [batch, context], 1 where the target
 * is a token of the answer.
 * @throws UserError when a prompt with its answer is longer than the context.
 */
export function answerSet(items: readonly AnsweredPrompt[], context: number, pad = 0): AnswerSet {
  for (const [i, { prompt, answer }] of items.entries()) {
    const length = prompt.length + answer.length - 1;
    if (length <= context) continue;
    throw new UserError(`prompt ${i} and its answer have ${length} tokens, more than ${context}. Raise the context`);
  }
  const rows = items.map(({ prompt, answer }) => [{ tokens: [...prompt, ...answer], prompt: prompt.length }]);
  return {
    items,
    context,
    size: items.length,
    batch: (indices) =>
      rowsToBatch(
        indices.map((i) => rows[i]),
        context,
        pad,
      ),
  };
}

/** Tokens that a response may have beyond the longest good answer. */
const SLACK = 4;
/** Rows that are generated at once. */
const TOGETHER = 128;

/** What the model says to every prompt of a set, as text. */
export async function respond(model: Decoder, net: Net, data: AnswerSet, tokenizer: Tokenizer): Promise<string[]> {
  const prompts = data.items.map((item) => item.prompt);
  // a model that never ends a response is cut off soon after the longest good answer
  const fresh = Math.max(...data.items.map((item) => item.answer.length)) + SLACK;
  const rows = await generateBatch(model, net, prompts, data.context + SLACK, endOf(tokenizer), TOGETHER, fresh);
  return rows.map((row, i) => tokenizer.decode(row.slice(prompts[i].length)).trim());
}

/**
 * Per cent of greedy responses that pass, and mean loss in nats a token of the good answers.
 * @throws UserError when the set is empty.
 */
export async function evaluateAnswers(
  model: Decoder,
  net: Net,
  data: AnswerSet,
  tokenizer: Tokenizer,
  batch = 64,
): Promise<{ passed: number; loss: number }> {
  const { loss } = await evaluateTokens(model, net, data, batch);
  const responses = await respond(model, net, data, tokenizer);
  const passed = responses.filter((response, i) => data.items[i].passes(response)).length;
  return { passed: (100 * passed) / data.size, loss };
}

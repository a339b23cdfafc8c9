/**
 * Decoders as classifiers: a text, a prompt, and the label's first token as the next one (LoRA-GA's and GoRA's way to
 * score GLUE, for decoders).
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { Model, Net } from '../../models/model';
import type { Batch } from '../../tensor/batch';
import type { Tokenizer } from '../../tokenizers';
import type { Dataset } from '../dataset';
import { scoreChoices } from './choice';

/** Tokens of a text and its prompt, and the number of its label. */
export interface PromptedExample {
  readonly tokens: readonly number[];
  readonly label: number;
}

/**
 * The token that stands for each label: its word's first one, after what all words begin with (a lone space).
 * @throws UserError when two labels share it.
 */
export function labelTokens(tokenizer: Tokenizer, labels: readonly string[]): number[] {
  const words = labels.map((label) => tokenizer.encode(label));
  let at = 0;
  while (words.every((word) => word.length > at + 1 && word[at] === words[0][at])) at += 1;
  const tokens = words.map((word) => word[at]);
  tokens.forEach((token, i) => {
    const first = tokens.indexOf(token);
    if (first < i) throw new UserError(`labels "${labels[first]}" and "${labels[i]}" begin with the same token`);
  });
  return tokens;
}

/** Begin mark, text and prompt in at most `length` tokens: the text's end goes when they are more. */
export function promptTokens(tokenizer: Tokenizer, text: string, prompt: string, length: number): number[] {
  const tail = tokenizer.encode(prompt);
  if (tail.length + 2 > length) {
    throw new UserError(
      `length ${length} has no room for the prompt of ${tail.length} tokens and a text. Raise length`,
    );
  }
  return [...tokenizer.encode(text, { bos: true }).slice(0, length - tail.length), ...tail];
}

/**
 * Batches hold `tokens`, `targets` int32 and `weights` float32 [batch, length], as decoders take them: the only target
 * is the label's token after the last token; what follows is padding, which a causal model does not see. `labels`
 * int32 [batch] and `last` int32 [batch], the place of the last token, are for the evaluation.
 */
export function promptedSet(
  examples: readonly PromptedExample[],
  answers: readonly number[],
  length: number,
  pad: number,
): Dataset {
  return {
    size: examples.length,
    batch: (indices) => {
      const shape: [number, number] = [indices.length, length];
      const tokens = new Int32Array(indices.length * length).fill(pad);
      const targets = new Int32Array(indices.length * length);
      const weights = new Float32Array(indices.length * length);
      const chosen = indices.map((i) => examples[i]);
      chosen.forEach((example, row) => {
        if (example.tokens.length > length) {
          throw new UserError(
            `text ${indices[row]} has ${example.tokens.length} tokens, more than ${length}. Raise the length`,
          );
        }
        tokens.set(example.tokens, row * length);
        const last = row * length + example.tokens.length - 1;
        targets[last] = answers[example.label];
        weights[last] = 1;
      });
      const ints = (values: number[]) => tf.tensor1d(Int32Array.from(values), 'int32');
      return {
        tokens: tf.tensor2d(tokens, shape, 'int32'),
        targets: tf.tensor2d(targets, shape, 'int32'),
        weights: tf.tensor2d(weights, shape),
        labels: ints(chosen.map(({ label }) => label)),
        last: ints(chosen.map((example) => example.tokens.length - 1)),
      };
    },
  };
}

/** Accuracy in per cent of the likeliest among the labels' tokens, and the right one's cross-entropy, nats. */
export async function evaluatePrompted(
  model: Model,
  net: Net,
  data: Dataset,
  answers: readonly number[],
  batchSize = 64,
): Promise<{ accuracy: number; loss: number }> {
  const compute = (batch: Batch) => {
    const [rows, length] = batch.tokens.shape as [number, number];
    const places = tf.add(tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(length, 'int32')), batch.last);
    const logits = tf.gather(model.logits(net, batch), tf.cast(places, 'int32')) as Tensor2D;
    return tf.logSoftmax(tf.gather(logits, tf.tensor1d(answers as number[], 'int32'), 1));
  };
  return scoreChoices(data, batchSize, compute, answers.length, async (batch) => [...(await batch.labels.data())]);
}

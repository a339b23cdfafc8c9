/** Greedy texts and label words from an encoder–decoder. */
import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { interruptible } from '../processes/interrupt';
import type { Batch } from '../tensor/batch';
import type { Net } from './model';
import type { T5 } from './t5';

/**
 * The likeliest continuation, token by token; the encoder runs once.
 * @param batch `tokens` and `tokenMask` [batch, time].
 * @param length most tokens a text.
 * @returns one list of tokens an example, without the begin and end marks.
 */
export async function generateT5(model: T5, net: Net, batch: Batch, length: number): Promise<number[][]> {
  const { pad, eos } = model.config;
  const encoded = tf.tidy(() => model.encode(net, batch));
  const count = batch.tokens.shape[0];
  const texts: number[][] = Array.from({ length: count }, () => []);
  const running = new Set(texts);
  try {
    for (let time = 1; time <= length && running.size > 0; time++) {
      interruptible();
      // texts that ended are padded: they take part in the batch, nobody reads them
      const rows = texts.map((text) => [pad, ...text, ...Array(time - 1 - text.length).fill(pad)]);
      const next = tf.tidy(() => {
        const logits = model.decode(net, encoded, tf.tensor2d(rows, [count, time], 'int32'));
        const last = tf.slice(tf.reshape(logits, [count, time, -1]), [0, time - 1, 0], [-1, 1, -1]);
        return tf.reshape(tf.argMax(last, 2), [count]);
      });
      const tokens = await next.data();
      next.dispose();
      texts.forEach((text, i) => {
        if (!running.has(text)) return;
        if (tokens[i] === eos) running.delete(text);
        else text.push(tokens[i]);
      });
    }
    return texts;
  } finally {
    encoded.states.dispose();
  }
}

/**
 * Log-probabilities of label words as the first token of the answer (LoRA-GA's and GoRA's way to score GLUE).
 * @param labels first token of each label word.
 * @param among `labels`: probabilities sum to one over the labels; `vocabulary`: over all tokens.
 * @returns [batch, labels]. Caller disposes.
 */
export function labelLogProbabilities(
  model: T5,
  net: Net,
  batch: Batch,
  labels: readonly number[],
  among: 'labels' | 'vocabulary' = 'labels',
): Tensor2D {
  return tf.tidy(() => {
    const start = tf.fill([batch.tokens.shape[0], 1], model.config.pad, 'int32') as Tensor2D;
    const logits = model.decode(net, model.encode(net, batch), start);
    const of = (x: Tensor2D) => tf.gather(x, tf.tensor1d(labels as number[], 'int32'), 1);
    return among === 'labels' ? tf.logSoftmax(of(logits)) : of(tf.logSoftmax(logits));
  });
}

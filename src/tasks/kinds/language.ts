/** Language-model data: windows over a token stream, and loss per token. */
import * as tf from '@tensorflow/tfjs';
import { perplexity } from '../../data/metrics';
import { UserError } from '../../errors';
import type { Model, Net } from '../../models/model';
import type { Dataset } from '../dataset';
import { overBatches, sumOver } from '../score';
import type { Metrics } from '../task';

/** A stretch of text as tokens; `bytes` is its length in UTF-8. */
export interface TokenStream {
  readonly tokens: Int32Array;
  readonly bytes: number;
}

/** Windows of `context` tokens, each predicting its next token; neighbours do not overlap. */
export interface WindowSet extends Dataset {
  readonly context: number;
  /** UTF-8 bytes a predicted token, on average over the stream. */
  readonly bytesPerToken: number;
}

/** @param most keep only so many windows, spread evenly over the stream. */
export function windowSet(stream: TokenStream, context: number, most = Number.POSITIVE_INFINITY): WindowSet {
  const all = Math.max(0, Math.floor((stream.tokens.length - 1) / context));
  const size = Math.min(all, most);
  const start = (index: number) => Math.floor((index * all) / size) * context;
  const gather = (indices: readonly number[], shift: number) => {
    const values = new Int32Array(indices.length * context);
    indices.forEach((index, row) => {
      const from = start(index) + shift;
      values.set(stream.tokens.subarray(from, from + context), row * context);
    });
    return tf.tensor2d(values, [indices.length, context], 'int32');
  };
  return {
    size,
    context,
    bytesPerToken: stream.bytes / stream.tokens.length,
    batch: (indices) => ({
      tokens: gather(indices, 0),
      targets: gather(indices, 1),
      weights: tf.ones([indices.length, context]),
    }),
  };
}

/**
 * Mean loss a token in nats, and bits a byte, over every window.
 * @throws UserError when the text is too short for one window.
 */
export async function evaluateLanguage(model: Model, net: Net, data: WindowSet, batch = 32): Promise<Metrics> {
  if (data.size === 0) {
    throw new UserError(
      `cannot evaluate: the text is too short for one window of ${data.context} tokens. Lower context`,
    );
  }
  let total = 0;
  await overBatches(
    data,
    batch,
    (part) => model.loss(net, part),
    ([loss], part) => {
      total += loss * part.tokens.shape[0];
    },
  );
  const loss = total / data.size;
  return { loss, bitsPerByte: loss / Math.LN2 / data.bytesPerToken };
}

/** Mean loss of the learnt tokens, nats, and its exponential. @throws UserError when the set is empty. */
export async function evaluateTokens(model: Model, net: Net, data: Dataset, batch = 16): Promise<Metrics> {
  const [nats, tokens] = await sumOver(data, batch, (part) => {
    const count = tf.sum(part.weights);
    return tf.stack([tf.mul(model.loss(net, part), count), count]);
  });
  return { loss: nats / tokens, perplexity: perplexity(nats / tokens) };
}

/** Greedy generation with a key–value cache. */
import * as tf from '@tensorflow/tfjs';
import type { Decoder, KeyValueCache } from './decoder';
import type { Net } from './model';

/**
 * Continues a prompt with the likeliest token each time.
 * @param stop token that ends the text; it is not returned.
 * @returns prompt and continuation, at most `length` tokens and no more than the model's context.
 */
export async function generateGreedy(
  model: Decoder,
  net: Net,
  prompt: readonly number[],
  length: number,
  stop?: number,
): Promise<number[]> {
  const cache: KeyValueCache = Array.from({ length: model.config.layers }, () => null);
  const tokens = [...prompt];
  const most = Math.min(length, model.config.context);
  try {
    let fresh: readonly number[] = prompt;
    while (tokens.length < most) {
      const next = tf.tidy(() => {
        const logits = model.extend(net, fresh, cache);
        return tf.argMax(tf.slice(logits, [fresh.length - 1, 0], [1, -1]), 1);
      });
      const token = (await next.data())[0];
      next.dispose();
      if (token === stop) break;
      tokens.push(token);
      fresh = [token];
    }
    return tokens;
  } finally {
    for (const entry of cache) if (entry) tf.dispose([entry.k, entry.v]);
  }
}

/** Greedy generation with a key–value cache, one prompt or many at a time. */
import type { Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { interruptible } from '../processes/interrupt';
import type { Decoder, KeyValueCache } from './decoder';
import type { Net } from './model';

/** What hides a position from attention. */
const HIDDEN = -1e9;

/** [rows · heads, 1, time] with `HIDDEN` over the padding on the left of each row; null when no row has any. */
function paddingBias(pads: readonly number[], heads: number, time: number): Tensor3D | null {
  if (pads.every((pad) => pad === 0)) return null;
  const bias = new Float32Array(pads.length * heads * time);
  pads.forEach((pad, row) => {
    for (let head = 0; head < heads; head++) {
      const from = (row * heads + head) * time;
      bias.fill(HIDDEN, from, from + pad);
    }
  });
  return tf.tensor3d(bias, [pads.length * heads, 1, time]);
}

/** Continues some prompts together, each to its own end, which none has reached. */
async function continueTogether(
  model: Decoder,
  net: Net,
  prompts: readonly (readonly number[])[],
  ends: readonly number[],
  stop: number | undefined,
): Promise<number[][]> {
  const { layers, heads } = model.config;
  const cache: KeyValueCache = Array.from({ length: layers }, () => null);
  const widest = Math.max(...prompts.map((prompt) => prompt.length));
  const longest = Math.max(...prompts.map((prompt, i) => ends[i] - prompt.length));
  const pads = prompts.map((prompt) => widest - prompt.length);
  const padding = paddingBias(pads, heads, widest + longest);
  const rows = prompts.map((prompt) => [...prompt]);
  const open = rows.map(() => true);
  try {
    let fresh: number[][] = rows.map((row, i) => [...new Array<number>(pads[i]).fill(0), ...row]);
    for (let time = widest; open.includes(true); time++) {
      interruptible();
      const next = tf.tidy(() => {
        const seen = padding && tf.slice(padding, [0, 0, 0], [-1, -1, time]);
        return tf.argMax(model.extend(net, fresh, cache, seen), 1);
      });
      const tokens = await next.data();
      next.dispose();
      rows.forEach((row, i) => {
        if (!open[i]) return;
        if (tokens[i] !== stop) row.push(tokens[i]);
        open[i] = tokens[i] !== stop && row.length < ends[i];
      });
      fresh = Array.from(tokens, (token) => [token]);
    }
    return rows;
  } finally {
    padding?.dispose();
    for (const entry of cache) if (entry) tf.dispose([entry.k, entry.v]);
  }
}

/**
 * Continues every prompt with the likeliest token each time, many rows at once; prompts may differ in length.
 * @param length most tokens of a row, its prompt among them, and no more than the model's context.
 * @param stop token that ends a row; it is not returned.
 * @param together rows that run at once.
 * @param fresh most tokens after the prompt.
 * @returns prompt and continuation of every row, each as if it had been continued alone.
 * @throws UserError when a prompt is empty.
 */
export async function generateBatch(
  model: Decoder,
  net: Net,
  prompts: readonly (readonly number[])[],
  length: number,
  stop?: number,
  together = 128,
  fresh = Number.POSITIVE_INFINITY,
): Promise<number[][]> {
  if (prompts.some((prompt) => prompt.length === 0)) throw new UserError('a prompt must have at least one token');
  const end = (prompt: readonly number[]) => Math.min(length, model.config.context, prompt.length + fresh);
  const results = prompts.map((prompt) => [...prompt]);
  // rows of like length side by side waste the least padding
  const order = [...prompts.keys()].filter((i) => prompts[i].length < end(prompts[i]));
  order.sort((a, b) => prompts[a].length - prompts[b].length || a - b);
  for (let from = 0; from < order.length; from += together) {
    const part = order.slice(from, from + together);
    const rows = await continueTogether(
      model,
      net,
      part.map((i) => prompts[i]),
      part.map((i) => end(prompts[i])),
      stop,
    );
    part.forEach((i, k) => {
      results[i] = rows[k];
    });
  }
  return results;
}

/**
 * Continues one prompt with the likeliest token each time.
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
  return (await generateBatch(model, net, [prompt], length, stop))[0];
}

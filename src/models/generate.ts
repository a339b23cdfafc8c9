/** Greedy generation: the likeliest token each time, one text or many at a time, with any model that writes. */
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { interruptible } from '../processes/interrupt';
import type { Batch } from '../tensor/batch';
import { type Jit, jit } from '../tensor/jit/jit';
import { nativeBackend } from '../tensor/jit/native';
import type { Decoder, DecoderStep, EncoderDecoder, FixedCache, KeyValueCache, Net } from './model';

/** A model in the middle of writing some texts. */
interface Writer {
  /** Logits [rows, vocabulary] after one more token a row; the first call gets what each text begins with. */
  next(tokens: readonly (readonly number[])[]): Tensor2D;
  dispose(): void;
}

/** Fewer tokens do not repay building a graph. */
const FEWEST_TOKENS = 16;
/** A cache has a multiple of so many places, so that prompts of like length share a graph. */
const PLACES = 32;

/** Rows of a decoder, each behind its padding on the left. @param most tokens that will be written. */
function decoderWriter(model: Decoder, net: Net, pads: readonly number[], most: number): Writer {
  const cache: KeyValueCache = Array.from({ length: model.blocks }, () => null);
  let steps: Steps | null = null;
  return {
    next: (tokens) => {
      const from = cache[0]?.k.shape[1] ?? 0;
      if (from > 0 && !steps && nativeBackend() && most >= FEWEST_TOKENS) {
        steps = new Steps(model, net, cache, pads, from + most);
      }
      return steps?.next(tokens) ?? model.extend(net, tokens, cache, pads);
    },
    dispose: () => {
      steps?.dispose();
      for (const entry of cache) if (entry) tf.dispose([entry.k, entry.v]);
    },
  };
}

/** Steps of one token a row as one graph for all positions: the cache has a fixed size and lives in the graph. */
class Steps {
  private readonly caches: FixedCache[];
  private readonly pads: Tensor;
  private readonly step: Jit<DecoderStep, { logits: Tensor2D }>;
  private at: number;

  /** @param prompt what the prompt left; taken over. @param places that will be filled. */
  constructor(model: Decoder, net: Net, prompt: KeyValueCache, pads: readonly number[], places: number) {
    this.at = prompt[0]?.k.shape[1] ?? 0;
    const size = Math.ceil(places / PLACES) * PLACES;
    const widened = (x: Tensor3D) =>
      tf.tidy(() =>
        tf.variable(
          tf.pad(x, [
            [0, 0],
            [0, size - this.at],
            [0, 0],
          ]),
          false,
        ),
      );
    this.caches = (prompt as NonNullable<KeyValueCache[number]>[]).map(({ k, v }) => ({
      k: widened(k),
      v: widened(v),
    }));
    for (const [b, entry] of prompt.entries()) {
      if (entry) tf.dispose([entry.k, entry.v]);
      prompt[b] = null;
    }
    this.pads = tf.keep(tf.tensor1d([...pads], 'int32')); // made inside a tidy
    this.step = jit((given) => ({ logits: model.step(net, given, this.caches) }), {
      state: this.caches.flatMap(({ k, v }) => [k, v]).map((variable) => ({ variable, hidden: true })),
    });
  }

  next(tokens: readonly (readonly number[])[]): Tensor2D {
    const at = tf.tensor1d([this.at], 'int32');
    this.at += 1;
    const given = { tokens: tf.tensor1d(tokens.flat(), 'int32'), at, pads: this.pads };
    return this.step.run(given).logits;
  }

  dispose(): void {
    this.step.dispose();
    tf.dispose([this.pads, ...this.caches.flatMap(({ k, v }) => [k, v])]);
  }
}

/** An encoder–decoder; the encoder runs once. */
function encoderDecoderWriter(model: EncoderDecoder, net: Net, batch: Batch): Writer {
  const mask = batch.tokenMask as Tensor2D;
  const states = tf.tidy(() => model.encode(net, batch).states);
  const rows: number[][] = Array.from({ length: batch.tokens.shape[0] }, () => []);
  return {
    next: (tokens) => {
      tokens.forEach((some, i) => {
        rows[i].push(...some);
      });
      const time = rows[0].length;
      const logits = model.decode(net, { states, mask }, tf.tensor2d(rows, [rows.length, time], 'int32'));
      const last = tf.slice(tf.reshape(logits, [rows.length, time, -1]), [0, time - 1, 0], [-1, 1, -1]);
      return tf.reshape(last, [rows.length, -1]);
    },
    dispose: () => states.dispose(),
  };
}

/**
 * Writes on until every row has ended.
 * @param begin what the writer is given first, rows of one length.
 * @param most tokens to write by row.
 * @param stop token that ends a row; it is not returned.
 * @returns the tokens written, row by row.
 */
async function write(
  writer: Writer,
  begin: readonly (readonly number[])[],
  most: readonly number[],
  stop: number | undefined,
): Promise<number[][]> {
  const written: number[][] = begin.map(() => []);
  const open = most.map((limit) => limit > 0);
  try {
    let fresh = begin;
    while (open.includes(true)) {
      interruptible();
      const next = tf.tidy(() => tf.argMax(writer.next(fresh), 1));
      const tokens = await next.data();
      next.dispose();
      written.forEach((row, i) => {
        if (!open[i]) return;
        if (tokens[i] !== stop) row.push(tokens[i]);
        open[i] = tokens[i] !== stop && row.length < most[i];
      });
      // rows that ended take part in the batch, nobody reads them
      fresh = Array.from(tokens, (token) => [token]);
    }
    return written;
  } finally {
    writer.dispose();
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
  const room = (prompt: readonly number[]) => Math.min(Math.min(length, model.context) - prompt.length, fresh);
  const results = prompts.map((prompt) => [...prompt]);
  // rows of like length side by side waste the least padding
  const order = [...prompts.keys()].filter((i) => room(prompts[i]) > 0);
  order.sort((a, b) => prompts[a].length - prompts[b].length || a - b);
  for (let from = 0; from < order.length; from += together) {
    const part = order.slice(from, from + together);
    const widest = Math.max(...part.map((i) => prompts[i].length));
    const pads = part.map((i) => widest - prompts[i].length);
    const begin = part.map((i, k) => [...new Array<number>(pads[k]).fill(0), ...prompts[i]]);
    const most = part.map((i) => room(prompts[i]));
    const rows = await write(decoderWriter(model, net, pads, Math.max(...most)), begin, most, stop);
    part.forEach((i, k) => {
      results[i].push(...rows[k]);
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

/**
 * What an encoder–decoder answers.
 * @param batch `tokens` and `tokenMask` [batch, time].
 * @param length most tokens a text.
 * @returns one list of tokens an example, without the begin and end marks.
 */
export function generateAnswers(
  model: EncoderDecoder,
  net: Net,
  batch: Batch,
  length: number,
  stop: number | undefined = model.eos,
): Promise<number[][]> {
  const rows = batch.tokens.shape[0];
  const begin = Array.from({ length: rows }, () => [model.start]);
  return write(encoderDecoderWriter(model, net, batch), begin, new Array<number>(rows).fill(length), stop);
}

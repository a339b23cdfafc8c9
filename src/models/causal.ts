/**
 * What every decoder shares: masks, the key–value cache, the last position's logits, and the loss. An architecture
 * brings its embedding, its blocks and its head.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../tensor/batch';
import { writeAt } from '../tensor/jit/update';
import { crossEntropy, inBlock } from './layers';
import { causalBias, leftPaddingBias, outsideBias, perHead, segmentBias } from './masks';
import type { Decoder, KeyValueCache, Net } from './model';

/** Where the tokens of a pass stand. */
export interface Places {
  readonly batch: number;
  readonly time: number;
  /** Position of the first token; above 0 with a cache. */
  readonly from: number;
  /** Padding on the left of each row; null without any. */
  readonly pads: readonly number[] | null;
}

/** Keys and values of this pass joined to those of the positions before it. */
export type Remember = (k: Tensor3D, v: Tensor3D) => { k: Tensor3D; v: Tensor3D };

export interface CausalParts {
  readonly blocks: number;
  readonly heads: number;
  readonly dim: number;
  readonly context: number;
  /** Path of a block's module: its parameters' names begin with it. */
  path(block: number): string;
  /** Tokens [batch · time] → [batch · time, dim]. `positions` int32 [batch · time] count from where a row begins. */
  embed(net: Net, tokens: Tensor1D, positions: () => Tensor1D): Tensor2D;
  /** Tensors [1, time, …] that every block reads and that depend on places alone (rotary angles). */
  tables(places: Places): Tensors;
  block(
    net: Net,
    block: number,
    x: Tensor2D,
    given: Tensors,
    bias: Tensor3D | null,
    places: Places,
    remember: Remember,
  ): Tensor2D;
  /** The last norm. */
  finish(net: Net, x: Tensor2D): Tensor2D;
  /** [n, dim] → [n, vocabulary]. */
  head(net: Net, x: Tensor2D): Tensor2D;
}

type Forward = Pick<Decoder, 'blocks' | 'heads' | 'context' | 'logits' | 'states' | 'loss' | 'extend' | 'step'>;

/** Positions of a pass: a row that begins later counts from where it begins. */
function positionsOf({ batch, time, from, pads }: Places): Tensor1D {
  const values = Int32Array.from({ length: batch * time }, (_, i) =>
    Math.max(0, from + (i % time) - (pads?.[Math.floor(i / time)] ?? 0)),
  );
  return tf.tensor1d(values, 'int32');
}

export function causal(parts: CausalParts): Forward {
  const { blocks, heads, dim } = parts;

  /** States of every position, or with a cache of the last one of each row. */
  function body(
    net: Net,
    tokens: Tensor2D,
    own: Tensor3D | null,
    past: KeyValueCache | null,
    places: Places,
  ): Tensor2D {
    const { batch, time } = places;
    const mask = time > 1 ? causalBias(time) : null;
    const bias = mask && own ? tf.add<Tensor3D>(mask, own) : (mask ?? own);
    const constants = { ...parts.tables(places), ...(bias && { bias }) };
    let x = parts.embed(net, tf.reshape(tokens, [batch * time]) as Tensor1D, () => positionsOf(places));
    for (let b = 0; b < blocks; b++) {
      const remember: Remember = (k, v) => {
        if (!past) return { k, v };
        const before = past[b];
        const joined = before ? { k: tf.concat([before.k, k], 1), v: tf.concat([before.v, v], 1) } : { k, v };
        past[b] = joined;
        return joined;
      };
      x = inBlock(net, parts.path(b), { x }, constants as Tensors, (given) =>
        parts.block(net, b, given.x as Tensor2D, given, (given.bias as Tensor3D | undefined) ?? null, places, remember),
      );
    }
    if (past && time > 1) x = tf.reshape(tf.slice(tf.reshape(x, [batch, time, dim]), [0, time - 1, 0]), [batch, dim]);
    return parts.finish(net, x);
  }

  const states: NonNullable<Decoder['states']> = (net, { tokens, segments }) => {
    const [batch, time] = tokens.shape as [number, number];
    const own = segments ? segmentBias(segments as Tensor2D, heads) : null;
    return body(net, tokens as Tensor2D, own, null, { batch, time, from: 0, pads: null });
  };
  const logits: Decoder['logits'] = (net, batch) => parts.head(net, states(net, batch));
  const flat = (x: Tensor) => tf.reshape(x, [-1]) as Tensor1D;

  return {
    blocks,
    heads,
    context: parts.context,
    states,
    logits,
    loss: (net, batch) => crossEntropy(logits(net, batch), flat(batch.targets), flat(batch.weights)),
    extend: (net, rows, cache, pads) =>
      tf.tidy(() => {
        const time = rows[0].length;
        if (cache[0] && time > 1) throw new Error('extend takes one token at a time after the prompt');
        const from = cache[0]?.k.shape[1] ?? 0;
        const old = cache.flatMap((entry) => (entry ? [entry.k, entry.v] : []));
        const tokens = tf.tensor2d(Int32Array.from(rows.flat()), [rows.length, time], 'int32');
        const padded = pads.some((pad) => pad > 0);
        const hidden = padded ? leftPaddingBias(pads, heads, from + time) : null;
        const result = parts.head(
          net,
          body(net, tokens, hidden, cache, { batch: rows.length, time, from, pads: padded ? pads : null }),
        );
        tf.dispose(old);
        for (const entry of cache) if (entry) for (const tensor of [entry.k, entry.v]) tf.keep(tensor);
        return result;
      }),
    step: (net, { tokens, at, pads }, cache) => {
      const rows = tokens.shape[0] as number;
      const size = cache[0].k.shape[1] as number;
      const bias = perHead(outsideBias(at as Tensor1D, pads as Tensor1D, size), rows, heads);
      const all = parts.tables({ batch: rows, time: size, from: 0, pads: null });
      const tables: Tensors = Object.fromEntries(
        Object.entries(all).map(([name, table]) => [name, tf.gather(table, at as Tensor1D, 1)]),
      );
      const places = { batch: rows, time: 1, from: 0, pads: null };
      let x = parts.embed(net, tokens as Tensor1D, () => tf.maximum(tf.sub(at, pads), tf.scalar(0, 'int32')));
      for (const [b, { k, v }] of cache.entries()) {
        const remember: Remember = (ownK, ownV) => {
          writeAt(k, at as Tensor1D, ownK);
          writeAt(v, at as Tensor1D, ownV);
          return { k: k as unknown as Tensor3D, v: v as unknown as Tensor3D };
        };
        x = parts.block(net, b, x, tables, bias, places, remember);
      }
      return parts.head(net, parts.finish(net, x));
    },
  };
}

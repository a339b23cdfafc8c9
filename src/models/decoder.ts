/**
 * Llama-2-style decoder (Touvron et al. 2023): RMSNorm, rotary positions, grouped-query attention, SwiGLU.
 *
 * Weights carry Hugging Face's names, `model.layers.N.self_attn.q_proj.weight` and so on, so adapters are
 * saved under the paths PEFT expects. Rotary pairs are neighbours (`interleaved`, llama2.c) or halves (Hugging Face).
 */

import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Llama2cConfig } from '../formats/llama2c';
import type { Random } from '../tensor/random';
import { attention, crossEntropy, inBlock, mergeHeads, rmsNorm, siluGate, splitHeads } from './layers';
import type { LinearLayer, Model, Net } from './model';
import { type HostTensor, makeParams, type Weights } from './params';

export interface DecoderConfig extends Llama2cConfig {
  /** How the features of a head pair up for rotation. */
  readonly rope: 'interleaved' | 'halves';
}

const EPSILON = 1e-5;
const ROPE_BASE = 10000;

function linearsOf(c: DecoderConfig): LinearLayer[] {
  const size = c.dim / c.heads;
  const shapes: [string, number, number][] = [
    ['self_attn.q_proj', c.dim, c.dim],
    ['self_attn.k_proj', c.dim, c.kvHeads * size],
    ['self_attn.v_proj', c.dim, c.kvHeads * size],
    ['self_attn.o_proj', c.dim, c.dim],
    ['mlp.gate_proj', c.dim, c.hidden],
    ['mlp.up_proj', c.dim, c.hidden],
    ['mlp.down_proj', c.hidden, c.dim],
  ];
  return Array.from({ length: c.layers }, (_, block) =>
    shapes.map(([path, fanIn, fanOut]) => {
      const name = `model.layers.${block}.${path}`;
      const type = path.split('.')[1];
      return { name, type, block, in: fanIn, out: fanOut, weight: `${name}.weight`, bias: null };
    }),
  ).flat();
}

/** Name and shape of every weight. */
export function decoderShapes(c: DecoderConfig): Record<string, number[]> {
  const shapes: Record<string, number[]> = { 'model.embed_tokens.weight': [c.vocab, c.dim] };
  for (const layer of linearsOf(c)) shapes[layer.weight] = [layer.out, layer.in];
  for (let b = 0; b < c.layers; b++) {
    shapes[`model.layers.${b}.input_layernorm.weight`] = [c.dim];
    shapes[`model.layers.${b}.post_attention_layernorm.weight`] = [c.dim];
  }
  shapes['model.norm.weight'] = [c.dim];
  if (!c.tied) shapes['lm_head.weight'] = [c.vocab, c.dim];
  return shapes;
}

/** Random weights for pretraining: N(0, 0.02²), residual outputs divided by √(2·layers) as in GPT-2. */
export function decoderInit(c: DecoderConfig, random: Random): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  for (const [name, shape] of Object.entries(decoderShapes(c))) {
    const size = shape.reduce((a, b) => a * b, 1);
    const std = /o_proj|down_proj/.test(name) ? 0.02 / Math.sqrt(2 * c.layers) : 0.02;
    const data = /norm/.test(name) ? new Float32Array(size).fill(1) : random.fork(name).normals(size, 0, std);
    weights.set(name, { shape, data });
  }
  return weights;
}

/** Cosines and sines of the rotary angles for positions `from` … `from + time − 1`: each [1, time, size/2]. */
function ropeTables(size: number, time: number, from: number): { cos: Tensor3D; sin: Tensor3D } {
  const half = size / 2;
  const angle = Array.from({ length: time * half }, (_, i) => {
    const position = from + Math.floor(i / half);
    return position / ROPE_BASE ** ((2 * (i % half)) / size);
  });
  return {
    cos: tf.tensor3d(Float32Array.from(angle, Math.cos), [1, time, half]),
    sin: tf.tensor3d(Float32Array.from(angle, Math.sin), [1, time, half]),
  };
}

/** Rotates pairs of features by their position's angle (Su et al. 2021). x [bh, time, size]. */
function rope(x: Tensor3D, cos: Tensor3D, sin: Tensor3D, style: DecoderConfig['rope']): Tensor3D {
  const [n, time, size] = x.shape;
  const half = size / 2;
  const pairs = style === 'interleaved' ? tf.reshape(x, [n, time, half, 2]) : tf.reshape(x, [n, time, 2, half]);
  const axis = style === 'interleaved' ? 3 : 2;
  const [a, b] = tf.unstack(pairs, axis) as Tensor3D[];
  const turned = [tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(a, sin), tf.mul(b, cos))];
  return tf.reshape(tf.stack(turned, axis), [n, time, size]);
}

/** [1, time, time] with −1e9 above the diagonal. */
function causalBias(time: number): Tensor3D {
  const bias = new Float32Array(time * time);
  for (let i = 0; i < time; i++) bias.fill(-1e9, i * time + i + 1, (i + 1) * time);
  return tf.tensor3d(bias, [1, time, time]);
}

/** [batch · heads, time, time] with −1e9 between tokens of different segments. segments int32 [batch, time]. */
function segmentBias(segments: Tensor2D, heads: number): Tensor3D {
  const [batch, time] = segments.shape;
  const differ = tf.notEqual(tf.reshape(segments, [batch, 1, time, 1]), tf.reshape(segments, [batch, 1, 1, time]));
  const bias = tf.mul(tf.cast(differ, 'float32'), -1e9);
  return tf.reshape(tf.tile(bias, [1, heads, 1, 1]), [batch * heads, time, time]);
}

/** Repeats each key/value head for the query heads that share it: [b·kv, t, s] → [b·heads, t, s]. */
function shareHeads(x: Tensor3D, groups: number): Tensor3D {
  if (groups === 1) return x;
  const [n, time, size] = x.shape;
  return tf.reshape(tf.tile(tf.expandDims(x, 1), [1, groups, 1, 1]), [n * groups, time, size]);
}

/** Keys and values of the positions seen so far, for generation: one pair [rows · kvHeads, time, size] a layer. */
export type KeyValueCache = ({ k: Tensor3D; v: Tensor3D } | null)[];

/** A decoder and its way to generate. */
export interface Decoder extends Model {
  readonly config: DecoderConfig & Record<string, unknown>;
  /**
   * Logits [rows, vocab] after the last of the new tokens of every row; replaces the cache's entries.
   * Rows are as long as each other: shorter prompts are padded on the left. Rotary attention depends on distances
   * alone, so a row that begins later needs no positions of its own.
   * @param padding [rows · heads, 1, cached and new positions], 0 or −1e9 where a row has padding; null without any.
   */
  extend(net: Net, rows: readonly (readonly number[])[], cache: KeyValueCache, padding: Tensor3D | null): Tensor2D;
}

/**
 * Builds the model. Batches hold `tokens` and `targets` int32 [batch, time] and `weights` float32 [batch, time]
 * (0 where the target carries no loss). With `segments` int32 [batch, time] tokens see those of their own segment alone.
 */
export function makeDecoder(name: string, c: DecoderConfig, weights: Weights, source: string): Decoder {
  const params = makeParams(weights, decoderShapes(c), source);
  const size = c.dim / c.heads;
  const scale = 1 / Math.sqrt(size);
  const groups = c.heads / c.kvHeads;

  /** Logits of every position, or with a cache of the last one of each row. */
  function body(net: Net, tokens: Tensor2D, past: KeyValueCache | null, padding: Tensor3D | null): Tensor2D {
    const [batch, time] = tokens.shape;
    const from = past?.[0]?.k.shape[1] ?? 0;
    const tables = ropeTables(size, time, from);
    const causal = time > 1 ? causalBias(time) : null;
    const bias = causal && padding ? tf.add<Tensor3D>(causal, padding) : (causal ?? padding);
    const norm = (x: Tensor2D, path: string) => rmsNorm(x, net.get(`${path}.weight`) as Tensor1D, EPSILON);
    let x = tf.gather(net.get('model.embed_tokens.weight'), tf.reshape(tokens, [batch * time])) as Tensor2D;
    type Given = { x: Tensor2D; cos: Tensor3D; sin: Tensor3D; bias?: Tensor3D };
    const block = ({ x, cos, sin, bias }: Given, b: number) => {
      const path = `model.layers.${b}`;
      const h = norm(x, `${path}.input_layernorm`);
      const q = rope(splitHeads(net.linear(`${path}.self_attn.q_proj`, h), batch, time, c.heads), cos, sin, c.rope);
      let k = rope(splitHeads(net.linear(`${path}.self_attn.k_proj`, h), batch, time, c.kvHeads), cos, sin, c.rope);
      let v = splitHeads(net.linear(`${path}.self_attn.v_proj`, h), batch, time, c.kvHeads);
      if (past) {
        const before = past[b];
        if (before) {
          k = tf.concat([before.k, k], 1);
          v = tf.concat([before.v, v], 1);
        }
        past[b] = { k, v };
      }
      const mixed = attention(q, shareHeads(k, groups), shareHeads(v, groups), scale, bias ?? null);
      const y = tf.add(x, net.linear(`${path}.self_attn.o_proj`, mergeHeads(mixed, batch, c.heads))) as Tensor2D;
      const m = norm(y, `${path}.post_attention_layernorm`);
      const gated = siluGate(net.linear(`${path}.mlp.gate_proj`, m), net.linear(`${path}.mlp.up_proj`, m));
      return tf.add(y, net.linear(`${path}.mlp.down_proj`, gated)) as Tensor2D;
    };
    const constants = { ...tables, ...(bias && { bias }) };
    for (let b = 0; b < c.layers; b++) {
      x = inBlock(net, `model.layers.${b}`, { x }, constants, (given) => block(given, b));
    }
    if (past && time > 1)
      x = tf.reshape(tf.slice(tf.reshape(x, [batch, time, c.dim]), [0, time - 1, 0]), [batch, c.dim]);
    const head = net.get(c.tied ? 'model.embed_tokens.weight' : 'lm_head.weight') as Tensor2D;
    return tf.matMul(norm(x, 'model.norm'), head, false, true);
  }

  const logits: Model['logits'] = (net, batch) => {
    const { tokens, segments } = batch;
    return body(net, tokens as Tensor2D, null, segments ? segmentBias(segments as Tensor2D, c.heads) : null);
  };
  const flat = (x: Tensor) => tf.reshape(x, [-1]) as Tensor1D;

  return {
    name,
    config: { ...c },
    params,
    linears: linearsOf(c),
    head: [],
    logits,
    loss: (net, batch) => crossEntropy(logits(net, batch), flat(batch.targets), flat(batch.weights)),
    extend: (net, rows, cache, padding) =>
      tf.tidy(() => {
        const time = rows[0].length;
        if (cache[0] && time > 1) throw new Error('extend takes one token at a time after the prompt');
        const old = cache.flatMap((entry) => (entry ? [entry.k, entry.v] : []));
        const tokens = tf.tensor2d(Int32Array.from(rows.flat()), [rows.length, time], 'int32');
        const result = body(net, tokens, cache, padding);
        tf.dispose(old);
        for (const entry of cache) if (entry) for (const tensor of [entry.k, entry.v]) tf.keep(tensor);
        return result;
      }),
  };
}

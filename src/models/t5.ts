/**
 * T5 (Raffel et al. 2020): encoder–decoder with RMSNorm before every sub-layer, relative position biases that all
 * blocks of a stack share, no scaling and no biases in attention, ReLU feed-forward (v1.0) or gated GELU (v1.1).
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { Architecture } from './architecture';
import { count, parseConfig, token } from './config';
import { attention, crossEntropy, geluTanh, inBlock, mergeHeads, splitHeads } from './layers';
import { causalBias, paddingBias, perHead } from './masks';
import type { EncoderDecoder, EncoderStates, Net } from './model';
import { ModuleTree } from './module';

const schema = z.object({
  vocab_size: count,
  d_model: count,
  d_kv: count,
  d_ff: count,
  num_layers: count,
  num_decoder_layers: count.nullish(),
  num_heads: count,
  relative_attention_num_buckets: z.int().min(4).default(32),
  relative_attention_max_distance: count.default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.enum(['relu', 'gated-gelu']).default('relu'),
  /** Words of `feed_forward_proj` again. */
  is_gated_act: z.boolean().optional(),
  dense_act_fn: z.enum(['relu', 'gelu_new', 'gelu']).optional(),
  tie_word_embeddings: z.boolean().default(true),
  /** transformers 5 keeps here what `tie_word_embeddings` used to say: the output is scaled by d_model^−½. */
  scale_decoder_outputs: z.boolean().optional(),
  pad_token_id: token.default(0),
  eos_token_id: token.default(1),
  decoder_start_token_id: token.nullish(),
  n_positions: z.unknown().optional(),
});

/** Names under which a tied embedding may be stored. */
const EMBEDDINGS = /^(encoder|decoder)\.embed_tokens\.weight$/;

type Stack = 'encoder' | 'decoder';

export const t5: Architecture<EncoderDecoder> = {
  types: ['t5'],
  rename: (name) => name.replace(EMBEDDINGS, 'shared.weight'),
  build: ({ config, source, has, warn }) => {
    const c = parseConfig(schema, config, source, warn);
    if (c.relative_attention_max_distance <= c.relative_attention_num_buckets / 2) {
      throw new UserError(`${source}: relative_attention_max_distance must be above half of the number of buckets`);
    }
    const tied = !has('lm_head.weight');
    const scaled = c.scale_decoder_outputs ?? c.tie_word_embeddings;
    const start = c.decoder_start_token_id ?? c.pad_token_id;
    const [dim, heads, buckets] = [c.d_model, c.num_heads, c.relative_attention_num_buckets];
    const inner = heads * c.d_kv;
    const depth = { encoder: c.num_layers, decoder: c.num_decoder_layers ?? c.num_layers };

    const tree = new ModuleTree();
    // starts are Mesh TensorFlow's, which make the missing 1/√d_kv of attention good
    const embed = tree.embedding('shared', c.vocab_size, dim, 1);
    const stackOf = (stack: Stack) => {
      const inputBias = (path: string) =>
        tree.parameter(`${path}.relative_attention_bias.weight`, [buckets, heads], dim ** -0.5);
      let table: ReturnType<typeof inputBias> | null = null;
      const blocks = Array.from({ length: depth[stack] }, (_, b) => {
        const block = stack === 'encoder' ? b : depth.encoder + b; // blocks of the decoder count on
        const at = (layer: number) => `${stack}.block.${b}.layer.${layer}`;
        const attend = (path: string) => {
          const linear = (type: string, fanIn: number, out: number, init: number) =>
            tree.linear(`${path}.${type}`, { in: fanIn, out, bias: false, block, init });
          return {
            q: linear('q', dim, inner, (dim * c.d_kv) ** -0.5),
            k: linear('k', dim, inner, dim ** -0.5),
            v: linear('v', dim, inner, dim ** -0.5),
            o: linear('o', inner, dim, inner ** -0.5),
          };
        };
        const self = attend(`${at(0)}.SelfAttention`);
        if (b === 0) table = inputBias(`${at(0)}.SelfAttention`);
        const across = stack === 'decoder' ? attend(`${at(1)}.EncDecAttention`) : null;
        const last = across ? 2 : 1;
        const wide = (type: string, fanIn: number, out: number, init: number) =>
          tree.linear(`${at(last)}.DenseReluDense.${type}`, { in: fanIn, out, bias: false, block, init });
        const gated = c.feed_forward_proj === 'gated-gelu';
        const up = gated ? wide('wi_0', dim, c.d_ff, dim ** -0.5) : wide('wi', dim, c.d_ff, dim ** -0.5);
        const gate = gated ? wide('wi_1', dim, c.d_ff, dim ** -0.5) : null;
        const down = wide('wo', c.d_ff, dim, c.d_ff ** -0.5);
        const norms = Array.from({ length: last + 1 }, (_, layer) =>
          tree.rmsNorm(`${at(layer)}.layer_norm`, dim, c.layer_norm_epsilon),
        );
        return { self, across, up, gate, down, norms, last };
      });
      const norm = tree.rmsNorm(`${stack}.final_layer_norm`, dim, c.layer_norm_epsilon);
      return { stack, blocks, norm, table: table as unknown as (net: Net) => Tensor };
    };
    const encoder = stackOf('encoder');
    const decoder = stackOf('decoder');
    const headName = tied ? 'shared.weight' : 'lm_head.weight';
    if (!tied) tree.parameter(headName, [c.vocab_size, dim], 1);

    type Attention = (typeof encoder.blocks)[number]['self'];
    /** Attention from x [batch · tq, dim] to memory [batch · tk, dim]. */
    const attend = (net: Net, m: Attention, x: Tensor2D, memory: Tensor2D, batch: number, bias: Tensor3D): Tensor2D => {
      const split = (part: Attention['q'], from: Tensor2D) =>
        splitHeads(part(net, from), batch, from.shape[0] / batch, heads);
      const mixed = attention(split(m.q, x), split(m.k, memory), split(m.v, memory), 1, bias);
      return m.o(net, mergeHeads(mixed, batch, heads));
    };

    /** Runs one stack over embedded tokens. `encoded` is what the decoder attends to. */
    const run = (
      net: Net,
      { stack, blocks, norm, table }: typeof encoder,
      tokens: Tensor2D,
      own: Tensor,
      encoded: EncoderStates | null,
    ) => {
      const [batch, time] = tokens.shape;
      const position = positionBias(table(net) as Tensor2D, time, !encoded, c.relative_attention_max_distance);
      const bias = perHead(tf.add(position, own), batch, heads);
      const across = encoded && perHead(paddingBias(encoded.mask), batch, heads);
      let x = embed(net, tf.reshape(tokens, [tokens.size]));
      type Seen = { x: Tensor2D; bias: Tensor3D; states?: Tensor2D; across?: Tensor3D };
      for (const [b, m] of blocks.entries()) {
        const block = ({ x, bias, states, across }: Seen): Tensor2D => {
          const h = m.norms[0](net, x);
          let y: Tensor2D = tf.add(x, attend(net, m.self, h, h, batch, bias));
          if (m.across && states && across) {
            y = tf.add(y, attend(net, m.across, m.norms[1](net, y), states, batch, across));
          }
          const z = m.norms[m.last](net, y);
          const wide = m.gate ? tf.mul(geluTanh(m.up(net, z)), m.gate(net, z)) : tf.relu(m.up(net, z));
          return tf.add(y, m.down(net, wide as Tensor2D));
        };
        const inputs = { x, bias, ...(encoded && { states: encoded.states }) };
        x = inBlock(net, `${stack}.block.${b}`, inputs, across ? { across } : {}, (given) => block(given as Seen));
      }
      return norm(net, x);
    };

    const encode: EncoderDecoder['encode'] = (net, batch) => {
      const mask = batch.tokenMask as Tensor2D;
      return { states: run(net, encoder, batch.tokens as Tensor2D, paddingBias(mask), null), mask };
    };
    const decode: EncoderDecoder['decode'] = (net, encoded, tokens) => {
      const hidden = tf.expandDims(causalBias(tokens.shape[1]), 0);
      const out = run(net, decoder, tokens, hidden, encoded);
      return tf.matMul(scaled ? tf.mul(out, dim ** -0.5) : out, net.get(headName) as Tensor2D, false, true);
    };
    const logits: EncoderDecoder['logits'] = (net, batch) =>
      decode(net, encode(net, batch), batch.decoderTokens as Tensor2D);
    const flat = (x: Tensor) => tf.reshape(x, [x.size]) as Tensor1D;
    return {
      kind: 'seq2seq',
      tree,
      start,
      eos: c.eos_token_id,
      encode,
      decode,
      logits,
      states: (net, batch) => encode(net, batch).states,
      loss: (net, batch) => crossEntropy(logits(net, batch), flat(batch.targets), flat(batch.weights)),
    };
  },
};

/**
 * Bucket of a distance `key − query`: half of the buckets are exact, the others grow with the logarithm up to
 * `maxDistance`. Two-sided tables keep the second half for keys after the query.
 */
export function relativeBucket(distance: number, twoSided: boolean, buckets: number, maxDistance: number): number {
  const side = twoSided ? Math.floor(buckets / 2) : buckets;
  const offset = twoSided && distance > 0 ? side : 0;
  const far = twoSided ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(side / 2);
  if (far < exact) return offset + far;
  // single precision as in the reference, so that distances on an edge fall in the same bucket
  const log = Math.fround(Math.log(Math.fround(far / exact)));
  const large = exact + Math.floor(Math.fround(Math.fround(log / Math.log(maxDistance / exact)) * (side - exact)));
  return offset + Math.min(large, side - 1);
}

const tables = new Map<string, Int32Array>();

/** Buckets of all pairs, [queries · keys] row-major. */
function bucketTable(queries: number, keys: number, twoSided: boolean, buckets: number, maxDistance: number) {
  const key = [queries, keys, twoSided, buckets, maxDistance].join();
  let table = tables.get(key);
  if (!table) {
    table = Int32Array.from({ length: queries * keys }, (_, i) =>
      relativeBucket((i % keys) - Math.floor(i / keys), twoSided, buckets, maxDistance),
    );
    tables.set(key, table);
  }
  return table;
}

/** Position biases of one stack (§2.1). table [buckets, heads] → [1, heads, time, time]. */
function positionBias(table: Tensor2D, time: number, twoSided: boolean, maxDistance: number): Tensor4D {
  const [buckets, heads] = table.shape;
  const index = tf.tensor1d(bucketTable(time, time, twoSided, buckets, maxDistance), 'int32');
  const rows = tf.reshape(tf.gather(table, index), [time, time, heads]);
  return tf.reshape(tf.transpose(rows, [2, 0, 1]), [1, heads, time, time]);
}

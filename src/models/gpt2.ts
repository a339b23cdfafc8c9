/**
 * GPT-2 (Radford et al. 2019): learned positions, layer norm before every sub-layer, one matrix for q, k and v, GELU.
 * Its checkpoints hold the matrices as Conv1D does, [in, out]; here they are [out, in] as everywhere.
 */
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Architecture } from './architecture';
import { causal } from './causal';
import { count, only, parseConfig } from './config';
import { activation, activationName, attention, mergeHeads, splitHeads } from './layers';
import type { Decoder, Net } from './model';
import { ModuleTree } from './module';

const schema = z.object({
  vocab_size: count,
  n_positions: count.default(1024),
  n_ctx: z.unknown().optional(),
  n_embd: count,
  n_layer: count,
  n_head: count,
  n_inner: count.nullish(),
  activation_function: activationName.default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  scale_attn_weights: only(true),
  scale_attn_by_inverse_layer_idx: only(false),
  add_cross_attention: only(false),
  /** Orders of the same sums. */
  reorder_and_upcast_attn: z.unknown().optional(),
  summary_type: z.unknown().optional(),
  summary_use_proj: z.unknown().optional(),
  summary_proj_to_labels: z.unknown().optional(),
  summary_activation: z.unknown().optional(),
});

export const gpt2: Architecture<Decoder> = {
  types: ['gpt2'],
  prefix: 'transformer.',
  unused: /\.attn\.(masked_bias|bias)$|^lm_head\.weight$/,
  build: ({ config, source, warn }) => {
    const c = parseConfig(schema, config, source, warn);
    const [dim, heads, layers] = [c.n_embd, c.n_head, c.n_layer];
    const inner = c.n_inner ?? 4 * dim;
    const act = activation(c.activation_function);

    const tree = new ModuleTree();
    const words = tree.embedding('transformer.wte', c.vocab_size, dim);
    const places = tree.embedding('transformer.wpe', c.n_positions, dim);
    const residual = 0.02 / Math.sqrt(2 * layers);
    const modules = Array.from({ length: layers }, (_, block) => {
      const path = `transformer.h.${block}`;
      const conv = (type: string, fanIn: number, out: number, init = 0.02) =>
        tree.linear(`${path}.${type}`, { in: fanIn, out, block, init, type, transposed: true });
      return {
        before: tree.layerNorm(`${path}.ln_1`, dim, c.layer_norm_epsilon),
        qkv: conv('attn.c_attn', dim, 3 * dim),
        o: conv('attn.c_proj', dim, dim, residual),
        after: tree.layerNorm(`${path}.ln_2`, dim, c.layer_norm_epsilon),
        up: conv('mlp.c_fc', dim, inner),
        down: conv('mlp.c_proj', inner, dim, residual),
      };
    });
    const norm = tree.layerNorm('transformer.ln_f', dim, c.layer_norm_epsilon);
    const head = c.tie_word_embeddings
      ? (net: Net) => net.get('transformer.wte.weight')
      : tree.parameter('lm_head.weight', [c.vocab_size, dim]);

    return {
      kind: 'causal',
      tree,
      ...causal({
        blocks: layers,
        heads,
        dim,
        context: c.n_positions,
        path: (block) => `transformer.h.${block}`,
        embed: (net, tokens, positions) => tf.add(words(net, tokens), places(net, positions())) as Tensor2D,
        tables: () => ({}),
        block: (net, b, x, _, bias, { batch, time }, remember) => {
          const m = modules[b];
          const [q, k, v] = (tf.split(m.qkv(net, m.before(net, x)), 3, 1) as Tensor2D[]).map(
            (part): Tensor3D => splitHeads(part, batch, time, heads),
          );
          const seen = remember(k, v);
          const mixed = attention(q, seen.k, seen.v, 1 / Math.sqrt(dim / heads), bias);
          const y = tf.add(x, m.o(net, mergeHeads(mixed, batch, heads))) as Tensor2D;
          return tf.add(y, m.down(net, act(m.up(net, m.after(net, y))))) as Tensor2D;
        },
        finish: norm,
        head: (net, x) => tf.matMul(x, head(net) as Tensor2D, false, true),
      }),
    };
  },
};

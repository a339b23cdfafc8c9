/**
 * The Llama family (Touvron et al. 2023): RMSNorm, rotary positions, grouped-query attention, SwiGLU. Llama 1–3,
 * Mistral without a window, Qwen2 (biases on q, k, v), Qwen3 (norms on q and k), and llama2.c's checkpoints, whose
 * rotary pairs are neighbours.
 */
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { Architecture } from './architecture';
import { causal } from './causal';
import { count, only, parseConfig } from './config';
import { attention, mergeHeads, siluGate, splitHeads } from './layers';
import type { Decoder, Net } from './model';
import { ModuleTree } from './module';
import { type RotaryPairs, ropeScaling, rotaryPeriods, rotaryTables, rotate } from './rotary';

const schema = z.object({
  model_type: z.string(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeScaling.nullish(),
  rope_parameters: ropeScaling.nullish(),
  /** The kit's own key: pairs are neighbours, as llama2.c has them. */
  rope_interleaved: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
  hidden_act: only('silu', 'swish'),
  sliding_window: z.unknown().optional(),
  use_sliding_window: only(false),
  max_window_layers: z.unknown().optional(),
  layer_types: z
    .array(z.string())
    .nullish()
    .refine((types) => !types || types.every((type) => type === 'full_attention'), {
      message: 'must all be full_attention: a sliding window changes the computation and is not supported',
    }),
  pretraining_tp: only(1),
  attn_logit_softcapping: only(null),
  final_logit_softcapping: only(null),
  num_experts: only(0, null),
  num_local_experts: only(0, null),
  partial_rotary_factor: only(1, null),
});

/** What a Mistral's configuration means that does not say `sliding_window`, tokens. */
const MISTRAL_WINDOW = 4096;

/** Mistral's window is always on; Qwen2's waits for `use_sliding_window`. */
function refuseWindow(c: z.infer<typeof schema>, source: string): void {
  if (c.model_type === 'qwen2' || c.model_type === 'qwen3') return;
  const said = c.sliding_window !== undefined;
  const unsaid = c.model_type === 'mistral' && c.max_position_embeddings > MISTRAL_WINDOW ? MISTRAL_WINDOW : null;
  const window = said ? c.sliding_window : unsaid;
  if (window !== null) {
    throw new UserError(
      `${source}: sliding_window: ${window}${said ? '' : ', which is meant where the key is missing,'} changes the computation of long texts and is not supported; set it to null to use texts shorter than that alone`,
    );
  }
}

export const llama: Architecture<Decoder> = {
  types: ['llama', 'mistral', 'qwen2', 'qwen3'],
  prefix: 'model.',
  unused: /(^|\.)rotary_emb\.inv_freq$|^lm_head\.weight$/,
  build: ({ config, source, warn }) => {
    const c = parseConfig(schema, config, source, warn);
    refuseWindow(c, source);
    const [dim, heads, layers] = [c.hidden_size, c.num_attention_heads, c.num_hidden_layers];
    const kvHeads = c.num_key_value_heads ?? heads;
    const size = c.head_dim ?? dim / heads;
    if (!Number.isInteger(size) || size % 2 !== 0) {
      throw new UserError(`${source}: hidden_size ${dim} over num_attention_heads ${heads} is no even head size`);
    }
    if (heads % kvHeads !== 0) {
      throw new UserError(
        `${source}: num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`,
      );
    }
    // where two places say it, transformers takes these
    const scaling = c.rope_scaling ?? c.rope_parameters ?? null;
    const periods = rotaryPeriods(size, scaling?.rope_theta ?? c.rope_theta ?? 10000, scaling, source);
    const pairs: RotaryPairs = c.rope_interleaved ? 'interleaved' : 'halves';
    const qkvBias = c.attention_bias || c.model_type === 'qwen2';

    const tree = new ModuleTree();
    const embed = tree.embedding('model.embed_tokens', c.vocab_size, dim);
    const residual = 0.02 / Math.sqrt(2 * layers); // GPT-2's start of the layers that end a residual branch
    const modules = Array.from({ length: layers }, (_, block) => {
      const path = `model.layers.${block}`;
      const attn = (type: string, fanIn: number, out: number, bias: boolean, init = 0.02) =>
        tree.linear(`${path}.self_attn.${type}`, { in: fanIn, out, bias, block, init });
      const mlp = (type: string, fanIn: number, out: number, init = 0.02) =>
        tree.linear(`${path}.mlp.${type}`, { in: fanIn, out, bias: c.mlp_bias, block, init });
      const headNorm = (type: string) =>
        c.model_type === 'qwen3' ? tree.rmsNorm(`${path}.self_attn.${type}`, size, c.rms_norm_eps) : null;
      return {
        q: attn('q_proj', dim, heads * size, qkvBias),
        k: attn('k_proj', dim, kvHeads * size, qkvBias),
        v: attn('v_proj', dim, kvHeads * size, qkvBias),
        o: attn('o_proj', heads * size, dim, c.attention_bias, residual),
        gate: mlp('gate_proj', dim, c.intermediate_size),
        up: mlp('up_proj', dim, c.intermediate_size),
        down: mlp('down_proj', c.intermediate_size, dim, residual),
        before: tree.rmsNorm(`${path}.input_layernorm`, dim, c.rms_norm_eps),
        after: tree.rmsNorm(`${path}.post_attention_layernorm`, dim, c.rms_norm_eps),
        qNorm: headNorm('q_norm'),
        kNorm: headNorm('k_norm'),
      };
    });
    const norm = tree.rmsNorm('model.norm', dim, c.rms_norm_eps);
    const head = c.tie_word_embeddings
      ? (net: Net) => net.get('model.embed_tokens.weight')
      : tree.parameter('lm_head.weight', [c.vocab_size, dim]);

    return {
      kind: 'causal',
      tree,
      ...causal({
        blocks: layers,
        heads,
        dim,
        context: c.max_position_embeddings,
        path: (block) => `model.layers.${block}`,
        embed,
        tables: ({ time, from }) => rotaryTables(periods, time, from),
        block: (net, b, x, { cos, sin }, bias, { batch, time }, remember) => {
          const m = modules[b];
          const h = m.before(net, x);
          /** [batch·time, heads·size] → [batch·heads, time, size], normed by head where the family does so. */
          const split = (y: Tensor2D, n: number, headNorm: typeof m.qNorm): Tensor3D => {
            if (!headNorm) return splitHeads(y, batch, time, n);
            const rows = headNorm(net, tf.reshape(y, [batch * time * n, size]) as Tensor2D);
            return splitHeads(tf.reshape(rows, [batch * time, n * size]) as Tensor2D, batch, time, n);
          };
          const turn = (y: Tensor3D) => rotate(y, cos as Tensor3D, sin as Tensor3D, pairs);
          const q = turn(split(m.q(net, h), heads, m.qNorm));
          const own = turn(split(m.k(net, h), kvHeads, m.kNorm));
          const { k, v } = remember(own, splitHeads(m.v(net, h), batch, time, kvHeads));
          const groups = heads / kvHeads;
          const mixed = attention(q, shareHeads(k, groups), shareHeads(v, groups), 1 / Math.sqrt(size), bias);
          const y = tf.add(x, m.o(net, mergeHeads(mixed, batch, heads))) as Tensor2D;
          const z = m.after(net, y);
          return tf.add(y, m.down(net, siluGate(m.gate(net, z), m.up(net, z)))) as Tensor2D;
        },
        finish: norm,
        head: (net, x) => tf.matMul(x, head(net) as Tensor2D, false, true),
      }),
    };
  },
};

/** Repeats each key/value head for the query heads that share it: [b·kv, t, s] → [b·heads, t, s]. */
function shareHeads(x: Tensor3D, groups: number): Tensor3D {
  if (groups === 1) return x;
  const [n, time, size] = x.shape;
  return tf.reshape(tf.tile(tf.expandDims(x, 1), [1, groups, 1, 1]), [n * groups, time, size]);
}

/**
 * Encoder over a sequence of feature vectors with a class token: the keyword transformer (Berg et al. 2021, KWT-1;
 * norms after every sub-layer) and the kit's small vision transformers (norms before, as Dosovitskiy et al. 2021),
 * whose pictures come as patches.
 *
 * Batches hold `features` float32 [batch, tokens, features] and `labels` int32 [batch].
 */
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Architecture } from './architecture';
import { count, parseConfig } from './config';
import { firstState, headLoss, planHead } from './heads';
import { attention, geluTanh, inBlock, mergeHeads, splitHeads } from './layers';
import type { Model } from './model';
import { ModuleTree } from './module';

const schema = z.object({
  /** Feature vectors a picture or recording. */
  num_tokens: count,
  num_features: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  num_labels: count,
  norm_first: z.boolean(),
  /** Biases on q, k and v; KWT-1 has none. */
  qkv_bias: z.boolean(),
  layer_norm_eps: z.number().positive().default(1e-6),
});
export type KwtConfig = z.input<typeof schema>;

export const kwt: Architecture = {
  types: ['kwt'],
  unused: /^frontend\./,
  build: (given) => {
    const c = parseConfig(schema, given.config, given.source, given.warn);
    const [dim, heads, depth] = [c.hidden_size, c.num_attention_heads, c.num_hidden_layers];
    const time = c.num_tokens + 1;

    const tree = new ModuleTree();
    const project = tree.dense('patch_proj', { in: c.num_features, out: dim });
    const cls = tree.parameter('cls_token', [dim]);
    const places = tree.parameter('pos_embed', [time, dim]);
    const modules = Array.from({ length: depth }, (_, block) => {
      const path = `blocks.${block}`;
      const adaptable = (type: string, fanIn: number, out: number, bias = true) =>
        tree.linear(`${path}.${type}`, { in: fanIn, out, bias, block });
      return {
        path,
        q: adaptable('attn.q', dim, dim, c.qkv_bias),
        k: adaptable('attn.k', dim, dim, c.qkv_bias),
        v: adaptable('attn.v', dim, dim, c.qkv_bias),
        o: adaptable('attn.o', dim, dim),
        up: adaptable('mlp.fc1', dim, c.intermediate_size),
        down: adaptable('mlp.fc2', c.intermediate_size, dim),
        norm1: tree.layerNorm(`${path}.norm1`, dim, c.layer_norm_eps),
        norm2: tree.layerNorm(`${path}.norm2`, dim, c.layer_norm_eps),
      };
    });
    const last = c.norm_first ? tree.layerNorm('norm', dim, c.layer_norm_eps) : null;
    const plan = planHead(given, 'head.weight') ?? { outputs: c.num_labels, regress: false, kept: true };
    const head = tree.dense('head', { in: dim, out: plan.outputs });
    if (!plan.kept) tree.head.push('head.weight', 'head.bias');

    /** Class-token features before the head: [batch, dim]. */
    const features = (net: Parameters<Model['logits']>[0], input: Tensor3D): Tensor2D => {
      const [batch, tokens] = input.shape;
      const patches = project(net, tf.reshape(input, [batch * tokens, c.num_features]) as Tensor2D);
      const token = tf.tile(tf.reshape(cls(net), [1, 1, dim]), [batch, 1, 1]);
      const sequence = tf.concat([token, tf.reshape(patches, [batch, tokens, dim])] as Tensor3D[], 1);
      const placed = tf.add(sequence, tf.reshape(places(net), [1, tokens + 1, dim]));
      let x = tf.reshape(placed, [batch * (tokens + 1), dim]) as Tensor2D;
      for (const m of modules) {
        const attend = (h: Tensor2D) => {
          const [q, k, v] = [m.q, m.k, m.v].map((part) => splitHeads(part(net, h), batch, time, heads));
          return m.o(net, mergeHeads(attention(q, k, v, 1 / Math.sqrt(dim / heads), null), batch, heads));
        };
        const mlp = (h: Tensor2D) => m.down(net, geluTanh(m.up(net, h)));
        x = inBlock(net, m.path, { x }, {}, (own) => {
          const x = own.x as Tensor2D;
          if (!c.norm_first) {
            const y = m.norm1(net, tf.add(x, attend(x)));
            return m.norm2(net, tf.add(y, mlp(y)));
          }
          const y: Tensor2D = tf.add(x, attend(m.norm1(net, x)));
          return tf.add(y, mlp(m.norm2(net, y)));
        });
      }
      const first = firstState(x, batch);
      return last ? last(net, first) : first;
    };
    const logits: Model['logits'] = (net, batch) => head(net, features(net, batch.features as Tensor3D));
    return {
      kind: 'features',
      tree,
      features: (net, batch) => features(net, batch.features as Tensor3D),
      logits,
      loss: (net, batch) => headLoss(null, logits(net, batch), batch),
    };
  },
};

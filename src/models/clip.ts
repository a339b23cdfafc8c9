/**
 * CLIP's vision tower (Radford et al. 2021): a vision transformer with a norm before the first block, quick GELU, and
 * a projection of the class token; for classification a linear head over the mean of the patches, as Hugging Face's
 * `CLIPForImageClassification` has it.
 *
 * Batches hold `pixels` float32 [batch, 3, side, side] and `labels` int32 [batch].
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Architecture } from './architecture';
import { count, only, parseConfig } from './config';
import { firstState, headLoss, planHead } from './heads';
import { activation, activationName, attention, inBlock, mergeHeads, splitHeads } from './layers';
import type { Model } from './model';
import { type Forward, ModuleTree } from './module';
import { patchEmbedding, resizePositions } from './patches';
import { patchesOf } from './vit';

const schema = z.object({
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_channels: count.default(3),
  image_size: count.default(224),
  patch_size: count.default(32),
  projection_dim: count.default(512),
  hidden_act: activationName.default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
  logit_scale_init_value: z.unknown().optional(),
  text_config: z.unknown().optional(),
  text_config_dict: z.unknown().optional(),
  vision_config_dict: z.unknown().optional(),
  torch_dtype: z.unknown().optional(),
  tie_word_embeddings: only(true, false),
});

const P = 'vision_model';

export const clip: Architecture = {
  types: ['clip', 'clip_vision_model'],
  unused: /embeddings\.position_ids$|^text_model\.|^text_projection\.|^logit_scale$|^visual_projection\.weight$/,
  build: (given) => {
    // a whole CLIP keeps the tower's keys under `vision_config`, but for the projection's size, which is its own
    const whole = given.config.vision_config as Record<string, unknown> | undefined;
    const config = whole ? { ...whole, projection_dim: given.config.projection_dim ?? 512 } : given.config;
    const c = parseConfig(schema, config, given.source, given.warn);
    const [dim, heads] = [c.hidden_size, c.num_attention_heads];
    const { side, patches } = patchesOf(given, c);
    const time = patches + 1;
    const act = activation(c.hidden_act);

    const tree = new ModuleTree();
    const cls = tree.parameter(`${P}.embeddings.class_embedding`, [dim]);
    const embed = patchEmbedding(tree, `${P}.embeddings.patch_embedding`, {
      channels: c.num_channels,
      size: c.patch_size,
      dim,
      bias: false,
    });
    const places = tree.parameter(`${P}.embeddings.position_embedding.weight`, [time, dim]);
    const first = tree.layerNorm(`${P}.pre_layrnorm`, dim, c.layer_norm_eps);
    const modules = Array.from({ length: c.num_hidden_layers }, (_, block) => {
      const path = `${P}.encoder.layers.${block}`;
      const adaptable = (type: string, fanIn: number, out: number): Forward =>
        tree.linear(`${path}.${type}`, { in: fanIn, out, block });
      return {
        path,
        before: tree.layerNorm(`${path}.layer_norm1`, dim, c.layer_norm_eps),
        q: adaptable('self_attn.q_proj', dim, dim),
        k: adaptable('self_attn.k_proj', dim, dim),
        v: adaptable('self_attn.v_proj', dim, dim),
        o: adaptable('self_attn.out_proj', dim, dim),
        after: tree.layerNorm(`${path}.layer_norm2`, dim, c.layer_norm_eps),
        up: adaptable('mlp.fc1', dim, c.intermediate_size),
        down: adaptable('mlp.fc2', c.intermediate_size, dim),
      };
    });
    const last = tree.layerNorm(`${P}.post_layernorm`, dim, c.layer_norm_eps);
    const projected = given.has('visual_projection.weight');
    const project = projected ? tree.dense('visual_projection', { in: dim, out: c.projection_dim, bias: false }) : null;
    const plan = planHead(given, 'classifier.weight');
    const head = plan && tree.dense('classifier', { in: dim, out: plan.outputs, init: dim ** -0.5 });
    if (plan && !plan.kept) tree.head.push('classifier.weight', 'classifier.bias');

    /** Before the last norm, as Hugging Face's `last_hidden_state`. */
    const states: NonNullable<Model['states']> = (net, { pixels }) => {
      const batch = pixels.shape[0];
      const patched = tf.reshape(embed(net, pixels as Tensor4D), [batch, patches, dim]);
      const token = tf.tile(tf.reshape(cls(net), [1, 1, dim]), [batch, 1, 1]);
      const placed = tf.add(tf.concat([token, patched] as tf.Tensor3D[], 1), tf.reshape(places(net), [1, time, dim]));
      let x = first(net, tf.reshape(placed, [batch * time, dim]) as Tensor2D);
      for (const m of modules) {
        x = inBlock(net, m.path, { x }, {}, (own) => {
          const h = m.before(net, own.x as Tensor2D);
          const [q, k, v] = [m.q, m.k, m.v].map((part) => splitHeads(part(net, h), batch, time, heads));
          const mixed = mergeHeads(attention(q, k, v, 1 / Math.sqrt(dim / heads), null), batch, heads);
          const y = tf.add(own.x, m.o(net, mixed)) as Tensor2D;
          return tf.add(y, m.down(net, act(m.up(net, m.after(net, y))))) as Tensor2D;
        });
      }
      return x;
    };
    const features: NonNullable<Model['features']> = (net, batch) => {
      const count = batch.pixels.shape[0];
      const x = states(net, batch);
      if (!plan) return last(net, firstState(x, count));
      const rest = tf.slice(tf.reshape(x, [count, time, dim]), [0, 1, 0], [-1, -1, -1]);
      return tf.mean(rest, 1) as Tensor2D;
    };
    /** Class logits, or without a head the image's embedding (not normalised). */
    const logits: Model['logits'] = (net, batch) => {
      const x = features(net, batch);
      return head ? head(net, x) : project ? project(net, x) : x;
    };
    return {
      kind: 'image',
      imageSize: side,
      tree,
      states,
      features,
      logits,
      loss: (net, batch) => headLoss(plan, logits(net, batch), batch),
      adjust: (name, weight) =>
        name === `${P}.embeddings.position_embedding.weight` ? resizePositions(weight, patches) : weight,
    };
  },
};

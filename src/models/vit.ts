/**
 * Vision transformers of pictures: ViT (Dosovitskiy et al. 2021), DeiT (Touvron et al. 2021), DINOv2 (Oquab et al. 2023;
 * layer scale, and features of the class token beside the mean of the patches).
 *
 * Batches hold `pixels` float32 [batch, channels, side, side] and `labels` int32 [batch].
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../errors';
import type { Architecture, Blueprint, Given } from './architecture';
import { count, only, parseConfig } from './config';
import { firstState, headLoss, noHead, planHead } from './heads';
import { activation, activationName, attention, inBlock, mergeHeads, splitHeads } from './layers';
import type { Model } from './model';
import { type Forward, ModuleTree } from './module';
import { patchEmbedding, resizePositions } from './patches';

const shared = {
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  hidden_act: activationName.default('gelu'),
  image_size: count.default(224),
  patch_size: count.default(16),
  num_channels: count.default(3),
  qkv_bias: z.boolean().default(true),
};
const vitSchema = z.object({
  ...shared,
  intermediate_size: count,
  layer_norm_eps: z.number().positive().default(1e-12),
});
const dinoSchema = z.object({
  ...shared,
  mlp_ratio: z.number().positive().default(4),
  layer_norm_eps: z.number().positive().default(1e-6),
  layerscale_value: z.unknown().optional(),
  use_swiglu_ffn: only(false),
  use_mask_token: z.unknown().optional(),
  drop_path_rate: z.unknown().optional(),
  apply_layernorm: z.unknown().optional(),
  reshape_hidden_states: z.unknown().optional(),
  out_features: z.unknown().optional(),
  out_indices: z.unknown().optional(),
  stage_names: z.unknown().optional(),
});

/** Where the families put things. */
interface Spelling {
  readonly prefix: string;
  readonly normBefore: string;
  readonly normAfter: string;
  readonly up: string;
  readonly down: string;
  /** Scales of a sub-layer's output by feature; DINOv2. */
  readonly scales: readonly [string, string] | null;
}

const VIT: Spelling = {
  prefix: 'vit.',
  normBefore: 'layernorm_before',
  normAfter: 'layernorm_after',
  up: 'intermediate.dense',
  down: 'output.dense',
  scales: null,
};
const DINO: Spelling = {
  prefix: 'dinov2.',
  normBefore: 'norm1',
  normAfter: 'norm2',
  up: 'mlp.fc1',
  down: 'mlp.fc2',
  scales: ['layer_scale1.lambda1', 'layer_scale2.lambda1'],
};

/** Patches in a picture of the wanted size. @throws UserError when patches do not tile it. */
export function patchesOf(
  given: Given,
  c: { image_size: number; patch_size: number },
): { side: number; patches: number } {
  const side = given.imageSize ?? c.image_size;
  if (side % c.patch_size !== 0) {
    const near = Math.max(1, Math.round(side / c.patch_size)) * c.patch_size;
    throw new UserError(
      `${given.source}: pictures of ${side} pixels are not tiled by patches of ${c.patch_size}. Try ${near}`,
    );
  }
  return { side, patches: (side / c.patch_size) ** 2 };
}

function build(given: Given, c: z.infer<typeof vitSchema>, s: Spelling, distilled = false): Blueprint {
  const [dim, heads] = [c.hidden_size, c.num_attention_heads];
  const { side, patches } = patchesOf(given, c);
  const extra = distilled ? 2 : 1;
  const time = patches + extra;
  const act = activation(c.hidden_act);

  const tree = new ModuleTree();
  const at = `${s.prefix}embeddings`;
  const cls = tree.parameter(`${at}.cls_token`, [1, 1, dim]);
  const second = distilled ? tree.parameter(`${at}.distillation_token`, [1, 1, dim]) : null;
  const places = tree.parameter(`${at}.position_embeddings`, [1, time, dim]);
  const embed = patchEmbedding(tree, `${at}.patch_embeddings.projection`, {
    channels: c.num_channels,
    size: c.patch_size,
    dim,
    bias: true,
  });
  const modules = Array.from({ length: c.num_hidden_layers }, (_, block) => {
    const path = `${s.prefix}encoder.layer.${block}`;
    const adaptable = (type: string, fanIn: number, out: number, bias = true): Forward =>
      tree.linear(`${path}.${type}`, {
        in: fanIn,
        out,
        bias,
        block,
        type: type.replace(/^attention\.attention\.|^mlp\./, ''),
      });
    const scale = (which: 0 | 1): Forward => {
      if (!s.scales) return (_net, x) => x;
      const gain = tree.parameter(`${path}.${s.scales[which]}`, [dim], 'ones');
      return (net, x) => tf.mul(x, gain(net));
    };
    return {
      path,
      before: tree.layerNorm(`${path}.${s.normBefore}`, dim, c.layer_norm_eps),
      q: adaptable('attention.attention.query', dim, dim, c.qkv_bias),
      k: adaptable('attention.attention.key', dim, dim, c.qkv_bias),
      v: adaptable('attention.attention.value', dim, dim, c.qkv_bias),
      o: adaptable('attention.output.dense', dim, dim),
      scale1: scale(0),
      after: tree.layerNorm(`${path}.${s.normAfter}`, dim, c.layer_norm_eps),
      up: adaptable(s.up, dim, c.intermediate_size),
      down: adaptable(s.down, c.intermediate_size, dim),
      scale2: scale(1),
    };
  });
  const norm = tree.layerNorm(`${s.prefix}layernorm`, dim, c.layer_norm_eps);
  const plan = planHead(given, 'classifier.weight');
  // DINOv2's classifier reads the class token and the mean of the patches
  const width = s === DINO ? 2 * dim : dim;
  const head = plan && tree.dense('classifier', { in: width, out: plan.outputs });
  if (plan && !plan.kept) tree.head.push('classifier.weight', 'classifier.bias');

  const states: NonNullable<Model['states']> = (net, { pixels }) => {
    const batch = pixels.shape[0];
    const patched = tf.reshape(embed(net, pixels as Tensor4D), [batch, patches, dim]);
    const tokens = [cls, second].flatMap((token) => (token ? [tf.tile(token(net), [batch, 1, 1])] : []));
    let x = tf.reshape(tf.add(tf.concat([...tokens, patched] as tf.Tensor3D[], 1), places(net)), [
      batch * time,
      dim,
    ]) as Tensor2D;
    for (const m of modules) {
      x = inBlock(net, m.path, { x }, {}, (own) => {
        const h = m.before(net, own.x as Tensor2D);
        const [q, k, v] = [m.q, m.k, m.v].map((part) => splitHeads(part(net, h), batch, time, heads));
        const mixed = m.o(net, mergeHeads(attention(q, k, v, 1 / Math.sqrt(dim / heads), null), batch, heads));
        const y = tf.add(own.x, m.scale1(net, mixed)) as Tensor2D;
        return tf.add(y, m.scale2(net, m.down(net, act(m.up(net, m.after(net, y)))))) as Tensor2D;
      });
    }
    return norm(net, x);
  };
  const features: NonNullable<Model['features']> = (net, batch) => {
    const x = states(net, batch);
    const count = batch.pixels.shape[0];
    const first = firstState(x, count);
    if (s !== DINO && plan?.pooling !== 'mean') return first;
    const places = tf.slice(tf.reshape(x, [count, time, dim]), [0, extra, 0], [-1, -1, -1]);
    const mean = tf.mean(places, 1) as Tensor2D;
    return s === DINO ? tf.concat([first, mean], 1) : mean;
  };
  const logits: Model['logits'] = head ? (net, batch) => head(net, features(net, batch)) : noHead(given.source);
  return {
    kind: 'image',
    imageSize: side,
    tree,
    states,
    features,
    logits,
    loss: (net, batch) => headLoss(plan, logits(net, batch), batch),
    adjust: (name, weight) => {
      if (name !== `${at}.position_embeddings` || distilled) return weight;
      return resizePositions(weight, patches);
    },
  };
}

export const vit: Architecture = {
  types: ['vit'],
  prefix: 'vit.',
  unused: /pooler\.dense\.(weight|bias)$|embeddings\.mask_token$/,
  build: (given) => build(given, parseConfig(vitSchema, given.config, given.source, given.warn), VIT),
};

export const deit: Architecture = {
  types: ['deit'],
  prefix: 'deit.',
  unused: /pooler\.dense\.(weight|bias)$|embeddings\.mask_token$|^distillation_classifier\./,
  build: (given) => {
    const c = parseConfig(vitSchema, given.config, given.source, given.warn);
    if (given.imageSize !== undefined && given.imageSize !== c.image_size) {
      throw new UserError(
        `${given.source}: positions of a DeiT are not interpolated here; use pictures of ${c.image_size} pixels`,
      );
    }
    return build(given, c, { ...VIT, prefix: 'deit.' }, true);
  },
};

export const dinov2: Architecture = {
  types: ['dinov2'],
  prefix: 'dinov2.',
  unused: /embeddings\.mask_token$/,
  build: (given) => {
    const c = parseConfig(dinoSchema, given.config, given.source, given.warn);
    return build(given, { ...c, intermediate_size: Math.round(c.hidden_size * c.mlp_ratio) }, DINO);
  },
};

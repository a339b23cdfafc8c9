/**
 * Encoder over a sequence of feature vectors with a class token: the keyword transformer
 * (Berg et al. 2021, KWT-1; post-norm) and the vision transformer (Dosovitskiy et al. 2021; pre-norm).
 *
 * Weights: patch_proj, cls_token [d], pos_embed [1+tokens, d], blocks.N.{attn.{q,k,v,o}, mlp.{fc1,fc2}, norm1, norm2},
 * norm (pre-norm only), head.
 */

import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Random } from '../tensor/random';
import { attention, crossEntropy, geluTanh, inBlock, layerNorm, linear, mergeHeads, splitHeads } from './layers';
import type { LinearLayer, Model, Net } from './model';
import { type HostTensor, makeParams, type Weights } from './params';

export interface EncoderConfig {
  readonly tokens: number;
  readonly features: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlp: number;
  readonly classes: number;
  readonly norm: 'pre' | 'post';
  /** Biases on q, k and v (KWT-1 has none). */
  readonly qkvBias: boolean;
}

/** KWT-1 as trained on 12 speech commands: 98 frames of 40 MFCCs. */
export const KWT1: EncoderConfig = {
  tokens: 98,
  features: 40,
  dim: 64,
  depth: 12,
  heads: 1,
  mlp: 256,
  classes: 12,
  norm: 'post',
  qkvBias: false,
};

const EPSILON = 1e-6;

function linearsOf(c: EncoderConfig): LinearLayer[] {
  const layers: LinearLayer[] = [];
  for (let block = 0; block < c.depth; block++) {
    const add = (path: string, type: string, fanIn: number, fanOut: number, bias: boolean) => {
      const name = `blocks.${block}.${path}`;
      layers.push({
        name,
        type,
        block,
        in: fanIn,
        out: fanOut,
        weight: `${name}.weight`,
        bias: bias ? `${name}.bias` : null,
      });
    };
    for (const type of ['q', 'k', 'v']) add(`attn.${type}`, type, c.dim, c.dim, c.qkvBias);
    add('attn.o', 'o', c.dim, c.dim, true);
    add('mlp.fc1', 'fc1', c.dim, c.mlp, true);
    add('mlp.fc2', 'fc2', c.mlp, c.dim, true);
  }
  return layers;
}

/** Name and shape of every weight. */
export function encoderShapes(c: EncoderConfig): Record<string, number[]> {
  const shapes: Record<string, number[]> = {
    'patch_proj.weight': [c.dim, c.features],
    'patch_proj.bias': [c.dim],
    cls_token: [c.dim],
    pos_embed: [c.tokens + 1, c.dim],
  };
  for (const layer of linearsOf(c)) {
    shapes[layer.weight] = [layer.out, layer.in];
    if (layer.bias) shapes[layer.bias] = [layer.out];
  }
  const norms = Array.from({ length: c.depth }, (_, b) => [`blocks.${b}.norm1`, `blocks.${b}.norm2`]).flat();
  if (c.norm === 'pre') norms.push('norm');
  for (const norm of norms) {
    shapes[`${norm}.weight`] = [c.dim];
    shapes[`${norm}.bias`] = [c.dim];
  }
  shapes['head.weight'] = [c.classes, c.dim];
  shapes['head.bias'] = [c.classes];
  return shapes;
}

/** Random weights for pretraining: N(0, 0.02²) (ViT), norms at identity, biases zero. */
export function encoderInit(c: EncoderConfig, random: Random): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  for (const [name, shape] of Object.entries(encoderShapes(c))) {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = /norm\d?\.weight$/.test(name)
      ? new Float32Array(size).fill(1)
      : name.endsWith('.bias')
        ? new Float32Array(size)
        : random.fork(name).normals(size, 0, 0.02);
    weights.set(name, { shape, data });
  }
  return weights;
}

/**
 * Builds the model. Batches hold `features` [batch, tokens, features] and `labels` int32 [batch].
 * @param head names of head parameters that are new and trained with every method.
 */
export function makeEncoder(
  name: string,
  c: EncoderConfig,
  weights: Weights,
  source: string,
  head: readonly string[] = [],
): Model {
  const params = makeParams(weights, encoderShapes(c), source);
  const linears = linearsOf(c);
  const scale = 1 / Math.sqrt(c.dim / c.heads);

  function embed(net: Net, features: tf.Tensor3D): Tensor2D {
    const [batch, tokens] = features.shape;
    const flat = tf.reshape(features, [batch * tokens, c.features]) as Tensor2D;
    const patches = linear(flat, net.get('patch_proj.weight') as Tensor2D, net.get('patch_proj.bias') as Tensor1D);
    const cls = tf.tile(tf.reshape(net.get('cls_token'), [1, 1, c.dim]), [batch, 1, 1]);
    const sequence = tf.concat([cls, tf.reshape(patches, [batch, tokens, c.dim])], 1);
    const placed = tf.add(sequence, tf.reshape(net.get('pos_embed'), [1, tokens + 1, c.dim]));
    return tf.reshape(placed, [batch * (tokens + 1), c.dim]);
  }

  /** Class-token features before the head: [batch, dim]. */
  function features(net: Net, input: tf.Tensor3D): Tensor2D {
    const [batch, tokens] = input.shape;
    const time = tokens + 1;
    const norm = (x: Tensor2D, path: string) =>
      layerNorm(x, net.get(`${path}.weight`) as Tensor1D, net.get(`${path}.bias`) as Tensor1D, EPSILON);
    let x = embed(net, input);
    const block = (x: Tensor2D, path: string): Tensor2D => {
      const attend = (h: Tensor2D) => {
        const [q, k, v] = ['q', 'k', 'v'].map((t) =>
          splitHeads(net.linear(`${path}.attn.${t}`, h), batch, time, c.heads),
        );
        return net.linear(`${path}.attn.o`, mergeHeads(attention(q, k, v, scale, null), batch, c.heads));
      };
      const mlp = (h: Tensor2D) => net.linear(`${path}.mlp.fc2`, geluTanh(net.linear(`${path}.mlp.fc1`, h)));
      if (c.norm === 'post') {
        const y = norm(tf.add(x, attend(x)), `${path}.norm1`);
        return norm(tf.add(y, mlp(y)), `${path}.norm2`);
      }
      const y: Tensor2D = tf.add(x, attend(norm(x, `${path}.norm1`)));
      return tf.add(y, mlp(norm(y, `${path}.norm2`)));
    };
    for (let b = 0; b < c.depth; b++) {
      const path = `blocks.${b}`;
      x = inBlock(net, path, { x }, {}, (own) => block(own.x, path));
    }
    const first = tf.slice(tf.reshape(x, [batch, time, c.dim]), [0, 0, 0], [batch, 1, c.dim]);
    const cls = tf.reshape(first, [batch, c.dim]) as Tensor2D;
    return c.norm === 'pre' ? norm(cls, 'norm') : cls;
  }

  const logits: Model['logits'] = (net, batch) =>
    linear(
      features(net, batch.features as tf.Tensor3D),
      net.get('head.weight') as Tensor2D,
      net.get('head.bias') as Tensor1D,
    );

  return {
    name,
    config: { ...c },
    params,
    linears,
    head,
    logits,
    features: (net, batch) => features(net, batch.features as tf.Tensor3D),
    loss: (net, batch) => crossEntropy(logits(net, batch), batch.labels as Tensor1D, null),
  };
}

/**
 * BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019) and DistilBERT (Sanh et al. 2019): encoders of texts with layer
 * norm after every sub-layer, for classification and regression with Hugging Face's heads.
 *
 * Batches hold `tokens` int32 and `tokenMask` float32 [batch, time], `tokenTypes` int32 [batch, time] for pairs, and
 * `labels` [batch].
 */
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Architecture } from './architecture';
import { count, only, parseConfig, token } from './config';
import { firstState, headLoss, meanState, noHead, planHead } from './heads';
import { activation, activationName, attention, inBlock, mergeHeads, splitHeads } from './layers';
import { paddingBias, perHead } from './masks';
import type { Model } from './model';
import { type Forward, ModuleTree } from './module';

/** Where the three families put things. */
interface Spelling {
  readonly prefix: string;
  readonly block: (block: number) => string;
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly o: string;
  readonly attentionNorm: string;
  readonly up: string;
  readonly down: string;
  readonly outputNorm: string;
}

const BERT: Spelling = {
  prefix: 'bert.',
  block: (block) => `encoder.layer.${block}`,
  q: 'attention.self.query',
  k: 'attention.self.key',
  v: 'attention.self.value',
  o: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  up: 'intermediate.dense',
  down: 'output.dense',
  outputNorm: 'output.LayerNorm',
};

const DISTILBERT: Spelling = {
  prefix: 'distilbert.',
  block: (block) => `transformer.layer.${block}`,
  q: 'attention.q_lin',
  k: 'attention.k_lin',
  v: 'attention.v_lin',
  o: 'attention.out_lin',
  attentionNorm: 'sa_layer_norm',
  up: 'ffn.lin1',
  down: 'ffn.lin2',
  outputNorm: 'output_layer_norm',
};

interface Sizes {
  readonly vocabulary: number;
  readonly positions: number;
  /** Kinds of segments; 0: the family has none. */
  readonly types: number;
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly epsilon: number;
  readonly act: z.infer<typeof activationName>;
  /** RoBERTa's positions begin behind it; null: they begin at 0. */
  readonly padding: number | null;
}

const bertSchema = z.object({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activationName.default('gelu'),
  max_position_embeddings: count,
  type_vocab_size: count.default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  pad_token_id: token.nullish(),
  position_embedding_type: only('absolute'),
  is_decoder: only(false),
  tie_word_embeddings: z.unknown().optional(),
  classifier_dropout: z.unknown().optional(),
});

const distilSchema = z.object({
  vocab_size: count,
  dim: count,
  n_layers: count,
  n_heads: count,
  hidden_dim: count,
  activation: activationName.default('gelu'),
  max_position_embeddings: count,
  sinusoidal_pos_embds: z.unknown().optional(),
  tie_weights_: z.unknown().optional(),
  tie_word_embeddings: z.unknown().optional(),
});

/** Declares embeddings and blocks; gives the last states [batch · time, dim]. */
function encoder(tree: ModuleTree, s: Spelling, c: Sizes): { states: NonNullable<Model['states']> } {
  const { dim, heads } = c;
  const act = activation(c.act);
  const at = `${s.prefix}embeddings`;
  const words = tree.embedding(`${at}.word_embeddings`, c.vocabulary, dim);
  const places = tree.embedding(`${at}.position_embeddings`, c.positions, dim);
  const kinds = c.types > 0 ? tree.embedding(`${at}.token_type_embeddings`, c.types, dim) : null;
  const norm = tree.layerNorm(`${at}.LayerNorm`, dim, c.epsilon);
  const modules = Array.from({ length: c.layers }, (_, block) => {
    const path = `${s.prefix}${s.block(block)}`;
    const adaptable = (type: string, fanIn: number, out: number): Forward =>
      tree.linear(`${path}.${type}`, { in: fanIn, out, block, type: type.replace(/^attention\.self\.|^ffn\./, '') });
    return {
      path,
      q: adaptable(s.q, dim, dim),
      k: adaptable(s.k, dim, dim),
      v: adaptable(s.v, dim, dim),
      o: adaptable(s.o, dim, dim),
      attentionNorm: tree.layerNorm(`${path}.${s.attentionNorm}`, dim, c.epsilon),
      up: adaptable(s.up, dim, c.inner),
      down: adaptable(s.down, c.inner, dim),
      outputNorm: tree.layerNorm(`${path}.${s.outputNorm}`, dim, c.epsilon),
    };
  });

  /** Positions int32 [batch · time]; RoBERTa counts the tokens that are not padding. */
  const positions = (tokens: Tensor2D): Tensor => {
    const [batch, time] = tokens.shape;
    if (c.padding === null) return tf.tile(tf.range(0, time, 1, 'int32'), [batch]);
    const real = tf.cast(tf.notEqual(tokens, tf.scalar(c.padding, 'int32')), 'float32');
    const counted = tf.add(tf.mul(tf.cumsum(real, 1), real), c.padding);
    return tf.reshape(tf.cast(counted, 'int32'), [batch * time]);
  };

  return {
    states: (net, given) => {
      const tokens = given.tokens as Tensor2D;
      const [batch, time] = tokens.shape;
      const flat = (x: Tensor) => tf.reshape(x, [batch * time]);
      let x: Tensor2D = tf.add(words(net, flat(tokens)), places(net, positions(tokens)));
      if (kinds)
        x = tf.add(x, kinds(net, given.tokenTypes ? flat(given.tokenTypes) : tf.zeros([batch * time], 'int32')));
      x = norm(net, x);
      const bias = perHead(paddingBias(given.tokenMask as Tensor2D), batch, heads);
      for (const m of modules) {
        x = inBlock(net, m.path, { x }, { bias }, (own) => {
          const [q, k, v] = [m.q, m.k, m.v].map((part) => splitHeads(part(net, own.x as Tensor2D), batch, time, heads));
          const mixed = attention(q, k, v, 1 / Math.sqrt(dim / heads), own.bias as Tensor3D);
          const y = m.attentionNorm(net, tf.add(own.x, m.o(net, mergeHeads(mixed, batch, heads))) as Tensor2D);
          return m.outputNorm(net, tf.add(y, m.down(net, act(m.up(net, y)))) as Tensor2D);
        });
      }
      return x;
    },
  };
}

/** The head's own layers before its last one: what it reads → [batch, dim]. */
type Inner = (tree: ModuleTree, dim: number) => Forward;

/** Puts the head on: `inner` over the first token, or the last layer alone over the mean of the tokens. */
function withHead(
  given: Parameters<Architecture['build']>[0],
  tree: ModuleTree,
  c: Sizes,
  states: NonNullable<Model['states']>,
  last: string,
  inner: { readonly make: Inner; readonly weights: readonly string[] },
) {
  const plan = planHead(given, `${last}.weight`);
  const before = plan?.pooling === 'default' ? inner.make(tree, c.dim) : null;
  const out = plan && tree.dense(last, { in: c.dim, out: plan.outputs });
  if (plan && !plan.kept) tree.head.push(`${last}.weight`, `${last}.bias`);
  // a pooler that the checkpoint lacks is made anew with the head, as Hugging Face does
  if (before) tree.head.push(...inner.weights.filter((name) => !given.has(name)));
  const features: NonNullable<Model['features']> = (net, batch) => {
    const x = states(net, batch);
    if (!before) return meanState(x, batch.tokenMask as Tensor2D);
    return before(net, firstState(x, batch.tokens.shape[0]));
  };
  const logits: Model['logits'] = out ? (net, batch) => out(net, features(net, batch)) : noHead(given.source);
  return {
    kind: 'text' as const,
    context: c.positions - (c.padding === null ? 0 : c.padding + 1),
    tree,
    states,
    ...(plan && { features }),
    logits,
    loss: ((net, batch) => headLoss(plan, logits(net, batch), batch)) as Model['loss'],
  };
}

/** A dense layer and tanh (BERT's pooler, RoBERTa's head) or ReLU (DistilBERT's). */
const denseThen = (path: string, act: (x: Tensor2D) => Tensor2D) => ({
  make: (tree: ModuleTree, dim: number): Forward => {
    const dense = tree.dense(path, { in: dim, out: dim });
    return (net, x) => act(dense(net, x));
  },
  weights: [`${path}.weight`, `${path}.bias`],
});

function sizesOf(c: z.infer<typeof bertSchema>, padding: number | null): Sizes {
  return {
    vocabulary: c.vocab_size,
    positions: c.max_position_embeddings,
    types: c.type_vocab_size,
    dim: c.hidden_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    inner: c.intermediate_size,
    epsilon: c.layer_norm_eps,
    act: c.hidden_act,
    padding,
  };
}

/** Names of 2018: LayerNorm's gamma and beta. */
const rename = (name: string) =>
  name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');

export const bert: Architecture = {
  types: ['bert'],
  prefix: 'bert.',
  rename,
  unused: /(^|\.)embeddings\.position_ids$|^cls\.|pooler\.dense\.(weight|bias)$/,
  build: (given) => {
    const c = sizesOf(parseConfig(bertSchema, given.config, given.source, given.warn), null);
    const tree = new ModuleTree();
    const { states } = encoder(tree, BERT, c);
    return withHead(
      given,
      tree,
      c,
      states,
      'classifier',
      denseThen('bert.pooler.dense', (x) => tf.tanh(x)),
    );
  },
};

export const roberta: Architecture = {
  types: ['roberta', 'xlm-roberta'],
  prefix: 'roberta.',
  rename,
  unused: /(^|\.)embeddings\.position_ids$|^lm_head\.|pooler\.dense\.(weight|bias)$/,
  build: (given) => {
    const config = parseConfig(bertSchema, given.config, given.source, given.warn);
    const c = sizesOf(config, config.pad_token_id ?? 1);
    const tree = new ModuleTree();
    const { states } = encoder(tree, { ...BERT, prefix: 'roberta.' }, c);
    return withHead(
      given,
      tree,
      c,
      states,
      'classifier.out_proj',
      denseThen('classifier.dense', (x) => tf.tanh(x)),
    );
  },
};

export const distilbert: Architecture = {
  types: ['distilbert'],
  prefix: 'distilbert.',
  rename,
  unused: /(^|\.)embeddings\.position_ids$|^vocab_/,
  build: (given) => {
    const d = parseConfig(distilSchema, given.config, given.source, given.warn);
    const c: Sizes = {
      vocabulary: d.vocab_size,
      positions: d.max_position_embeddings,
      types: 0,
      dim: d.dim,
      layers: d.n_layers,
      heads: d.n_heads,
      inner: d.hidden_dim,
      epsilon: 1e-12,
      act: d.activation,
      padding: null,
    };
    const tree = new ModuleTree();
    const { states } = encoder(tree, DISTILBERT, c);
    return withHead(
      given,
      tree,
      c,
      states,
      'classifier',
      denseThen('pre_classifier', (x) => tf.relu(x)),
    );
  },
};

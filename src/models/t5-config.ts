/** T5's configuration as Hugging Face writes it in `config.json`, and what the architecture makes of it. */
import { z } from 'zod';
import { UserError } from '../errors';

export interface T5Config {
  readonly vocab: number;
  readonly dim: number;
  /** Features a head; heads · headDim need not be dim. */
  readonly headDim: number;
  readonly hidden: number;
  readonly heads: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly buckets: number;
  /** Distances from here on share the last bucket. */
  readonly maxDistance: number;
  readonly epsilon: number;
  /** v1.0: `relu`; v1.1: `gated-gelu` (Shazeer 2020). */
  readonly feedForward: 'relu' | 'gated-gelu';
  /** The head shares the embedding's weight. */
  readonly tied: boolean;
  /** Multiply the decoder's output by dim^−½ before the head (v1.0). */
  readonly scaled: boolean;
  /** Padding; also begins every target. */
  readonly pad: number;
  readonly eos: number;
}

const count = z.int().positive();
const token = z.int().nonnegative();
const schema = z.object({
  model_type: z.string().optional(),
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
  feed_forward_proj: z.string().default('relu'),
  tie_word_embeddings: z.boolean().default(true),
  scale_decoder_outputs: z.boolean().optional(),
  pad_token_id: token.default(0),
  eos_token_id: token.default(1),
  decoder_start_token_id: token.nullish(),
});

/**
 * @param tied whether the checkpoint has no head of its own (`lm_head.weight`).
 * @param source named in errors, e.g. the file's path.
 * @throws UserError naming the field that is missing, wrong, or of another architecture.
 */
export function parseT5Config(json: unknown, tied: boolean, source: string): T5Config {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new UserError(`${source}: ${path.join('.') || 'the file'}: ${message}. Is it the config.json of a T5 model?`);
  }
  const c = parsed.data;
  if (c.model_type !== undefined && c.model_type !== 't5') {
    throw new UserError(`${source}: model_type is "${c.model_type}", expected "t5"`);
  }
  const feedForward = c.feed_forward_proj;
  if (feedForward !== 'relu' && feedForward !== 'gated-gelu') {
    throw new UserError(
      `${source}: feed_forward_proj "${feedForward}" is not supported; it must be relu or gated-gelu`,
    );
  }
  if ((c.decoder_start_token_id ?? c.pad_token_id) !== c.pad_token_id) {
    throw new UserError(`${source}: decoder_start_token_id must be the padding token, as in T5`);
  }
  if (c.relative_attention_max_distance <= c.relative_attention_num_buckets / 2) {
    throw new UserError(`${source}: relative_attention_max_distance must be above half of the number of buckets`);
  }
  return {
    vocab: c.vocab_size,
    dim: c.d_model,
    headDim: c.d_kv,
    hidden: c.d_ff,
    heads: c.num_heads,
    encoderLayers: c.num_layers,
    decoderLayers: c.num_decoder_layers ?? c.num_layers,
    buckets: c.relative_attention_num_buckets,
    maxDistance: c.relative_attention_max_distance,
    epsilon: c.layer_norm_epsilon,
    feedForward,
    tied,
    scaled: c.scale_decoder_outputs ?? c.tie_word_embeddings,
    pad: c.pad_token_id,
    eos: c.eos_token_id,
  };
}

/** The `config.json` that `parseT5Config` and Hugging Face read. */
export function t5ConfigJson(c: T5Config): Record<string, unknown> {
  return {
    architectures: ['T5ForConditionalGeneration'],
    model_type: 't5',
    is_encoder_decoder: true,
    vocab_size: c.vocab,
    d_model: c.dim,
    d_kv: c.headDim,
    d_ff: c.hidden,
    num_layers: c.encoderLayers,
    num_decoder_layers: c.decoderLayers,
    num_heads: c.heads,
    relative_attention_num_buckets: c.buckets,
    relative_attention_max_distance: c.maxDistance,
    layer_norm_epsilon: c.epsilon,
    feed_forward_proj: c.feedForward,
    dropout_rate: 0,
    tie_word_embeddings: c.scaled,
    pad_token_id: c.pad,
    eos_token_id: c.eos,
    decoder_start_token_id: c.pad,
  };
}

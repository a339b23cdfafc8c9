/**
 * What every architecture is: a configuration, named weights, a list of its linear layers, and a loss.
 *
 * Weights use PyTorch's names and shapes: a linear weight is [out, in] and computes x·Wᵀ + b.
 * A forward pass reaches its weights only through a `Net`, so a method can change what a linear
 * layer computes without the architecture knowing.
 */
import type { Scalar, Tensor, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs';
import type { Batch, Tensors } from '../tensor/batch';

/** One adaptable linear layer. */
export interface LinearLayer {
  /** Module path in PEFT's spelling, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  /** Matrix type, the last part that people group by: `q_proj`, `fc1`, … */
  readonly type: string;
  /** Index of the transformer block, −1 outside any block. */
  readonly block: number;
  readonly in: number;
  readonly out: number;
  /** Name of the weight [out, in] in the model's parameters. */
  readonly weight: string;
  /** Name of the bias [out], or null. */
  readonly bias: string | null;
  /** The checkpoint holds the transpose, [in, out] (GPT-2's Conv1D); PEFT calls it `fan_in_fan_out`. */
  readonly transposed?: boolean;
}

/** What a forward pass sees: named values, and a way to apply a linear layer. */
export interface Net {
  /** The current value of a named parameter. */
  get(name: string): Tensor;
  /** Applies a named linear layer: [n, in] → [n, out]. */
  linear(name: string, x: Tensor2D): Tensor2D;
  /** Runs a transformer block in a way of its own (recomputing it in the backward pass); see `inBlock`. */
  block?(path: string, inputs: Tensors, constants: Tensors, run: (given: Tensors) => Tensor2D): Tensor2D;
}

/** What goes in and comes out; a task says which of these fit it. */
export type ModelKind = 'causal' | 'seq2seq' | 'text' | 'image' | 'features';

/** An architecture with its weights. */
export interface Model {
  readonly name: string;
  readonly kind: ModelKind;
  /** `config.json`, keys as Hugging Face spells them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Most tokens of a text; none: any number. */
  readonly context?: number;
  /** Side of the square pictures it takes, pixels; models of pictures only. */
  readonly imageSize?: number;
  /** All weights, as non-trainable variables; methods decide what is trained. */
  readonly params: Map<string, Variable>;
  /** Layers that methods may adapt (heads and embeddings are not in it). */
  readonly linears: readonly LinearLayer[];
  /** Parameters of a freshly made head, trained with every method; empty when the head is pretrained. */
  readonly head: readonly string[];
  /** Logits: [batch, classes] for classifiers, [batch · time, vocabulary] for language models. */
  logits(net: Net, batch: Batch): Tensor2D;
  /** Inputs of the head, [batch, dim], for a linear probe; classifiers only. */
  features?(net: Net, batch: Batch): Tensor2D;
  /** Last hidden states [batch · time, dim], after the last norm; encoders and decoders of texts and pictures. */
  states?(net: Net, batch: Batch): Tensor2D;
  /** Mean loss of the batch, in nats per example (classifiers) or per labelled token (language models). */
  loss(net: Net, batch: Batch): Scalar;
}

/** Keys and values of the positions seen so far, for generation: one pair [rows · kvHeads, time, size] a block. */
export type KeyValueCache = ({ k: Tensor3D; v: Tensor3D } | null)[];

/** Keys and values of a block in places of a fixed number, [rows · kvHeads, places, size]: written in place. */
export interface FixedCache {
  readonly k: Variable;
  readonly v: Variable;
}

/** What a step of one token a row is given, all of it tensors, so that one graph serves every position. */
export interface DecoderStep extends Tensors {
  /** int32 [rows] */
  readonly tokens: Tensor;
  /** Place of these tokens in the cache, int32 [1]. */
  readonly at: Tensor;
  /** Places of padding on the left of each row, int32 [rows]. */
  readonly pads: Tensor;
}

/** A model that continues a text. Batches hold `tokens`, `targets` int32 and `weights` float32 [batch, time]. */
export interface Decoder extends Model {
  readonly kind: 'causal';
  readonly blocks: number;
  readonly heads: number;
  readonly context: number;
  /**
   * Logits [rows, vocabulary] after the last of the new tokens of every row; replaces the cache's entries.
   * Rows are as long as each other: shorter prompts are padded on the left.
   * @param pads places of padding on the left of each row.
   */
  extend(net: Net, rows: readonly (readonly number[])[], cache: KeyValueCache, pads: readonly number[]): Tensor2D;
  /** The same for one token a row, with a cache of fixed size that already holds what comes before `at`. */
  step(net: Net, given: DecoderStep, cache: readonly FixedCache[]): Tensor2D;
}

/** What an encoder made of a batch; the decoder reads it as often as it likes. */
export interface EncoderStates {
  /** [batch · time, dim] */
  readonly states: Tensor2D;
  /** [batch, time], 1 = real, 0 = padding. */
  readonly mask: Tensor2D;
}

/**
 * An encoder–decoder and its two halves. Batches hold `tokens` int32 and `tokenMask` float32 [batch, time] for the
 * encoder, and `decoderTokens`, `targets` int32 and `weights` float32 [batch, targetTime].
 */
export interface EncoderDecoder extends Model {
  readonly kind: 'seq2seq';
  /** Begins every target. */
  readonly start: number;
  readonly eos: number;
  encode(net: Net, batch: Batch): EncoderStates;
  /** Logits [batch · time, vocabulary] after each of `tokens` [batch, time], which begin with `start`. */
  decode(net: Net, encoded: EncoderStates, tokens: Tensor2D): Tensor2D;
}

/** How an encoder of texts or pictures is to end. */
export interface HeadRequest {
  /** Classes by name or count, or one number a text (`regress`). */
  readonly labels: readonly string[] | number | 'regress';
  /**
   * What the head reads: `default` as the architecture's own class of Hugging Face does (BERT: the pooler over the
   * first token), `mean` the mean over the real tokens, as sentence encoders are trained.
   */
  readonly pooling?: 'default' | 'mean';
  /** A head is made anew even where the checkpoint's has the right size: its classes are others. */
  readonly fresh?: boolean;
}

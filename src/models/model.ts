/**
 * What every architecture is: a configuration, named weights, a list of its linear layers, and a loss.
 *
 * Weights use PyTorch's names and shapes: a linear weight is [out, in] and computes x·Wᵀ + b.
 * A forward pass reaches its weights only through a `Net`, so a method can change what a linear
 * layer computes without the architecture knowing.
 */
import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
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

/** An architecture with its weights. */
export interface Model {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
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
  /** Mean loss of the batch, in nats per example (classifiers) or per labelled token (language models). */
  loss(net: Net, batch: Batch): Scalar;
}

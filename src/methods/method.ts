/** The one interface that full fine-tuning, LoRA, GoRA and every other method stand behind. */
import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import type { z } from 'zod';
import type { LinearLayer, Model, Net } from '../models/model';
import type { Random } from '../tensor/random';

/** What a method wants measured before training. */
export type Need = 'gradients' | 'activations';

/** What was measured before training, keyed by layer name. */
export interface Evidence {
  /** Mean gradient of the loss with respect to each target weight, float32 [out, in] row-major. */
  gradients?: Map<string, Float32Array>;
  /** Batches the mean was taken over. */
  gradientBatches?: number;
  /** Right singular vectors and explained-variance ratios of each layer's inputs (EVA). */
  activations?: Map<string, { components: Float32Array; ratios: Float64Array; rank: number }>;
  /** Loss of the adapted model on the first estimation batch (GoRA's adaptive γ). */
  probeLoss?: (net: Net) => number;
}

/** Which learning rate and decay a parameter takes. LoRA+ multiplies the rate of group `B`. */
export type Group = 'A' | 'B' | 'magnitude' | 'lambda' | 'base' | 'head';

/** A value that training moves. */
export interface Parameter {
  /** Unique in the run; optimiser state is keyed by it. */
  readonly name: string;
  readonly group: Group;
  readonly value: Variable;
}

/** Adapters attached to a model. */
export interface Adapters {
  readonly method: string;
  readonly targets: readonly LinearLayer[];
  readonly trainable: readonly Parameter[];
  /** Rank of every adapted layer; null for methods without ranks (full fine-tuning). */
  readonly ranks: ReadonlyMap<string, number> | null;
  /** Importance of every layer where the method measured one (GoRA, EVA). */
  readonly importances: ReadonlyMap<string, number> | null;
  /** Extra facts for the record, e.g. the budget, γ chosen, relative error of the start. */
  readonly notes: Readonly<Record<string, unknown>>;
  /** The adapted network over the model's base weights. */
  readonly net: Net;
  /** Current change of a layer's effective weight against the base as stored now, [out, in]. Caller disposes. */
  delta(layer: string): Tensor2D;
  /** Folds every delta into the base weights; harmless when merged already. Throws UserError on NaN or Inf. */
  merge(): void;
  /** Undoes `merge`. */
  unmerge(): void;
  /** A term added to the loss (AdaLoRA's orthogonality). */
  penalty?(): Scalar;
  /** Rewrites gradients before the optimiser (LoRA-Pro). Inputs and outputs are keyed by parameter name. */
  rewriteGradients?(gradients: Record<string, Tensor>): Record<string, Tensor>;
  /** Called by the trainer after every optimiser step with that step's gradients (AdaLoRA's allocation). */
  afterStep?(step: number, gradients: Record<string, Tensor>): void;
  dispose(): void;
}

/** A method: one file, registered once. */
export interface Method<O = unknown> {
  /** Name on the command line, e.g. `lora-ga`. */
  readonly name: string;
  /** Name in tables and charts, e.g. `LoRA-GA`. */
  readonly title: string;
  /** Paper and equation or algorithm. */
  readonly reference: string;
  readonly needs: readonly Need[];
  /** zod object with a default for every key; unknown keys are refused by the registry. */
  readonly options: z.ZodType<O>;
  attach(model: Model, targets: readonly LinearLayer[], evidence: Evidence, options: O, random: Random): Adapters;
}

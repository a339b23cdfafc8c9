/** The one interface that full fine-tuning, LoRA, GoRA and every other method stand behind. */
import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import type { z } from 'zod';
import type { LinearLayer, Model, Net } from '../models/model';
import type { Random } from '../tensor/random';
import type { GradientWatch } from './gradients';

/** What a method wants measured before training. */
export type Need = 'gradients' | 'activations';

/** What was measured before training, keyed by layer name. */
export interface Evidence {
  /** Mean gradient of the loss with respect to each target weight, float32 [out, in] row-major. */
  gradients?: Map<string, Float32Array>;
  /** Mean loss of those batches, nats. */
  loss?: number;
  /** Batches the mean was taken over. */
  gradientBatches?: number;
  /** Right singular vectors and explained-variance ratios of each layer's inputs (EVA). */
  activations?: Map<string, ActivationEvidence>;
  /** Loss of the adapted model on the first estimation batch (GoRA's adaptive γ). */
  probeLoss?: (net: Net) => number;
  /** Optimiser steps that training will take (AdaLoRA's schedule). */
  steps?: number;
}

/** Principal components of one layer's inputs. */
export interface ActivationEvidence {
  /** Number of components k. */
  readonly rank: number;
  /** [k, in] row-major, orthonormal rows, by falling variance. */
  readonly components: Float32Array;
  /** Share of the inputs' variance along each component, [k]. */
  readonly ratios: Float64Array;
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

/** Host copies of one layer's adapter. */
export interface LayerState {
  readonly layer: LinearLayer;
  readonly rank: number;
  /** Multiplies B·A (AdaLoRA: B·diag(lambda)·A). */
  readonly scale: number;
  /** [rank, in] */
  readonly A: Float32Array;
  /** [out, rank] */
  readonly B: Float32Array;
  /** DoRA's row lengths [out]. */
  readonly magnitude?: Float32Array;
  /** AdaLoRA's Λ [rank]. */
  readonly lambda?: Float32Array;
  /** Starting values that the method subtracted from the base weight. */
  readonly start?: { readonly A: Float32Array; readonly B: Float32Array };
}

/** What a saved adapter holds. */
export interface AdapterState {
  readonly kind: 'lora' | 'dora' | 'adalora';
  /** Scales are α/√r. */
  readonly rankStabilised: boolean;
  /** Further fields of PEFT's config that say how the adapter was trained (AdaLoRA's schedule). */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly layers: readonly LayerState[];
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
  /** Change of a layer's effective weight against the unmerged base, [out, in]. Caller disposes. */
  delta(layer: string): Tensor2D;
  /** Folds every delta into the base weights; harmless when merged already. Throws UserError on NaN or Inf. */
  merge(): void;
  /** Undoes `merge`: the base weights come back bit for bit. */
  unmerge(): void;
  /** What `saveAdapters` writes; missing where there are no adapters (full fine-tuning). */
  state?(): Promise<AdapterState>;
  /** A term added to the loss (AdaLoRA's orthogonality). */
  penalty?(): Scalar;
  /** Rewrites gradients before the optimiser (LoRA-Pro). Inputs and outputs are keyed by parameter name. */
  rewriteGradients?(gradients: Record<string, Tensor>): Record<string, Tensor>;
  /** Called by the trainer after every optimiser step with that step's gradients (AdaLoRA's allocation). */
  afterStep?(step: number, gradients: Record<string, Tensor>): void;
  /** Called when the base weights took other values under the adapters (rounded to NF4). */
  baseChanged?(): void;
  /** Frees the adapters and gives the model its weights of before `attach` back. */
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
  /** Training options that belong to the method (LoRA+: `loraPlusRatio`); a run's own settings win. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** The base weights themselves are trained: there is no adapter to save, and the base cannot be in 4 bits. */
  readonly trainsBase?: boolean;
  /**
   * Refuses options that cannot work on these layers or in so many steps, with all that can be known before anything is
   * measured. `attach` refuses them too.
   */
  check?(targets: readonly LinearLayer[], options: O, steps?: number): void;
  /** Looks at the running mean gradient and may stop the estimation early (GoRA's adaptive N). */
  watchGradients?(model: Model, targets: readonly LinearLayer[], options: O): GradientWatch | undefined;
  attach(model: Model, targets: readonly LinearLayer[], evidence: Evidence, options: O, random: Random): Adapters;
}

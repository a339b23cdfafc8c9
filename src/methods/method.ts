/** The one interface that full fine-tuning, LoRA, GoRA and every other method stand behind. */
import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import type { z } from 'zod';
import { UserError } from '../errors';
import type { AdaptedLayer, PeftCodec, PeftFields } from '../formats/peft-layer';
import type { LinearLayer, Model, Net } from '../models/model';
import type { Random } from '../tensor/random';
import type { Measure } from './measure';
import { parseOptions } from './options';

/** Which learning rate and decay a parameter takes. LoRA+ multiplies the rate of group `B`. */
export type Group = 'A' | 'B' | 'magnitude' | 'lambda' | 'base' | 'head';

/** A value that training moves. */
export interface Parameter {
  /** Unique in the run; optimiser state is keyed by it. */
  readonly name: string;
  readonly group: Group;
  readonly value: Variable;
}

/** What a saved adapter holds. */
export interface AdapterState {
  readonly form: PeftCodec;
  /** Scales are α/√r. */
  readonly rankStabilised: boolean;
  /** Further fields of PEFT's config that say how the adapter was trained (AdaLoRA's schedule). */
  readonly config?: PeftFields;
  /** Host copies of every layer's values. */
  readonly layers: readonly AdaptedLayer[];
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
  /** Extra facts for the record, e.g. the budget, γ chosen, relative error of the init; `adapt` adds those of the base. */
  readonly notes: Record<string, unknown>;
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
  /** Frees the adapters and gives the model its weights of before `adapt` back. */
  dispose(): void;
}

/** Where a method meets a model. */
export interface Site {
  readonly model: Model;
  readonly targets: readonly LinearLayer[];
  readonly random: Random;
  /** Optimiser steps that training will take (AdaLoRA's schedule). */
  readonly steps?: number;
}

/** What a method says of itself. */
interface Description<S extends z.ZodType> {
  /** Name on the command line, e.g. `lora-ga`. */
  readonly name: string;
  /** Name in tables and charts, e.g. `LoRA-GA`. */
  readonly title: string;
  /** Paper and equation or algorithm. */
  readonly reference: string;
  /** What `prepare` asks for, in help texts. */
  readonly measures?: string;
  /** zod object with a default for every key; unknown keys are refused. */
  readonly options: S;
  /** Options that records write under an older name, new → old: ids of records are made of these names. */
  readonly recordNames?: Readonly<Record<string, string>>;
  /** Training options that belong to the method (LoRA+: `loraPlusRatio`); a run's own settings win. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** The base weights themselves are trained: there is no adapter to save, and the base cannot be in 4 bits. */
  readonly trainsBase?: boolean;
}

/** The parts of a method. `M` is what it measures, `undefined` where that is nothing. */
export interface MethodParts<S extends z.ZodType, M> extends Description<S> {
  /**
   * Refuses options that cannot work on these layers or in so many steps, with all that can be known before anything is
   * measured.
   */
  check?(targets: readonly LinearLayer[], options: z.output<S>, steps?: number): void;
  /** Asks for what the init needs. */
  prepare?(measure: Measure, options: z.output<S>, site: Site): M;
  init(site: Site, options: z.output<S>, measured: M): Adapters;
}

/** Runs a phase of `adapt`; a caller may time it. */
export type Phases = <T>(name: 'measure' | 'init', work: () => T) => T;

/** A method: one file, registered once. Made by `defineMethod`; used through `adapt`. */
export interface Method<S extends z.ZodType = z.ZodType> extends Description<S> {
  /**
   * Checks options on the layers and steps they are for, before anything is measured.
   * @throws UserError on options that are none of the method's, or cannot work there.
   */
  check(targets: readonly LinearLayer[], options: unknown, steps?: number): void;
  /** Checks the options, measures and makes the adapters. @throws UserError on options that are none of the method's. */
  start(site: Site, options: unknown, measure: Measure, phases: Phases): Adapters;
}

/** Settings under the names that the code has, whichever they came with. @throws UserError when both names are given. */
export function currentNames(
  { recordNames = {} }: Pick<Method, 'recordNames'>,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const current = new Map(Object.entries(recordNames).map(([now, then]) => [then, now]));
  const twice = Object.keys(settings).find((key) => recordNames[key] && recordNames[key] in settings);
  if (twice) throw new UserError(`"${twice}" and "${recordNames[twice]}" are one option: give one of them`);
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [current.get(key) ?? key, value]));
}

/** Settings under the names that records have. */
export function recordedNames(
  { recordNames = {} }: Pick<Method, 'recordNames'>,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [recordNames[key] ?? key, value]));
}

/** A method out of its parts; the types of its options and of what it measures stay inside. */
export function defineMethod<S extends z.ZodType, M = undefined>(parts: MethodParts<S, M>): Method<S> {
  const { prepare, init, check, ...description } = parts;
  const parsed = (targets: readonly LinearLayer[], given: unknown, steps?: number): z.output<S> => {
    const named = currentNames(parts, given as Record<string, unknown>);
    const options = parseOptions(parts.options, named, `method ${parts.name}`);
    check?.(targets, options, steps);
    return options;
  };
  return {
    ...description,
    check: (targets, given, steps) => void parsed(targets, given, steps),
    start: (site, given, measure, phases) => {
      const options = parsed(site.targets, given, site.steps);
      const measured = phases('measure', () => prepare?.(measure, options, site));
      return phases('init', () => init(site, options, measured as M));
    },
  };
}

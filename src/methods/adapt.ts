/**
 * The one door through which a method meets a model: options are checked, what the method asks for is measured, the
 * adapters are made, and the base goes into four bits where that is asked for.
 */
import type { z } from 'zod';
import type { LinearLayer, Model } from '../models/model';
import type { Random } from '../tensor/random';
import { type Batches, BatchMeasure, type Measure, type MeasureOptions, takenBefore } from './measure';
import type { Adapters, Method, Phases } from './method';
import { baseInNf4, type Nf4Options } from './nf4-base';

export interface AdaptContext extends Omit<MeasureOptions, 'random'> {
  /** The run's random stream: inits and measurements take their own forks of it. */
  readonly random: Random;
  /** Default: every linear layer of the model. */
  readonly targets?: readonly LinearLayer[];
  /** Optimiser steps that training will take; AdaLoRA's schedule needs them. */
  readonly steps?: number;
  /** Puts the base into NF4 once the adapters are made on the full weights (QLoRA, QGoRA). Default: it stays float32. */
  readonly nf4?: Nf4Options;
  /** Runs each phase, e.g. to time it. */
  readonly phases?: Phases;
}

/** What the method measures on; none: batches are asked of nobody, and a method that needs some is refused. */
export type Source = Batches | Partial<Measure>;

const isBatches = (source: Source): source is Batches => typeof source === 'function' || Array.isArray(source);

/**
 * Adapts a model with a method.
 * @param options the method's own, as far as they differ from its defaults.
 * @param source batches (a function makes them anew at every call, and each is freed when used; those of an array stay
 * the caller's), or measurements that were taken before.
 * @throws UserError on wrong options, on data that is too little, on a layer that the method does not fit; the model is
 * then as it was.
 */
export function adapt<S extends z.ZodType>(
  model: Model,
  method: Method<S>,
  options: z.input<S>,
  source: Source,
  context: AdaptContext,
): Adapters {
  const { random, targets = model.linears, steps, nf4, phases = (_, work) => work(), pass, onBatch } = context;
  const site = { model, targets, random: random.fork('method'), steps };
  const own = isBatches(source) ? new BatchMeasure(model, targets, source, { random, pass, onBatch }) : null;
  const measure = own ?? takenBefore(source as Partial<Measure>);
  try {
    const start = () => method.start(site, options, measure, phases);
    return nf4 ? baseInNf4(model, method, start, nf4) : start();
  } finally {
    own?.dispose();
  }
}

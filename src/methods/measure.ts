/**
 * What a method may ask about a model and its data before training: the mean gradient of every target, the principal
 * components of its inputs, the loss on a batch. Batches are made when they are asked for and freed when used, so
 * nothing is held but the one that a probe keeps.
 */
import { UserError } from '../errors';
import type { LinearLayer, Model, Net } from '../models/model';
import type { Batch } from '../tensor/batch';
import type { Random } from '../tensor/random';
import { type ActivationOptions, type ActivationResult, estimateActivations } from './activations';
import { estimateGradients, type GradientEvidence, type GradientWatch, probeOn } from './gradients';

/**
 * Batches to measure on. An array stays the caller's. A function begins anew at every call; its batches belong to the
 * measurement, which frees each.
 */
export type Batches = readonly Batch[] | (() => Iterable<Batch>);

export interface GradientRequest {
  /** N, batches to take the mean over. */
  readonly batches: number;
  /** Looks at the running mean and may stop the estimation early. */
  readonly afterBatch?: GradientWatch;
}

export interface Measure {
  /** Mean gradients of the loss with respect to each target weight, [out, in] row-major by layer. */
  gradients(request: GradientRequest): GradientEvidence;
  /** Principal components of the targets' inputs. */
  inputs(request: ActivationOptions): ActivationResult;
  /** Loss of any network on the first batch, nats. */
  probe(): (net: Net) => number;
}

export interface MeasureOptions {
  readonly random: Random;
  /** Batches of one pass over the data: no measurement takes more. Default: as many as there are. */
  readonly pass?: number;
  /** Told of every batch that was measured. */
  readonly onBatch?: (done: number, of: number) => void;
}

const free = (batch: Batch) => {
  for (const tensor of Object.values(batch)) tensor.dispose();
};

/** Measures on batches. Dispose it when the method's init is made. */
export class BatchMeasure implements Measure {
  private probed: Batch | null = null;

  constructor(
    private readonly model: Model,
    private readonly targets: readonly LinearLayer[],
    private readonly batches: Batches,
    private readonly options: MeasureOptions,
  ) {}

  gradients({ batches, afterBatch }: GradientRequest): GradientEvidence {
    // an array is taken as it is: a person who gives it chose its length
    const given = typeof this.batches === 'function' ? batches : this.batches.length;
    const count = Math.min(given, this.options.pass ?? given);
    return estimateGradients(this.model, this.targets, this.stream(count), { batches: count, afterBatch });
  }

  inputs(request: ActivationOptions): ActivationResult {
    const random = this.options.random.fork('activations');
    const { pass = Number.POSITIVE_INFINITY } = this.options;
    return estimateActivations(this.model, this.targets, this.stream(pass), request, random);
  }

  probe(): (net: Net) => number {
    if (typeof this.batches !== 'function') {
      if (this.batches.length === 0) throw new UserError('no batch to take the loss on: the training set is empty');
      return probeOn(this.model, this.batches[0]);
    }
    for (const batch of this.probed ? [] : this.batches()) {
      this.probed = batch;
      break;
    }
    if (!this.probed) throw new UserError('no batch to take the loss on: the training set is empty');
    return probeOn(this.model, this.probed);
  }

  private *stream(count: number): Generator<Batch, void> {
    const { batches } = this;
    const own = typeof batches === 'function';
    let done = 0;
    for (const batch of own ? batches() : batches) {
      if (done === count) {
        if (own) free(batch);
        return;
      }
      try {
        yield batch;
      } finally {
        done += 1;
        this.options.onBatch?.(done, count);
        if (own) free(batch);
      }
      if (done === count) return;
    }
  }

  dispose(): void {
    if (this.probed) free(this.probed);
    this.probed = null;
  }
}

/** Measures that were taken before; the others are refused by name. */
export function takenBefore(given: Partial<Measure>): Measure {
  const none = (what: string) => (): never => {
    throw new UserError(`this method needs ${what}, and no batch was given to measure on`);
  };
  return {
    gradients: none('mean gradients'),
    inputs: none("the layers' inputs"),
    probe: none('the loss on a training batch'),
    ...given,
  };
}

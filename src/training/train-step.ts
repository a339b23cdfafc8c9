/**
 * One training step as a function of batch and scalars, run as a graph where one can serve: loss, gradients and update
 * together, or loss and gradients alone where the method works on them in JavaScript.
 */
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Adapters } from '../methods/method';
import type { Model } from '../models/model';
import type { Batch, Tensors } from '../tensor/batch';
import { type Jit, jit } from '../tensor/jit/jit';
import type { AdamW, StepScalars } from './adamw';
import { finishStep, lossAndGradients, type StepGradients, type StepResult } from './step';

export interface TrainStepOptions {
  /** Largest gradient norm, 0 = off. */
  readonly clip: number;
  /** Run as a graph where possible. */
  readonly compile: boolean;
  /** Steps that will run. */
  readonly steps: number;
  /** Keep the blocks' inputs alone and compute the blocks again in the backward pass. */
  readonly recompute?: boolean;
}

/** Fewer steps do not repay building a graph. */
const FEWEST_STEPS = 8;

/** `compiled gradients`: forward and backward pass are a graph, the update runs eagerly. */
export type StepMode = 'eager' | 'compiled' | 'compiled gradients';

/** Names of the scalars among the inputs; those of a batch have no such prefix. */
const SCALAR = 'step.';
const GRADIENT = 'gradient.';

/** Entries whose names begin with a prefix, without it. */
function under(prefix: string, all: Tensors): Record<string, Tensor> {
  const own = Object.entries(all).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

const named = (prefix: string, all: Tensors): Tensors =>
  Object.fromEntries(Object.entries(all).map(([name, tensor]) => [prefix + name, tensor]));

const batchIn = (inputs: Tensors): Batch =>
  Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith(SCALAR)));

export class TrainStep {
  private readonly jit: Jit<Tensors, Tensors>;
  /** The method works on gradients in JavaScript, so its update cannot be part of the graph. */
  private readonly partly: boolean;
  /** Live tensor bytes of the last pass that JavaScript ran or traced, above those before it. */
  private bytes = 0;
  private kept = 0;

  constructor(
    private readonly model: Model,
    private readonly adapters: Adapters,
    private readonly optimiser: AdamW,
    private readonly options: TrainStepOptions,
  ) {
    const { compile, steps } = options;
    this.partly = Boolean(adapters.rewriteGradients || adapters.afterStep);
    const eager = !compile
      ? 'switched off'
      : steps < FEWEST_STEPS
        ? `${steps} steps do not repay building a graph`
        : null;
    this.jit = this.partly
      ? jit(
          (inputs) => {
            const { loss, gradients } = this.pass(inputs);
            return { loss, ...named(GRADIENT, gradients) };
          },
          { reads: optimiser.parameters.map(({ value }) => value), eager },
        )
      : jit(
          (inputs) => {
            const scalars = under(SCALAR, inputs) as unknown as StepScalars;
            const { loss, norm } = finishStep(this.adapters, this.optimiser, this.pass(inputs), scalars, options.clip);
            return { loss, norm };
          },
          { state: optimiser.variables, eager },
        );
  }

  private pass(batch: Tensors): StepGradients {
    const { parameters } = this.optimiser;
    const before = tf.memory().numBytes;
    const found = lossAndGradients(this.model, this.adapters, parameters, batchIn(batch), this.options.recompute);
    this.bytes = found.bytes - before;
    this.kept = found.kept;
    return found;
  }

  /** How steps of the commonest shape run. */
  get mode(): StepMode {
    if (this.jit.why !== null) return 'eager';
    return this.partly ? 'compiled gradients' : 'compiled';
  }

  /** Why they run eagerly or in part eagerly; null when they are compiled as a whole. */
  get why(): string | null {
    return this.jit.why ?? (this.partly ? `${this.adapters.method} works on gradients in JavaScript` : null);
  }

  /** Batch shapes met so far. */
  get shapes(): number {
    return this.jit.shapes;
  }

  /** Runs step t = 1, 2, … The caller disposes loss and norm. */
  run(batch: Batch, step: number, lr: number): StepResult {
    const { optimiser, adapters } = this;
    const scalars = optimiser.scalars(step, lr);
    const before = tf.memory().numBytes;
    this.bytes = this.kept = 0;
    try {
      if (!this.partly) {
        const { loss, norm } = this.jit.run({ ...batch, ...named(SCALAR, scalars as unknown as Tensors) });
        return { loss: loss as Scalar, norm: norm as Scalar, ...this.memory(before) };
      }
      const found = this.jit.run(batch);
      const memory = this.memory(before);
      const gradients = under(GRADIENT, found);
      const pass = { loss: found.loss as Scalar, gradients, ...memory };
      return { ...finishStep(adapters, optimiser, pass, scalars, this.options.clip, step), ...memory };
    } finally {
      tf.dispose(scalars as unknown as tf.TensorContainer);
    }
  }

  private memory(before: number): { bytes: number; kept: number } {
    return { bytes: this.bytes > 0 ? before + this.bytes : 0, kept: this.kept };
  }

  /** Brings the parameters' values back into their variables, for evaluation and saving. */
  sync(): void {
    this.jit.sync();
  }

  /** Brings the values back and gives the graphs away. */
  dispose(): void {
    this.jit.dispose();
  }
}

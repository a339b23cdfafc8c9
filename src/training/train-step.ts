/**
 * One training step as a function of batch and scalars: loss, gradients and the chain of links that updates, run as a
 * graph where one can serve. Links that work in JavaScript stand outside: the graph then ends where the first begins.
 */
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Adapters } from '../methods/method';
import type { Model } from '../models/model';
import type { Batch, Tensors } from '../tensor/batch';
import { type Jit, jit } from '../tensor/jit/jit';
import type { AdamW } from './adamw';
import { lossAndGradients, type StepResult } from './step';
import { applyLinks, type Link, scalarsOf, updateOf } from './transforms';

export interface TrainStepOptions {
  /** Largest gradient norm, 0 = off. */
  readonly clip: number;
  /** Run as a graph where possible. */
  readonly compile: boolean;
  /** Steps that will run. */
  readonly steps: number;
  /** Keep the blocks' inputs alone and compute the blocks again in the backward pass. */
  readonly recompute?: boolean;
  /** Batches whose gradients make one step. */
  readonly accumulate?: number;
  readonly labelSmoothing?: number;
}

/** Fewer steps do not repay building a graph. */
const FEWEST_STEPS = 8;

/** `compiled gradients`: forward and backward pass are a graph, the update runs eagerly. */
export type StepMode = 'eager' | 'compiled' | 'compiled gradients';

/** Prefixes of names that go into the graph and come out of it; those of a batch have none. */
const SCALAR = 'scalar.';
const REPORT = 'report.';
const GRADIENT = 'gradient.';

/** Entries whose names begin with a prefix, without it. */
function under<T extends Tensor>(prefix: string, all: Tensors): Record<string, T> {
  const own = Object.entries(all).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor as T]));
}

const named = (prefix: string, all: Tensors): Tensors =>
  Object.fromEntries(Object.entries(all).map(([name, tensor]) => [prefix + name, tensor]));

const batchIn = (inputs: Tensors): Batch =>
  Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith(SCALAR)));

/** Examples or labelled tokens: what a batch's mean loss is the mean of. */
function weightOf(batch: Batch): number {
  if (batch.weights) return Array.from(batch.weights.dataSync()).reduce((sum, weight) => sum + weight, 0);
  return Object.values(batch)[0].shape[0] as number;
}

export class TrainStep {
  private readonly links: readonly Link[];
  /** Links that are part of the graph; the others follow in JavaScript. */
  private readonly inside: number;
  private readonly jit: Jit<Tensors, Tensors>;
  /** Live tensor bytes of the last pass that JavaScript ran or traced, above those before it. */
  private bytes = 0;
  private kept = 0;

  constructor(
    private readonly model: Model,
    private readonly adapters: Adapters,
    private readonly optimiser: AdamW,
    private readonly options: TrainStepOptions,
  ) {
    const { compile, steps, accumulate = 1 } = options;
    this.links = updateOf(adapters, optimiser, options.clip);
    const first = this.links.findIndex((link) => link.inJavaScript);
    this.inside = accumulate > 1 ? 0 : first < 0 ? this.links.length : first;
    const inside = this.links.slice(0, this.inside);
    const state = inside.flatMap((link) => link.state ?? []);
    const few = steps < FEWEST_STEPS ? `${steps} steps do not repay building a graph` : null;
    this.jit = jit((inputs) => this.compute(inputs, inside), {
      state,
      reads: state.length > 0 ? [] : optimiser.parameters.map(({ value }) => value),
      eager: compile ? few : 'switched off',
    });
  }

  /** What the graph is of: a pass, the links inside, and what the links outside need. */
  private compute(inputs: Tensors, inside: readonly Link[]): Tensors {
    const before = tf.memory().numBytes;
    const { loss, gradients, bytes, kept } = lossAndGradients(
      this.model,
      this.adapters,
      this.optimiser.parameters,
      batchIn(inputs),
      this.options.recompute,
      this.options.labelSmoothing,
    );
    [this.bytes, this.kept] = [bytes - before, kept];
    const report: Record<string, Scalar> = {};
    const passed = applyLinks(inside, gradients, { step: 0, scalars: under<Scalar>(SCALAR, inputs), report });
    const outputs = { loss, ...named(REPORT, report) };
    if (this.inside < this.links.length) return { ...outputs, ...named(GRADIENT, passed) };
    tf.dispose(passed);
    return outputs;
  }

  /** How steps of the commonest shape run. */
  get mode(): StepMode {
    if (this.jit.why !== null) return 'eager';
    return this.inside > 0 ? 'compiled' : 'compiled gradients';
  }

  /** Why they run eagerly or in part eagerly; null when they are compiled as a whole. */
  get why(): string | null {
    if (this.jit.why !== null || this.inside === this.links.length) return this.jit.why;
    const { accumulate = 1 } = this.options;
    if (accumulate > 1) return `gradients of ${accumulate} batches are added up`;
    return `${this.adapters.method} works on gradients in JavaScript`;
  }

  /** Batch shapes met so far. */
  get shapes(): number {
    return this.jit.shapes;
  }

  /** Runs step t = 1, 2, … on a batch, or on several whose gradients are added up. The caller disposes the result. */
  run(batches: Batch | readonly Batch[], step: number, lr: number): StepResult {
    const all = Array.isArray(batches) ? (batches as readonly Batch[]) : [batches as Batch];
    const scalars = scalarsOf(this.links, step, lr);
    const before = tf.memory().numBytes;
    this.bytes = this.kept = 0;
    const found = all.length === 1 ? this.jit.run({ ...all[0], ...this.fed(scalars) }) : this.addedUp(all);
    const memory = { bytes: this.bytes > 0 ? before + this.bytes : 0, kept: this.kept };
    const report = under<Scalar>(REPORT, found);
    const outside = this.links.slice(this.inside);
    if (outside.length > 0) {
      if (this.inside > 0) this.jit.sync();
      tf.dispose(applyLinks(outside, under(GRADIENT, found), { step, scalars, report }));
    }
    tf.dispose(scalars);
    return { loss: found.loss as Scalar, norm: report.norm, ...memory };
  }

  /** Scalars that the links in the graph take. */
  private fed(scalars: Record<string, Scalar>): Tensors {
    return this.inside > 0 ? named(SCALAR, scalars) : {};
  }

  /** Loss and gradients of all batches together, as of one large batch. */
  private addedUp(batches: readonly Batch[]): Tensors {
    const weights = batches.map(weightOf);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sums: Record<string, Tensor> = {};
    for (const [i, batch] of batches.entries()) {
      if (weights[i] === 0 && total > 0) continue; // no label in it: its mean is of nothing
      const found = this.jit.run(batch);
      const before = sums;
      sums = tf.tidy(() =>
        Object.fromEntries(
          Object.entries(found).map(([name, tensor]) => {
            const part = tf.mul(tensor, weights[i] / total);
            return [name, before[name] ? tf.add(before[name], part) : part];
          }),
        ),
      );
      tf.dispose([before, found] as unknown as tf.TensorContainer);
    }
    return sums;
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

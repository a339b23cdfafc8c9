/**
 * Runs training steps, compiled where that is possible.
 *
 * The first two steps run eagerly and are recorded. When both recordings are the same graph, it is built, run once on
 * the second step's input and compared with what the eager step gave; from then on it replaces the eager step.
 * Whatever stands against that leaves training eager, and `why` says so.
 */

import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { messageOf } from '../errors';
import type { Adapters } from '../methods/method';
import type { Model } from '../models/model';
import type { Batch } from '../tensor/batch';
import { batchShape, traceDifference } from '../tensor/compile/compare';
import { type NativeBackend, nativeBackend } from '../tensor/compile/trace';
import type { AdamW } from './adamw';
import { CompiledGradients } from './compiled-gradients';
import { CompiledStep, type ParameterState } from './compiled-step';
import { clipGradients, finishStep, lossAndGradients, type StepGradients, type StepResult } from './step';
import { type TracedStep, traceStep } from './traced-step';
import { gradientDifference, stepDifference } from './verify';

export interface StepperOptions {
  /** Largest gradient norm, 0 = off. */
  readonly clip: number;
  /** Compile where possible. */
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

export class Stepper {
  mode: StepMode = 'eager';
  /** Why steps run eagerly or in part eagerly; null when they are compiled as a whole. */
  why: string | null;
  private backend: NativeBackend | null = null;
  private first: TracedStep | null = null;
  private shape = '';
  private whole: CompiledStep | null = null;
  private partial: CompiledGradients | null = null;
  /** The graph's values are newer than the variables'. */
  private ahead = false;
  /** The variables' values are newer than the graph's. */
  private behind = false;

  constructor(
    private readonly model: Model,
    private readonly adapters: Adapters,
    private readonly optimiser: AdamW,
    private readonly options: StepperOptions,
  ) {
    this.why = 'the first steps have not run yet';
    if (!options.compile) this.why = 'switched off';
    else if (!nativeBackend()) this.why = `backend ${tf.getBackend()} runs no graphs`;
    else if (options.steps < FEWEST_STEPS) this.why = `${options.steps} steps do not repay building a graph`;
    else this.backend = nativeBackend();
  }

  /** Methods that touch gradients in JavaScript: their update cannot be part of the graph. */
  private get updatesInJavaScript(): boolean {
    return Boolean(this.adapters.rewriteGradients || this.adapters.afterStep);
  }

  /** Runs step t = 1, 2, … The caller disposes the result. */
  step(batch: Batch, step: number, lr: number): StepResult {
    const fits = batchShape(batch) === this.shape;
    if (this.whole && fits) {
      if (this.behind) this.whole.push((name) => this.eagerState(name));
      this.behind = false;
      this.ahead = true;
      return this.whole.run(batch, step, lr);
    }
    if (this.partial && fits) return this.finish(this.partial.run(batch), step, lr);
    if (this.ahead) this.syncAll();
    this.behind = true;
    if (!this.backend) return this.finish(lossAndGradients(...this.arguments(batch)), step, lr);
    return this.recorded(this.backend, batch, step, lr);
  }

  private arguments(batch: Batch) {
    return [this.model, this.adapters, this.optimiser.parameters, batch, this.options.recompute] as const;
  }

  private finish(found: StepGradients, step: number, lr: number): StepResult {
    const scalars = this.optimiser.scalars(step, lr);
    const result = finishStep(this.adapters, this.optimiser, found, scalars, this.options.clip, step);
    tf.dispose(scalars as unknown as tf.TensorContainer);
    return result;
  }

  /** An eager step whose operations are recorded; the second one of a shape builds the graph. */
  private recorded(backend: NativeBackend, batch: Batch, step: number, lr: number): StepResult {
    const partial = this.updatesInJavaScript;
    const before = this.snapshot();
    const { found, traced } = traceStep(backend, this.optimiser.parameters, batch, () => {
      const found = lossAndGradients(...this.arguments(batch));
      return partial ? found : { ...found, norm: clipGradients(found.gradients, this.options.clip) };
    });
    const clones: Record<string, Tensor> = partial
      ? tf.tidy(() => mapValues(found.gradients, (g) => tf.keep(tf.clone(g))))
      : {};
    const result = this.finish(found, step, lr);
    const shape = batchShape(batch);
    if (this.first && shape === this.shape) {
      this.compile(backend, traced, () =>
        partial
          ? this.tryPartial(backend, traced, batch, before, { ...result, gradients: clones })
          : this.tryWhole(backend, traced, batch, before, result, step, lr),
      );
    } else {
      this.first = traced;
      this.shape = shape;
    }
    tf.dispose([clones, [...before.values()]] as unknown as tf.TensorContainer);
    return result;
  }

  /** Compares the recordings and builds the graph, or notes why not. Recording ends here in either case. */
  private compile(backend: NativeBackend, second: TracedStep, build: () => string | null): void {
    this.backend = null;
    const difference = traceDifference(this.first!, second);
    this.first = null;
    if (difference) {
      this.why = `the step ${difference}`;
      return;
    }
    let failure: string | null;
    try {
      failure = build();
    } catch (error) {
      failure = `the graph does not run: ${messageOf(error).split('\n')[0]}`;
    }
    if (failure === null) return;
    this.why = failure;
    this.mode = 'eager';
    this.disposeGraphs();
    if (backend) console.warn(`training runs eagerly: ${failure}`);
  }

  private tryWhole(
    backend: NativeBackend,
    traced: TracedStep,
    batch: Batch,
    before: ReadonlyMap<string, ParameterState>,
    eager: StepResult,
    step: number,
    lr: number,
  ): string | null {
    this.whole = new CompiledStep(backend, this.optimiser, traced);
    this.whole.push((name) => before.get(name)!);
    const result = this.whole.run(batch, step, lr);
    const after = this.whole.pull();
    const difference = stepDifference(this.optimiser, { before, after, result, eager, step, lr });
    tf.dispose([result.loss, result.norm, [...after.values()]] as unknown as tf.TensorContainer);
    if (difference) return difference;
    this.mode = 'compiled';
    this.why = null;
    this.behind = true;
    return null;
  }

  private tryPartial(
    backend: NativeBackend,
    traced: TracedStep,
    batch: Batch,
    before: ReadonlyMap<string, ParameterState>,
    eager: StepGradients,
  ): string | null {
    this.partial = new CompiledGradients(backend, this.optimiser.parameters, traced);
    const found = this.partial.run(batch, ({ name }) => before.get(name)!.value);
    const difference = gradientDifference(found, eager);
    tf.dispose([found.loss, found.gradients] as unknown as tf.TensorContainer);
    if (difference) return difference;
    this.mode = 'compiled gradients';
    this.why = `${this.adapters.method} works on gradients in JavaScript`;
    return null;
  }

  private eagerState(name: string): ParameterState {
    const { value } = this.optimiser.parameters.find((parameter) => parameter.name === name)!;
    return { value, ...this.optimiser.moments(name) };
  }

  /** Values and moments before a step: clones, which share their buffers until the next assignment. */
  private snapshot(): Map<string, ParameterState> {
    return new Map(
      this.optimiser.parameters.map(({ name }) => {
        const { value, m, v } = this.eagerState(name);
        return [name, { value: tf.clone(value), m: tf.clone(m), v: tf.clone(v) }];
      }),
    );
  }

  /** Brings the parameters' values back into their variables, for evaluation and saving. */
  sync(): void {
    if (this.ahead) this.whole?.pullValues();
  }

  /** Brings values and moments back because another stepper of the same parameters goes on; this one reads them anew. */
  handOver(): void {
    if (this.ahead) this.syncAll();
    this.behind = true;
  }

  /** Brings values and moments back, for an eager step. */
  private syncAll(): void {
    const state = this.whole!.pull();
    for (const { name, value } of this.optimiser.parameters) {
      const found = state.get(name);
      if (!found) continue;
      const { m, v } = this.optimiser.moments(name);
      value.assign(found.value);
      m.assign(found.m);
      v.assign(found.v);
      tf.dispose([found.value, found.m, found.v]);
    }
    this.ahead = false;
  }

  private disposeGraphs(): void {
    this.whole?.dispose();
    this.partial?.dispose();
    this.whole = null;
    this.partial = null;
  }

  /** Brings the values back and frees the graph. */
  dispose(): void {
    this.sync();
    this.ahead = false;
    this.disposeGraphs();
  }
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/**
 * A whole training step as one TensorFlow graph: loss, gradients, clipping and AdamW. Parameters and moments live in
 * the graph's session; `pull` brings them back.
 *
 * The update is TensorFlow's own fused Adam, one operation a parameter, given scalars that make it AdamW's:
 * its 1 − β is rounded to float32, so moments are kept times k = (1 − β)₃₂/(1 − β), and
 *   lr·m̂/(√v̂ + ε) = α·m/(√v + ε′),  α = lr·(c₁/k₁)/√(c₂/k₂),  ε′ = ε/√(c₂/k₂),  cᵢ = 1/(1 − βᵢᵗ).
 */

import type { Tensor, TensorInfo, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Parameter } from '../methods/method';
import type { Batch } from '../tensor/batch';
import { emitTrace } from '../tensor/compile/emit';
import { FLOAT, GraphBuilder, type GraphVariable } from '../tensor/compile/graph';
import { GraphSession, runOnce } from '../tensor/compile/session';
import type { NativeBackend } from '../tensor/compile/trace';
import type { AdamW } from './adamw';
import type { StepResult } from './step';
import type { TracedStep } from './traced-step';

/** What the session holds of one trained parameter. */
interface Held {
  readonly parameter: Parameter;
  readonly value: GraphVariable;
  readonly m: GraphVariable;
  readonly v: GraphVariable;
}

/** Values of one parameter with its moments. */
export interface ParameterState {
  readonly value: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/** (1 − β) as float32 arithmetic gives it, over 1 − β. */
const drift = (beta: number) => Math.fround(1 - Math.fround(beta)) / (1 - beta);

const SCALAR = { shape: [], dtype: FLOAT };

export class CompiledStep {
  private readonly session: GraphSession;
  private readonly held: Held[] = [];
  private readonly inputs = new Map<string, string>();
  private readonly fetches: string[];
  private readonly placeholders: { alpha: string; epsilon: string; decay: string };
  private readonly setters: { feeds: string[]; done: string };

  /** Builds the graph and sets it to the parameters' and moments' present values. */
  constructor(
    backend: NativeBackend,
    private readonly optimiser: AdamW,
    traced: TracedStep,
  ) {
    const graph = new GraphBuilder();
    const declared = new Map<number, string>();
    const meta = (id: number) => traced.trace.metas.get(id)!;
    for (const [name, id] of traced.batch) {
      if (!traced.trace.metas.has(id)) continue; // the step does not use it
      const place = graph.placeholder(meta(id));
      this.inputs.set(name, place);
      declared.set(id, place);
    }
    for (const parameter of optimiser.parameters) {
      if (!traced.gradients.has(parameter.name)) continue;
      const id = traced.parameters.get(parameter.name)!;
      const [value, m, v] = [0, 1, 2].map(() => graph.variable(meta(id)));
      this.held.push({ parameter, value, m, v });
      declared.set(id, value.read);
    }
    const gradients = this.held.map(({ parameter }) => traced.gradients.get(parameter.name)!);
    const emitted = emitTrace(graph, backend.binding, traced.trace, declared, [
      traced.loss,
      traced.norm!,
      ...gradients,
    ]);
    const [loss, norm, ...slopes] = emitted.outputs;
    this.placeholders = {
      alpha: graph.placeholder(SCALAR),
      epsilon: graph.placeholder(SCALAR),
      decay: graph.placeholder(SCALAR),
    };
    const updates = this.emitUpdates(graph, slopes);
    this.fetches = [graph.node('Identity', [loss, ...updates.map((n) => `^${n}`)], { T: { type: FLOAT } }), norm];
    this.setters = emitSetters(
      graph,
      this.held.flatMap(({ value, m, v }) => [value, m, v]),
    );
    const begin = emitted.once.length > 0 ? graph.barrier(emitted.once.map(({ assign }) => assign)) : null;
    this.session = new GraphSession(backend, graph.serialise());
    if (begin) runOnce(this.session, emitted.once, begin);
  }

  /** One fused update a parameter, after everything has read the old value. */
  private emitUpdates(graph: GraphBuilder, slopes: readonly string[]): string[] {
    const { beta1, beta2, weightDecay } = this.optimiser.options;
    const { alpha, epsilon, decay } = this.placeholders;
    const constants = {
      zero: graph.scalar(0),
      one: graph.scalar(1),
      beta1: graph.scalar(beta1),
      beta2: graph.scalar(beta2),
    };
    const byRate = new Map<number, { alpha: string; keep: string }>();
    const scaled = (rate: number) => {
      let found = byRate.get(rate);
      if (!found) {
        const times = (node: string) => (rate === 1 ? node : graph.float('Mul', node, graph.scalar(rate)));
        found = { alpha: times(alpha), keep: graph.float('Sub', constants.one, times(decay)) };
        byRate.set(rate, found);
      }
      return found;
    };
    return this.held.map(({ parameter, value, m, v }, i) => {
      const own = scaled(this.optimiser.rateOf(parameter.group));
      const after = [value.read];
      if (weightDecay > 0) after.push(graph.assign(value, graph.float('Mul', value.read, own.keep)));
      const { zero } = constants;
      return graph.node(
        'ResourceApplyAdam',
        [
          ...[value.handle, m.handle, v.handle, zero, zero, own.alpha, constants.beta1, constants.beta2, epsilon],
          slopes[i],
          ...after.map((name) => `^${name}`),
        ],
        { T: { type: FLOAT }, use_locking: { bool: false }, use_nesterov: { bool: false } },
      );
    });
  }

  /** Runs step t = 1, 2, … */
  run(batch: Batch, step: number, lr: number): StepResult {
    const { beta1, beta2, epsilon, weightDecay } = this.optimiser.options;
    const c1 = 1 / (1 - beta1 ** step) / drift(beta1);
    const root = Math.sqrt(1 / (1 - beta2 ** step) / drift(beta2));
    const scalars = [(lr * c1) / root, epsilon / root, lr * weightDecay].map((value) => tf.scalar(value));
    const feeds = new Map<string, TensorInfo>();
    for (const [name, place] of this.inputs) feeds.set(place, batch[name]);
    const { alpha, epsilon: small, decay } = this.placeholders;
    feeds.set(alpha, scalars[0]);
    feeds.set(small, scalars[1]);
    if (weightDecay > 0) feeds.set(decay, scalars[2]);
    const [loss, norm] = this.session.run(feeds, this.fetches) as tf.Scalar[];
    tf.dispose(scalars);
    return { loss, norm, bytes: 0, kept: 0 };
  }

  /** Sets parameters and moments. */
  push(state: (name: string) => ParameterState): void {
    const [k1, k2] = this.drifts();
    tf.tidy(() => {
      const values = this.held.flatMap(({ parameter }) => {
        const { value, m, v } = state(parameter.name);
        return [value, tf.mul(m, k1), tf.mul(v, k2)];
      });
      const { feeds, done } = this.setters;
      this.session.run(new Map(feeds.map((name, i) => [name, values[i]])), [done]);
    });
  }

  /** Present values and moments of all parameters by name; the caller disposes. */
  pull(): Map<string, ParameterState> {
    const [k1, k2] = this.drifts();
    const reads = this.held.flatMap(({ value, m, v }) => [value.read, m.read, v.read]);
    const tensors = this.session.run(new Map(), reads);
    return new Map(
      this.held.map(({ parameter }, i) => {
        const [value, m, v] = tensors.slice(3 * i, 3 * i + 3);
        const state = { value, m: tf.div(m, k1), v: tf.div(v, k2) };
        tf.dispose([m, v]);
        return [parameter.name, state];
      }),
    );
  }

  /** Brings the parameters' values back into their variables. */
  pullValues(): void {
    const tensors = this.session.run(
      new Map(),
      this.held.map(({ value }) => value.read),
    );
    this.held.forEach(({ parameter }, i) => {
      (parameter.value as Variable).assign(tensors[i]);
    });
    tf.dispose(tensors);
  }

  private drifts(): [number, number] {
    const { beta1, beta2 } = this.optimiser.options;
    return [drift(beta1), drift(beta2)];
  }

  dispose(): void {
    this.session.dispose();
  }
}

/** Placeholders that set the variables, and the node that says it is done. */
function emitSetters(graph: GraphBuilder, variables: readonly GraphVariable[]): { feeds: string[]; done: string } {
  const feeds = variables.map(({ meta }) => graph.placeholder(meta));
  return { feeds, done: graph.barrier(variables.map((variable, i) => graph.assign(variable, feeds[i]))) };
}

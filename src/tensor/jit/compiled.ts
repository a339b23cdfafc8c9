/** A function as a TensorFlow graph in a session of its own: frozen tensors and state live there between runs. */

import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../batch';
import { type Emitted, emitTrace } from './emit';
import { GraphBuilder, type GraphVariable } from './graph';
import { INT32, type NativeBackend, type TensorMeta } from './native';
import type { Plan } from './plan';
import { GraphSession } from './session';
import type { Trace } from './trace';

/** Placeholders that set variables, and the nodes that say it is done: of each, and of all. */
interface Setter {
  readonly feeds: readonly string[];
  readonly each: readonly string[];
  readonly all: string;
}

function setterOf(graph: GraphBuilder, variables: readonly GraphVariable[]): Setter {
  const feeds = variables.map(({ meta }) => graph.placeholder(meta));
  const assigned = variables.map((variable, i) => graph.assign(variable, feeds[i]));
  return { feeds, each: assigned.map((one) => graph.barrier([one])), all: graph.barrier(assigned) };
}

export class CompiledGraph {
  /** The plan's. */
  readonly name: string;
  /** Of the graph's file. */
  readonly bytes: number;
  private readonly session: GraphSession;
  private readonly emitted: Emitted;
  private readonly frozen: Setter;
  private readonly state: Setter;
  private readonly written: string | null;
  private readonly cleared: string;

  constructor(backend: NativeBackend, trace: Trace, plan: Plan) {
    this.name = plan.name;
    const graph = new GraphBuilder();
    this.emitted = emitTrace(graph, backend.binding, trace, plan);
    const { frozen, state, writes } = this.emitted;
    this.frozen = setterOf(graph, frozen);
    this.state = setterOf(graph, state);
    this.written = writes.length > 0 ? graph.barrier(writes) : null;
    this.cleared = graph.barrier([...frozen, ...state].map((variable) => graph.destroy(variable)));
    const file = graph.serialise();
    this.bytes = file.length;
    this.session = new GraphSession(backend, file);
  }

  /** Sets the frozen tensors to those of a trace of this graph's name. They share their memory. */
  begin(trace: Trace, { frozen }: Plan): void {
    this.set(this.frozen, () =>
      frozen.map((id) => {
        const captured = trace.captured.get(id);
        if (captured) return captured;
        const { shape, dtype } = trace.metas.get(id) as TensorMeta;
        const values = trace.constants.get(id);
        if (!values) throw new Error(`nothing made tensor ${id}`);
        return tf.tensor(values, [...shape], dtype === INT32 ? 'int32' : 'float32');
      }),
    );
  }

  /** Sets all of the state's variables, or some of them. */
  push(values: readonly TensorInfo[], which?: readonly number[]): void {
    if (!which) {
      this.set(this.state, () => values);
      return;
    }
    const { feeds, each } = this.state;
    const named = which.map((i, k): [string, TensorInfo] => [feeds[i], values[k]]);
    tf.dispose(
      this.session.run(
        new Map(named),
        which.map((i) => each[i]),
      ),
    );
  }

  private set({ feeds, all }: Setter, values: () => readonly TensorInfo[]): void {
    if (feeds.length === 0) return;
    tf.tidy(() => {
      const found = values();
      this.session.run(new Map(feeds.map((name, i) => [name, found[i]])), [all]);
    });
  }

  /** Runs the function once. The caller disposes what it gives. */
  run(inputs: Tensors, fed: readonly TensorInfo[] = []): Record<string, Tensor> {
    const feeds = new Map(Array.from(this.emitted.inputs, ([name, place]) => [place, inputs[name] as TensorInfo]));
    for (const [i, place] of this.emitted.fed) feeds.set(place, fed[i]);
    const names = [...this.emitted.outputs.keys()];
    const fetches = [...this.emitted.outputs.values(), ...(this.written === null ? [] : [this.written])];
    const found = this.session.run(feeds, fetches);
    if (this.written !== null) found.pop()?.dispose();
    return Object.fromEntries(names.map((name, i) => [name, found[i]]));
  }

  /** Present values of some of the state's variables: they share the graph's memory. The caller disposes. */
  read(which: readonly number[]): Tensor[] {
    if (which.length === 0) return [];
    return this.session.run(
      new Map(),
      which.map((i) => this.emitted.state[i].read),
    );
  }

  /** Frees frozen tensors and state; the graph can begin again. */
  clear(): void {
    tf.dispose(this.session.run(new Map(), [this.cleared]));
  }

  dispose(): void {
    this.session.dispose();
  }
}

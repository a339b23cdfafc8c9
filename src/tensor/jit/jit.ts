/**
 * The one way to a graph: `jit(fn)` runs `fn` as a TensorFlow graph, one for every shape of its inputs, built by
 * tracing (trace.ts) and kept for the process (pool.ts). Where a graph cannot serve (another backend, an operation
 * without a shape rule, a value read in JavaScript) `fn` itself runs, and `why` says so in a line.
 *
 * GORA_GRAPHS=0 in the environment switches all graphs off.
 *
 * `fn` takes named tensors and gives named tensors. It may assign the variables of the state: those live in the graph
 * between calls, and hold nothing meanwhile; `sync` brings their values back for whoever looks at them. Whatever else
 * `fn` reads is frozen from the first call of a shape on.
 */

import type { Tensor, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { messageOf } from '../../errors';
import type { Tensors } from '../batch';
import { copyOf, difference, graphsAreChecked, valuesOf } from './check';
import type { CompiledGraph } from './compiled';
import { guardHollow, hollowTensor, type NativeBackend, nativeBackend } from './native';
import { type Plan, planDifference, planOf } from './plan';
import { acquire, isKept, release } from './pool';
import { isTracing, type Trace, traceFunction } from './trace';

/** A variable that the function assigns. */
export interface StateVariable {
  readonly variable: Variable;
  /** What the graph holds over what the variable holds. Default 1. */
  readonly scale?: number;
  /** `sync` leaves it in the graph: nobody outside looks at it. */
  readonly hidden?: boolean;
}

export interface JitOptions {
  readonly state?: readonly StateVariable[];
  /** Variables that it reads and others change between calls. */
  readonly reads?: readonly Variable[];
  /** Why the function itself is to run, and no graph. */
  readonly eager?: string | null;
  /** Calls of a shape that run eagerly before it gets a graph. Default 0. */
  readonly patience?: number;
  /** Shapes that get a graph each; any further one runs eagerly. Default 8. */
  readonly shapes?: number;
  /** Compare each graph's first result with the function's own. Default: only where checks are on (check.ts). */
  readonly check?: boolean;
}

/** Names, types and shapes of inputs: one graph serves one of them. */
export const shapesOf = (inputs: Tensors): string =>
  Object.entries(inputs)
    .map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`)
    .join(', ');

const WAITING = 'the first calls have not run yet';

interface Shaped {
  graph: CompiledGraph | null;
  why: string | null;
  calls: number;
}

export class Jit<I extends Tensors, O extends Tensors> {
  private readonly byShape = new Map<string, Shaped>();
  private readonly state: readonly StateVariable[];
  private readonly variables: readonly Variable[];
  /** The graph that holds the state. */
  private holder: CompiledGraph | null = null;
  /** Variables that have their values back while the holder still has them too, with the data they were given. */
  private readonly given = new Map<number, object>();

  constructor(
    private readonly fn: (inputs: I) => O,
    private readonly options: JitOptions = {},
  ) {
    this.state = options.state ?? [];
    this.variables = this.state.map(({ variable }) => variable);
  }

  /** Why calls of the commonest shape run eagerly; null when they run as a graph. */
  get why(): string | null {
    let most: Shaped | null = null;
    for (const shaped of this.byShape.values()) if (!most || shaped.calls > most.calls) most = shaped;
    return most ? most.why : 'nothing has run yet';
  }

  /** Shapes met so far. */
  get shapes(): number {
    return this.byShape.size;
  }

  /** Calls the function. The caller disposes what it gives. */
  run(inputs: I): O {
    if (isTracing()) return this.fn(inputs);
    const key = shapesOf(inputs);
    const { eager = null, patience = 0 } = this.options;
    const shaped = this.byShape.get(key) ?? { graph: null, why: eager ?? WAITING, calls: 0 };
    this.byShape.set(key, shaped);
    if (shaped.why === WAITING && shaped.calls >= patience) Object.assign(shaped, this.prepare(inputs));
    shaped.calls += 1;
    if (!shaped.graph) {
      this.pull();
      return this.runEagerly(inputs);
    }
    this.hold(shaped.graph);
    return shaped.graph.run(inputs, this.options.reads) as O;
  }

  private runEagerly(inputs: I): O {
    return tf.tidy(() => this.fn(inputs) as tf.NamedTensorMap) as O;
  }

  private trace(backend: NativeBackend, inputs: I): Trace {
    return traceFunction(backend, this.fn, inputs, this.variables, this.options.reads);
  }

  /** A graph for the shapes, or why there is none. */
  private prepare(inputs: I): Pick<Shaped, 'graph' | 'why'> {
    const eager = (why: string) => ({ graph: null, why });
    const backend = nativeBackend();
    if (process.env.GORA_GRAPHS === '0') return eager('switched off by GORA_GRAPHS=0');
    if (!backend) return eager(`backend ${tf.getBackend()} runs no graphs`);
    const graphs = [...this.byShape.values()].filter(({ graph }) => graph).length;
    if (graphs >= (this.options.shapes ?? 8)) return eager('the batches have too many shapes');
    let graph: CompiledGraph | null = null;
    try {
      const trace = this.trace(backend, inputs);
      const plan = planOf(trace);
      // a graph met before, without large constants, is the same graph in every value: no need to look twice
      if (!isKept(plan) || plan.values !== '') this.compareWithAnother(backend, inputs, plan);
      graph = acquire(backend, trace, plan);
      if (this.options.check ?? graphsAreChecked()) this.check(graph, inputs);
      return { graph, why: null };
    } catch (error) {
      if (graph) {
        this.pull();
        graph.dispose();
      }
      return eager(messageOf(error).split('\n')[0]);
    }
  }

  /** Traces again: what JavaScript computes anew at every call (random masks, rates) shows as a difference. */
  private compareWithAnother(backend: NativeBackend, inputs: I, first: Plan): void {
    const difference = planDifference(first, planOf(this.trace(backend, inputs)));
    if (difference) throw new Error(difference);
  }

  /** Runs both ways from the same state. @throws Error when they differ. */
  private check(graph: CompiledGraph, inputs: I): void {
    this.pull();
    const before = this.variables.map((variable) => copyOf(variable as Tensor));
    const restore = () => {
      this.variables.forEach((variable, i) => {
        variable.assign(before[i]);
      });
    };
    const results = (work: () => Tensors) => {
      const outputs = work();
      this.pull();
      const values = valuesOf({
        ...outputs,
        ...Object.fromEntries(this.variables.map((variable, i) => [`variable ${i}`, variable as Tensor])),
      });
      tf.dispose(outputs as tf.NamedTensorMap);
      restore();
      return values;
    };
    try {
      const eager = results(() => this.runEagerly(inputs));
      const found = results(() => {
        this.hold(graph);
        return graph.run(inputs, this.options.reads);
      });
      const differs = difference(found, eager);
      if (differs) throw new Error(differs);
    } finally {
      tf.dispose(before);
    }
  }

  /** Makes a graph the state's holder; the variables hold nothing from here on. */
  private hold(graph: CompiledGraph): void {
    const values = (which: readonly number[]) =>
      which.map((i) => {
        const { variable, scale = 1 } = this.state[i];
        return scale === 1 ? variable : tf.mul(variable, scale);
      });
    if (this.holder === graph) {
      const touched = [...this.given].filter(([i, data]) => this.variables[i].dataId !== data).map(([i]) => i);
      if (touched.length > 0) tf.tidy(() => graph.push(values(touched), touched));
      this.empty([...this.given.keys()]);
      return;
    }
    if (this.state.length === 0) return;
    this.pull();
    tf.tidy(() => graph.push(values([...this.variables.keys()])));
    this.holder = graph;
    this.empty(this.variables.keys());
  }

  private empty(which: Iterable<number>): void {
    const backend = nativeBackend() as NativeBackend;
    guardHollow(backend);
    for (const i of which) {
      const variable = this.variables[i];
      const { dtype } = backend.tensorMap.get(variable.dataId);
      const nothing = hollowTensor(backend, { shape: variable.shape, dtype });
      variable.assign(nothing);
      nothing.dispose();
    }
    this.given.clear();
  }

  /** Gives variables the holder's values. */
  private fetch(which: readonly number[]): void {
    const missing = which.filter((i) => !this.given.has(i));
    const values = this.holder?.read(missing) ?? [];
    missing.forEach((i, k) => {
      const { variable, scale = 1 } = this.state[i];
      const value = scale === 1 ? values[k] : tf.div(values[k], scale);
      variable.assign(value);
      tf.dispose([value, values[k]]);
      this.given.set(i, variable.dataId);
    });
  }

  /** Takes the state out of the graph. */
  private pull(): void {
    if (!this.holder) return;
    this.fetch([...this.variables.keys()]);
    this.holder = null;
    this.given.clear();
  }

  /** Gives the variables that are not hidden their values. They may be read, and assigned, until the next call. */
  sync(): void {
    if (this.holder) this.fetch([...this.variables.keys()].filter((i) => !this.state[i].hidden));
  }

  /** Gives the graphs to the pool and the variables that are not hidden their values; hidden ones stay empty. */
  dispose(): void {
    this.sync();
    this.holder = null;
    this.given.clear();
    for (const { graph } of this.byShape.values()) if (graph) release(graph);
    this.byShape.clear();
  }
}

/** `fn` as a graph where one can serve. Dispose it when its frozen tensors change or go. */
export function jit<I extends Tensors, O extends Tensors>(fn: (inputs: I) => O, options?: JitOptions): Jit<I, O> {
  return new Jit(fn, options);
}

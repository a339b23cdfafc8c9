/**
 * Loss and gradients of one batch as one TensorFlow graph that adds each layer's gradient to a variable of its own.
 * A gradient is freed once it is added, so memory above the forward pass is the sums and little else.
 */

import type { Tensor, Tensor2D, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { LinearLayer } from '../models/model';
import type { Batch } from '../tensor/batch';
import type { DeclaredTrace } from '../tensor/compile/compare';
import { emitTrace, pruned } from '../tensor/compile/emit';
import { FLOAT, GraphBuilder, type GraphVariable, INT32 } from '../tensor/compile/graph';
import { GraphSession, runOnce } from '../tensor/compile/session';
import { type NativeBackend, tensorId, traceOps } from '../tensor/compile/trace';

/** One batch's pass with the tensor ids of what goes in and comes out. */
export interface TracedPass extends DeclaredTrace {
  readonly batch: ReadonlyMap<string, number>;
  readonly loss: number;
  /** Gradients by layer name, one for every use of the layer. */
  readonly gradients: ReadonlyMap<string, readonly number[]>;
}

/** Runs an eager pass and records it. `pass` hands every gradient to its argument before it frees it. */
export function tracePass(
  backend: NativeBackend,
  batch: Batch,
  pass: (seen: (layer: LinearLayer, gradient: Tensor) => void) => Tensor,
): { loss: Tensor; traced: TracedPass } {
  const inputs = new Map(Object.entries(batch).map(([name, tensor]) => [name, tensorId(backend, tensor)]));
  const gradients = new Map<string, number[]>();
  const { result, trace } = traceOps(backend, () =>
    pass(({ name }, gradient) => {
      const ids = gradients.get(name) ?? [];
      gradients.set(name, [...ids, tensorId(backend, gradient)]);
    }),
  );
  const loss = tensorId(backend, result);
  const declared = new Map(Array.from(inputs, ([name, id]): [number, string] => [id, name]));
  // what sums the gradients outside is no part of the pass
  const own = pruned(trace, [loss, ...Array.from(gradients.values()).flat()]);
  return { loss: result, traced: { trace: own, declared, batch: inputs, loss, gradients } };
}

/** A layer's sum and the placeholder that replaces it. */
interface Sum {
  readonly variable: GraphVariable;
  readonly feed: string;
}

export class GradientGraph {
  private readonly session: GraphSession;
  private readonly inputs = new Map<string, string>();
  private readonly sums = new Map<string, Sum>();
  private readonly loss: string;
  /** Waits until all sums are replaced. */
  private readonly replaced: string;

  /** Builds the graph; all sums are zero. */
  constructor(backend: NativeBackend, targets: readonly LinearLayer[], traced: TracedPass) {
    const graph = new GraphBuilder();
    const declared = new Map<number, string>();
    for (const [name, id] of traced.batch) {
      const meta = traced.trace.metas.get(id);
      if (!meta) continue; // the pass does not use it
      const place = graph.placeholder(meta);
      this.inputs.set(name, place);
      declared.set(id, place);
    }
    const uses = targets.flatMap(({ name }) => (traced.gradients.get(name) ?? []).map((id) => ({ name, id })));
    const emitted = emitTrace(graph, backend.binding, traced.trace, declared, [
      traced.loss,
      ...uses.map(({ id }) => id),
    ]);
    for (const layer of targets) {
      const variable = graph.variable({ shape: [layer.out, layer.in], dtype: FLOAT });
      const feed = graph.placeholder(variable.meta);
      this.sums.set(layer.name, { variable, feed });
    }
    const [loss, ...gradients] = emitted.outputs;
    const added = uses.map(({ name }, i) => graph.add(this.sumOf(name).variable, gradients[i]));
    this.loss = graph.node('Identity', [loss, ...added.map((name) => `^${name}`)], { T: { type: FLOAT } });
    const sums = [...this.sums.values()];
    this.replaced = graph.barrier(sums.map(({ variable, feed }) => graph.assign(variable, feed)));
    const zero = graph.scalar(0);
    const zeros = sums.map(({ variable }) => {
      const dims = graph.constant({ shape: [2], dtype: INT32 }, Int32Array.from(variable.meta.shape));
      return graph.assign(
        variable,
        graph.node('Fill', [dims, zero], { T: { type: FLOAT }, index_type: { type: INT32 } }),
      );
    });
    const begin = graph.barrier([...emitted.once.map(({ assign }) => assign), ...zeros]);
    this.session = new GraphSession(backend, graph.serialise());
    runOnce(this.session, emitted.once, begin);
  }

  private sumOf(layer: string): Sum {
    return this.sums.get(layer) as Sum;
  }

  /** Adds the batch's gradients to the sums. @returns the loss. */
  run(batch: Batch): number {
    const feeds = new Map<string, TensorInfo>();
    for (const [name, place] of this.inputs) feeds.set(place, batch[name]);
    const [loss] = this.session.run(feeds, [this.loss]);
    const value = loss.dataSync()[0];
    loss.dispose();
    return value;
  }

  /** Replaces all sums. The graph shares the tensors' memory until it writes, so dispose them soon. */
  set(sum: (layer: string) => Tensor): void {
    const feeds = new Map(Array.from(this.sums, ([name, { feed }]) => [feed, sum(name)]));
    tf.dispose(this.session.run(feeds, [this.replaced]));
  }

  /**
   * All sums [out, in]: they share the graph's memory until the next batch. Caller disposes.
   * One fetch for all, because TensorFlow optimises the whole graph anew for every set of fetched nodes.
   */
  read(): Map<string, Tensor2D> {
    const reads = Array.from(this.sums.values(), ({ variable }) => variable.read);
    const tensors = this.session.run(new Map(), reads) as Tensor2D[];
    return new Map(Array.from(this.sums.keys(), (name, i) => [name, tensors[i]]));
  }

  dispose(): void {
    this.session.dispose();
  }
}

/**
 * Loss and gradients as one TensorFlow graph, for methods that work on gradients in JavaScript between backward pass
 * and update. Parameters stay in their variables and are fed.
 */

import type { Scalar, Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { Parameter } from '../methods/method';
import type { Batch } from '../tensor/batch';
import { emitTrace } from '../tensor/compile/emit';
import { GraphBuilder } from '../tensor/compile/graph';
import { GraphSession, runOnce } from '../tensor/compile/session';
import type { NativeBackend } from '../tensor/compile/trace';
import type { StepGradients } from './step';
import type { TracedStep } from './traced-step';

export class CompiledGradients {
  private readonly session: GraphSession;
  private readonly inputs = new Map<string, string>();
  private readonly fed: { parameter: Parameter; place: string }[] = [];
  private readonly names: string[];
  private readonly fetches: string[];

  constructor(backend: NativeBackend, parameters: readonly Parameter[], traced: TracedStep) {
    const graph = new GraphBuilder();
    const declared = new Map<number, string>();
    const place = (id: number) => {
      const made = graph.placeholder(traced.trace.metas.get(id)!);
      declared.set(id, made);
      return made;
    };
    const used = (id: number | undefined): id is number => id !== undefined && traced.trace.metas.has(id);
    for (const [name, id] of traced.batch) if (used(id)) this.inputs.set(name, place(id));
    for (const parameter of parameters) {
      const id = traced.parameters.get(parameter.name);
      if (used(id)) this.fed.push({ parameter, place: place(id) });
    }
    this.names = [...traced.gradients.keys()];
    const emitted = emitTrace(graph, backend.binding, traced.trace, declared, [
      traced.loss,
      ...traced.gradients.values(),
    ]);
    this.fetches = emitted.outputs;
    const begin = emitted.once.length > 0 ? graph.barrier(emitted.once.map(({ assign }) => assign)) : null;
    this.session = new GraphSession(backend, graph.serialise());
    if (begin) runOnce(this.session, emitted.once, begin);
  }

  /** @param values of the parameters; by default their own. */
  run(batch: Batch, values: (parameter: Parameter) => TensorInfo = ({ value }) => value): StepGradients {
    const feeds = new Map<string, TensorInfo>();
    for (const [name, place] of this.inputs) feeds.set(place, batch[name]);
    for (const { parameter, place } of this.fed) feeds.set(place, values(parameter));
    const [loss, ...tensors] = this.session.run(feeds, this.fetches);
    const gradients: Record<string, Tensor> = Object.fromEntries(this.names.map((name, i) => [name, tensors[i]]));
    return { loss: loss as Scalar, gradients, bytes: 0, kept: 0 };
  }

  dispose(): void {
    this.session.dispose();
  }
}

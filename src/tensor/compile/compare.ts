/**
 * Tells whether two traces of the same code are the same graph. Whatever JavaScript computes differently from step to
 * step (random masks, rates, branches) shows as a difference, and such code must not become a graph.
 */
import type { Tensor } from '@tensorflow/tfjs';
import type { HostValues, Trace } from './trace';

/** Names, types and shapes of a batch: one graph serves one of them. */
export const batchShape = (batch: Readonly<Record<string, Tensor>>): string =>
  Object.entries(batch)
    .map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`)
    .join(', ');

/** A trace with the tensors that may change from run to run, by id. */
export interface DeclaredTrace {
  readonly trace: Trace;
  /** Declared inputs and variables: name by tensor id. */
  readonly declared: ReadonlyMap<number, string>;
}

const sameValues = (a: HostValues, b: HostValues) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]));

/** @returns what differs first, or null when both are one graph. */
export function traceDifference(a: DeclaredTrace, b: DeclaredTrace): string | null {
  const refusal = a.trace.refusal ?? b.trace.refusal;
  if (refusal) return refusal;
  if (a.trace.ops.length !== b.trace.ops.length) {
    return `runs ${a.trace.ops.length} operations in one step and ${b.trace.ops.length} in the next`;
  }
  const places = [a, b].map(({ trace }) => {
    const made = new Map<number, string>();
    trace.ops.forEach((op, i) => {
      op.outputs.forEach((id, k) => {
        made.set(id, `${i}:${k}`);
      });
    });
    return made;
  });
  const differs = (idA: number, idB: number): boolean => {
    const nameA = a.declared.get(idA) ?? places[0].get(idA);
    const nameB = b.declared.get(idB) ?? places[1].get(idB);
    if (nameA !== undefined || nameB !== undefined) return nameA !== nameB;
    const [valuesA, valuesB] = [a.trace.constants.get(idA), b.trace.constants.get(idB)];
    if (!valuesA || !valuesB) return idA !== idB;
    return !sameValues(valuesA, valuesB);
  };
  for (let i = 0; i < a.trace.ops.length; i++) {
    const [opA, opB] = [a.trace.ops[i], b.trace.ops[i]];
    const same = opA.name === opB.name && opA.inputs.length === opB.inputs.length;
    if (!same || JSON.stringify(opA.attrs) !== JSON.stringify(opB.attrs)) {
      return `operation ${i} is ${opA.name} in one step and ${same ? 'has other attributes' : opB.name} in the next`;
    }
    const k = opA.inputs.findIndex((id, at) => differs(id, opB.inputs[at]));
    if (k >= 0) return `input ${k} of operation ${i} (${opA.name}) is not the same in two steps and not declared`;
  }
  return null;
}

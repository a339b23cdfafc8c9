/** A training step's loss and gradients as a trace, with batch and parameters declared. */

import type { Tensor } from '@tensorflow/tfjs';
import type { Parameter } from '../methods/method';
import type { Batch } from '../tensor/batch';
import type { DeclaredTrace } from '../tensor/compile/compare';
import { type NativeBackend, type Trace, tensorId, traceOps } from '../tensor/compile/trace';
import type { StepGradients } from './step';

/** Tensor ids of everything that goes in and comes out. */
export interface TracedStep extends DeclaredTrace {
  readonly batch: ReadonlyMap<string, number>;
  readonly parameters: ReadonlyMap<string, number>;
  readonly loss: number;
  readonly norm: number | null;
  readonly gradients: ReadonlyMap<string, number>;
}

/** Runs `work` and records it. */
export function traceStep(
  backend: NativeBackend,
  parameters: readonly Parameter[],
  batch: Batch,
  work: () => StepGradients,
): { found: StepGradients; traced: TracedStep } {
  const id = (tensor: Tensor) => tensorId(backend, tensor);
  const batchIds = new Map(Object.entries(batch).map(([name, tensor]) => [name, id(tensor)]));
  const parameterIds = new Map(parameters.map(({ name, value }) => [name, id(value)]));
  const declared = new Map<number, string>();
  let shared: string | null = null;
  for (const [name, tensor] of [...batchIds, ...parameterIds]) {
    if (declared.has(tensor)) shared = `${name} and ${declared.get(tensor)} are one tensor`;
    declared.set(tensor, name);
  }
  const { result, trace } = traceOps(backend, work);
  const checked: Trace = shared ? { ...trace, refusal: trace.refusal ?? shared } : trace;
  return {
    found: result,
    traced: {
      trace: checked,
      declared,
      batch: batchIds,
      parameters: parameterIds,
      loss: id(result.loss),
      norm: result.norm ? id(result.norm) : null,
      gradients: new Map(Object.entries(result.gradients).map(([name, gradient]) => [name, id(gradient)])),
    },
  };
}

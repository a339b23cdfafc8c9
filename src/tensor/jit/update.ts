/** Changes of variables that a graph makes in place, and the same in tfjs' own operations for eager code. */
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { FLOAT, nativeBackend, type OpAttr } from './native';
import { isTracing, traceUpdate } from './trace';

const attr = (name: string, kind: 'TF_ATTR_TYPE' | 'TF_ATTR_BOOL', value: unknown): OpAttr => ({
  name,
  type: nativeBackend()?.binding[kind] ?? 0,
  value,
});

/** Adds to a sum; in a graph the addend is freed at once. */
export function accumulate(sum: Variable, addend: Tensor): void {
  if (traceUpdate('AssignAddVariableOp', isTracing() ? [attr('dtype', 'TF_ATTR_TYPE', FLOAT)] : [], [sum], [addend])) {
    return;
  }
  tf.tidy(() => sum.assign(tf.add(sum, addend)));
}

/** Scalars of `fusedAdam`. */
export interface AdamScalars {
  readonly alpha: Scalar;
  readonly epsilon: Scalar;
  readonly beta1: Scalar;
  readonly beta2: Scalar;
}

/**
 * TensorFlow's own Adam on one parameter: m += (1 − β₁)(g − m), v += (1 − β₂)(g² − v), value −= α·m/(√v + ε).
 * @returns false outside a trace, with nothing done.
 */
export function fusedAdam(
  { value, m, v }: { value: Variable; m: Variable; v: Variable },
  gradient: Tensor,
  { alpha, epsilon, beta1, beta2 }: AdamScalars,
): boolean {
  if (!isTracing()) return false;
  const zero = tf.scalar(0); // its own bias correction is off
  return traceUpdate(
    'ResourceApplyAdam',
    [
      attr('T', 'TF_ATTR_TYPE', FLOAT),
      attr('use_locking', 'TF_ATTR_BOOL', false),
      attr('use_nesterov', 'TF_ATTR_BOOL', false),
    ],
    [value, m, v],
    [zero, zero, alpha, beta1, beta2, epsilon, gradient],
  );
}

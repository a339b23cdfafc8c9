/** Changes of variables that a graph makes in place, and the same in tfjs' own operations for eager code. */
import type { Scalar, Tensor, Tensor1D, Tensor3D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { FLOAT, INT32, nativeBackend, type OpAttr } from './native';
import { isTracing, traceUpdate } from './trace';

const attr = (name: string, kind: 'TF_ATTR_TYPE' | 'TF_ATTR_BOOL' | 'TF_ATTR_INT', value: unknown): OpAttr => ({
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

/** Writes [n, 1, size] at place `at` int32 [1] of the second axis of [n, places, size]. */
export function writeAt(target: Variable, at: Tensor1D, value: Tensor3D): void {
  if (!isTracing()) {
    tf.tidy(() => {
      const here = tf.reshape(tf.oneHot(at, target.shape[1] as number), [1, -1, 1]);
      target.assign(tf.add(tf.mul(target, tf.sub(1, here)), tf.mul(value, here)));
    });
    return;
  }
  const zero = tf.tensor1d([0], 'int32');
  const end = tf.add(at, tf.tensor1d([1], 'int32')) as Tensor1D;
  const whole = 0b101; // the first and the last axis
  const masks = { begin_mask: whole, end_mask: whole, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 0 };
  traceUpdate(
    'ResourceStridedSliceAssign',
    [
      attr('T', 'TF_ATTR_TYPE', FLOAT),
      attr('Index', 'TF_ATTR_TYPE', INT32),
      ...Object.entries(masks).map(([name, mask]) => attr(name, 'TF_ATTR_INT', mask)),
    ],
    [target],
    [tf.concat([zero, at, zero]), tf.concat([zero, end, zero]), tf.tensor1d([1, 1, 1], 'int32'), value],
  );
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

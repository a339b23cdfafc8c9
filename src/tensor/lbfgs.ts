/** L-BFGS (Liu & Nocedal 1989) in float64 for smooth convex functions, with a backtracking line search. */
import { interruptible } from '../processes/interrupt';

/** Value at a point; writes the gradient. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Stop when no gradient entry is larger. */
  readonly tolerance: number;
  readonly maxIterations: number;
  /** Pairs of steps and gradient changes that stand for the inverse Hessian. */
  readonly memory?: number;
}

export interface LbfgsResult {
  readonly point: Float64Array;
  readonly value: number;
  /** Largest absolute entry of the gradient at `point`. */
  readonly gradientMax: number;
  readonly iterations: number;
}

const SUFFICIENT = 1e-4; // Armijo's share of the predicted decrease
const SHORTEST = 1e-12;

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const largest = (v: Float64Array) => v.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** −H·g by the two-loop recursion. */
function direction(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const d = gradient.map((g) => -g);
  const alphas = new Float64Array(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { step, change, curvature } = pairs[i];
    alphas[i] = dot(step, d) / curvature;
    for (let j = 0; j < d.length; j++) d[j] -= alphas[i] * change[j];
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = last.curvature / dot(last.change, last.change);
    for (let j = 0; j < d.length; j++) d[j] *= scale;
  }
  pairs.forEach(({ step, change, curvature }, i) => {
    const beta = dot(change, d) / curvature;
    for (let j = 0; j < d.length; j++) d[j] += (alphas[i] - beta) * step[j];
  });
  return d;
}

/** Minimises from `start`. Returns the best point reached when the tolerance is out of rounding's reach. */
export function lbfgs(objective: Objective, start: Float64Array, options: LbfgsOptions): LbfgsResult {
  const { tolerance, maxIterations, memory = 10 } = options;
  let point = start.slice();
  let gradient = new Float64Array(point.length);
  let value = objective(point, gradient);
  const pairs: Pair[] = [];
  let iterations = 0;
  while (largest(gradient) > tolerance && iterations < maxIterations) {
    interruptible();
    const d = direction(gradient, pairs);
    const slope = dot(gradient, d);
    const nextGradient = new Float64Array(point.length);
    let next = point;
    let nextValue = Number.POSITIVE_INFINITY;
    // without curvature yet, a step of length ≤ 1
    let length = pairs.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(-slope));
    for (; length > SHORTEST; length /= 2) {
      next = point.map((p, i) => p + length * d[i]);
      nextValue = objective(next, nextGradient);
      if (nextValue <= value + SUFFICIENT * length * slope) break;
    }
    if (length <= SHORTEST) break; // the decrease is below rounding
    const step = next.map((p, i) => p - point[i]);
    const change = nextGradient.map((g, i) => g - gradient[i]);
    const curvature = dot(step, change);
    if (curvature > 0) {
      pairs.push({ step, change, curvature });
      if (pairs.length > memory) pairs.shift();
    }
    [point, gradient, value] = [next, nextGradient, nextValue];
    iterations += 1;
  }
  return { point, value, gradientMax: largest(gradient), iterations };
}

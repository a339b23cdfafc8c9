/**
 * Linear probe: multinomial logistic regression on frozen features, in float64 on the host.
 *
 * It makes a new head before adapting, the same for every method, so that the first gradients of the layers
 * below mean something. Features are standardised inside (the penalty acts on standardised weights) and the
 * standardisation is folded back into the head.
 */
import { UserError } from '../errors';
import { lbfgs } from './lbfgs';

export interface ProbeOptions {
  /** Penalty l2/2·‖W‖² beside the mean cross-entropy, on weights of standardised features; biases are free. */
  readonly l2?: number;
  /** Largest gradient entry at the end; nats per unit of standardised weight. */
  readonly tolerance?: number;
  readonly maxIterations?: number;
}

/** A head that computes x·Wᵀ + b. */
export interface LinearHead {
  /** [classes, d], row-major. */
  readonly weight: Float32Array;
  /** [classes]. */
  readonly bias: Float32Array;
  /** Mean cross-entropy on the training examples plus the penalty, in nats. */
  readonly objective: number;
  readonly iterations: number;
  /** Largest gradient entry reached. */
  readonly gradientMax: number;
}

/** (x − mean)/std by column; a constant column becomes 0. */
function standardise(x: ArrayLike<number>, n: number, d: number) {
  const mean = new Float64Array(d);
  const std = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j] += x[i * d + j] / n;
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) std[j] += (x[i * d + j] - mean[j]) ** 2 / n;
  for (let j = 0; j < d; j++) std[j] = std[j] > 1e-20 ? Math.sqrt(std[j]) : 1;
  const unit = new Float64Array(n * d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) unit[i * d + j] = (x[i * d + j] - mean[j]) / std[j];
  return { unit, mean, std };
}

/**
 * Mean cross-entropy + l2/2·‖W‖² and its gradient; a point is W [classes, d] followed by b [classes].
 * Exported for tests.
 */
export function probeObjective(x: Float64Array, labels: Int32Array, d: number, classes: number, l2: number) {
  const n = labels.length;
  const scores = new Float64Array(classes);
  return (point: Float64Array, gradient: Float64Array): number => {
    const biases = classes * d;
    let loss = 0;
    gradient.fill(0);
    for (let i = 0; i < n; i++) {
      let most = Number.NEGATIVE_INFINITY;
      for (let c = 0; c < classes; c++) {
        let score = point[biases + c];
        for (let j = 0; j < d; j++) score += point[c * d + j] * x[i * d + j];
        scores[c] = score;
        most = Math.max(most, score);
      }
      let total = 0;
      for (let c = 0; c < classes; c++) total += Math.exp(scores[c] - most);
      const logTotal = most + Math.log(total);
      loss += (logTotal - scores[labels[i]]) / n;
      for (let c = 0; c < classes; c++) {
        const error = (Math.exp(scores[c] - logTotal) - (c === labels[i] ? 1 : 0)) / n;
        gradient[biases + c] += error;
        for (let j = 0; j < d; j++) gradient[c * d + j] += error * x[i * d + j];
      }
    }
    for (let k = 0; k < biases; k++) {
      loss += 0.5 * l2 * point[k] * point[k];
      gradient[k] += l2 * point[k];
    }
    return loss;
  };
}

/**
 * Fits a head; deterministic.
 * @param features [n, d], row-major.
 * @param labels n class numbers in 0 … classes − 1.
 * @throws UserError when sizes do not fit, a label is out of range, or a feature is not finite.
 */
export function fitHead(
  features: Float32Array | Float64Array,
  labels: Int32Array,
  classes: number,
  { l2 = 1e-2, tolerance = 1e-5, maxIterations = 1000 }: ProbeOptions = {},
): LinearHead {
  const n = labels.length;
  const d = features.length / n;
  if (n === 0 || !Number.isInteger(d) || d === 0) {
    throw new UserError(`linear probe: ${features.length} features do not make rows for ${n} labels`);
  }
  if (!(l2 > 0)) throw new UserError(`linear probe: l2 must be above 0 (separable data has no optimum), not ${l2}`);
  const stray = labels.find((label) => label < 0 || label >= classes);
  if (stray !== undefined) throw new UserError(`linear probe: label ${stray} is not in 0 … ${classes - 1}`);
  const bad = features.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) {
    throw new UserError(`linear probe: feature ${bad % d} of example ${Math.floor(bad / d)} is ${features[bad]}`);
  }

  const { unit, mean, std } = standardise(features, n, d);
  const start = new Float64Array(classes * (d + 1));
  const fit = lbfgs(probeObjective(unit, labels, d, classes, l2), start, { tolerance, maxIterations });
  const weight = new Float32Array(classes * d);
  const bias = new Float32Array(classes);
  for (let c = 0; c < classes; c++) {
    let shift = fit.point[classes * d + c];
    for (let j = 0; j < d; j++) {
      const value = fit.point[c * d + j] / std[j];
      weight[c * d + j] = value;
      shift -= value * mean[j];
    }
    bias[c] = shift;
  }
  return { weight, bias, objective: fit.value, iterations: fit.iterations, gradientMax: fit.gradientMax };
}

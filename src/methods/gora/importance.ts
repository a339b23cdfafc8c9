/**
 * GoRA's importance of a weight from its value and mean gradient (paper §3.2; avg|W ⊙ G| is the paper's choice).
 * Every metric of the authors' code under a readable name; `grad-effective-rank` is the intrinsic dimension that
 * their follow-up RaLoRA gives rank by (Roy & Vetterli 2007).
 */
import { UserError } from '../../errors';
import type { LinearLayer, Model } from '../../models/model';
import { param } from '../../models/params';
import { interruptible } from '../../processes/interrupt';
import { svd } from '../../tensor/linalg';
import type { Random } from '../../tensor/random';
import { topSingular } from '../svd-init';

/** What a metric sees of one layer. */
export interface ImportanceInput {
  readonly layer: LinearLayer;
  /** [out, in] row-major. */
  readonly weight: Float32Array;
  readonly gradient: Float32Array;
  /** Singular values that the estimated nuclear norms look at: r_max. */
  readonly probes: number;
  readonly random: Random;
}

/** One number, or two that are normalised over the layers each and then averaged. */
export type Score = number | readonly [number, number];
type Metric = (input: ImportanceInput) => Score;

const sumOf = (n: number, term: (i: number) => number) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += term(i);
  return sum;
};

function product({ weight, gradient }: ImportanceInput): Float32Array {
  const result = new Float32Array(weight.length);
  for (let i = 0; i < weight.length; i++) result[i] = weight[i] * gradient[i];
  return result;
}

/** meanMagnitude(product(…)) without the product's memory. */
function meanUnion({ weight, gradient }: ImportanceInput): number {
  let sum = 0;
  for (let i = 0; i < weight.length; i++) sum += Math.abs(Math.fround(weight[i] * gradient[i]));
  return sum / weight.length;
}

function meanMagnitude(x: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += Math.abs(x[i]);
  return sum / x.length;
}

const frobenius = (x: Float32Array) => Math.sqrt(sumOf(x.length, (i) => x[i] ** 2));

const rowNorm = (x: Float32Array, { out, in: fanIn }: LinearLayer) =>
  sumOf(out, (r) => Math.sqrt(sumOf(fanIn, (c) => x[r * fanIn + c] ** 2))) / out;

/** Σσ, exact: O(n³) on the host, so for small layers only. */
const nuclear = (x: Float32Array, { out, in: fanIn }: LinearLayer) => {
  const { s } = svd(x, out, fanIn);
  return sumOf(s.length, (i) => s[i]);
};

/** Σ log(1 + σ) over the leading singular values, from a randomised SVD with 8 power iterations. */
function estimatedNuclear(x: Float32Array, { layer, probes, random }: ImportanceInput): number {
  const count = Math.min(probes, layer.in, layer.out);
  const { s } = topSingular(x, layer, count, 'auto', random.fork(`${layer.name}/nuclear`), 8);
  return sumOf(s.length, (i) => Math.log1p(s[i]));
}

/** Differential entropy of a normal distribution with the entries' deviation, nats; below 0 for small gradients. */
function gaussianEntropy(x: Float32Array): number {
  const mean = sumOf(x.length, (i) => x[i]) / x.length;
  const deviation = Math.sqrt(sumOf(x.length, (i) => (x[i] - mean) ** 2) / Math.max(1, x.length - 1));
  return Math.log(Math.max(deviation, 1e-8)) + 0.5 * (Math.log(2 * Math.PI) + 1);
}

/** exp of the entropy of σ/Σσ: between 1 and min(in, out). */
function effectiveRank(x: Float32Array, { out, in: fanIn }: LinearLayer): number {
  const { s } = svd(x, out, fanIn);
  const total = sumOf(s.length, (i) => s[i]);
  if (total === 0) return 0;
  return Math.exp(-sumOf(s.length, (i) => (s[i] > 0 ? (s[i] / total) * Math.log(s[i] / total) : 0)));
}

export const importanceMetrics = {
  'union-mean': meanUnion,
  'union-frobenius': (x) => frobenius(product(x)),
  'union-row-norm': (x) => rowNorm(product(x), x.layer),
  'union-nuclear': (x) => nuclear(product(x), x.layer),
  'union-nuclear-estimate': (x) => estimatedNuclear(product(x), x),
  'grad-nuclear': (x) => nuclear(x.gradient, x.layer),
  'grad-nuclear-estimate': (x) => estimatedNuclear(x.gradient, x),
  'grad-frobenius': (x) => frobenius(x.gradient),
  'grad-mean': (x) => meanMagnitude(x.gradient),
  'grad-entropy': (x) => gaussianEntropy(x.gradient),
  'grad-effective-rank': (x) => effectiveRank(x.gradient, x.layer),
  'union-mean+grad-nuclear': (x) => [meanUnion(x), estimatedNuclear(x.gradient, x)],
  'union-mean+union-nuclear': (x) => [meanUnion(x), estimatedNuclear(product(x), x)],
  'grad-mean+grad-nuclear': (x) => [meanMagnitude(x.gradient), estimatedNuclear(x.gradient, x)],
} satisfies Record<string, Metric>;

export type ImportanceMetric = keyof typeof importanceMetrics;
export const importanceNames = Object.keys(importanceMetrics) as [ImportanceMetric, ...ImportanceMetric[]];

export interface ImportanceOptions {
  readonly importance: ImportanceMetric;
  readonly sqrtImportance: boolean;
}

/**
 * Scores of all targets, in their order.
 * @param gradientOf mean gradient of a layer, [out, in] row-major.
 * @throws UserError when a score is not a number: the root of a negative entropy, a gradient of NaN.
 */
export function measureImportance(
  model: Model,
  targets: readonly LinearLayer[],
  gradientOf: (layer: LinearLayer) => Float32Array,
  { importance, sqrtImportance }: ImportanceOptions,
  probes: number,
  random: Random,
): Score[] {
  const metric: Metric = importanceMetrics[importance];
  return targets.map((layer) => {
    interruptible();
    const weight = param(model, layer.weight).dataSync() as Float32Array;
    const score = metric({ layer, weight, gradient: gradientOf(layer), probes, random });
    const root = (v: number) => {
      const value = sqrtImportance ? Math.sqrt(v) : v;
      if (Number.isFinite(value)) return value;
      throw new UserError(`importance "${importance}" of ${layer.name} is ${value}: look at its gradient and weight`);
    };
    return typeof score === 'number' ? root(score) : [root(score[0]), root(score[1])];
  });
}

/** GoRA's importance of a weight from its value and mean gradient (paper §3.2; avg|W ⊙ G| is the paper's choice). */
import { svd } from '../../tensor/linalg';

type Numbers = Float32Array | Float64Array;

/** One scalar a layer. weight and gradient [out, in] row-major. */
type Metric = (weight: Numbers, gradient: Numbers, out: number, fanIn: number) => number;

const sumOf = (n: number, term: (i: number) => number) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += term(i);
  return sum;
};

const product = (w: Numbers, g: Numbers) => Float64Array.from(w, (v, i) => v * g[i]);
const nuclear = (x: Numbers, out: number, fanIn: number) => {
  const { s } = svd(x, out, fanIn);
  return sumOf(s.length, (i) => s[i]);
};

/** Entropy of the normalised magnitudes, in nats: high when the gradient is spread out. */
function entropy(g: Numbers): number {
  const total = sumOf(g.length, (i) => Math.abs(g[i]));
  if (total === 0) return 0;
  return -sumOf(g.length, (i) => {
    const p = Math.abs(g[i]) / total;
    return p > 0 ? p * Math.log(p) : 0;
  });
}

export const importanceMetrics = {
  'union-mean': (w, g) => sumOf(w.length, (i) => Math.abs(w[i] * g[i])) / w.length,
  'union-frobenius': (w, g) => Math.sqrt(sumOf(w.length, (i) => (w[i] * g[i]) ** 2)),
  'union-row-norm': (w, g, out, fanIn) =>
    sumOf(out, (r) => Math.sqrt(sumOf(fanIn, (c) => (w[r * fanIn + c] * g[r * fanIn + c]) ** 2))) / out,
  'union-nuclear': (w, g, out, fanIn) => nuclear(product(w, g), out, fanIn),
  'grad-nuclear': (_w, g, out, fanIn) => nuclear(g, out, fanIn),
  'grad-frobenius': (_w, g) => Math.sqrt(sumOf(g.length, (i) => g[i] ** 2)),
  'grad-mean': (_w, g) => sumOf(g.length, (i) => Math.abs(g[i])) / g.length,
  'grad-entropy': (_w, g) => entropy(g),
} satisfies Record<string, Metric>;

export type ImportanceMetric = keyof typeof importanceMetrics;
export const importanceNames = Object.keys(importanceMetrics) as [ImportanceMetric, ...ImportanceMetric[]];

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fitHead, probeObjective } from '../../src/tensor/linear-probe';
import { Random } from '../../src/tensor/random';

const predict = (head: { weight: Float32Array; bias: Float32Array }, x: Float32Array, row: number, d: number) => {
  const scores = Array.from(head.bias, (b, c) => {
    let sum = b;
    for (let j = 0; j < d; j++) sum += head.weight[c * d + j] * x[row * d + j];
    return sum;
  });
  return scores.indexOf(Math.max(...scores));
};

/** Clouds of n points around random centres, columns of very different size and place. */
function clouds(seed: number, n: number, d: number, classes: number, spread: number) {
  const random = new Random(seed);
  const centres = random.normals(classes * d);
  const labels = Int32Array.from({ length: n }, (_, i) => i % classes);
  const x = new Float32Array(n * d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) {
      x[i * d + j] = (centres[labels[i] * d + j] + spread * random.normal()) * 10 ** ((j % 5) - 2) + 3 * j;
    }
  }
  return { x, labels };
}

describe('linear probe', () => {
  it('separates separable classes', () => {
    const { x, labels } = clouds(1, 90, 6, 3, 0.1);
    const head = fitHead(x, labels, 3, { l2: 1e-3 });
    for (let i = 0; i < 90; i++) assert.equal(predict(head, x, i, 6), labels[i]);
  });

  it('reaches a zero gradient, also in coordinates of its own making', () => {
    const [n, d, classes, l2] = [200, 8, 4, 0.01];
    const { x, labels } = clouds(2, n, d, classes, 2);
    const head = fitHead(x, labels, classes, { l2, tolerance: 1e-8 });
    assert.ok(head.gradientMax <= 1e-8, `gradient ${head.gradientMax}`);
    // the same optimum written down again: standardise here, map the head back, look at the gradient
    const unit = new Float64Array(n * d);
    const point = new Float64Array(classes * (d + 1));
    point.set(head.bias, classes * d);
    for (let j = 0; j < d; j++) {
      const column = Float64Array.from({ length: n }, (_, i) => x[i * d + j]);
      const mean = column.reduce((a, b) => a + b, 0) / n;
      const std = Math.sqrt(column.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
      column.forEach((v, i) => {
        unit[i * d + j] = (v - mean) / std;
      });
      for (let c = 0; c < classes; c++) {
        point[c * d + j] = head.weight[c * d + j] * std;
        point[classes * d + c] += head.weight[c * d + j] * mean;
      }
    }
    const gradient = new Float64Array(point.length);
    const value = probeObjective(unit, labels, d, classes, l2)(point, gradient);
    assert.ok(Math.abs(value - head.objective) < 1e-5);
    for (const g of gradient) assert.ok(Math.abs(g) < 1e-4, `${g}`); // the head is float32
  });

  it('has the gradient of its objective', () => {
    const [n, d, classes] = [12, 3, 3];
    const { x, labels } = clouds(3, n, d, classes, 1);
    const objective = probeObjective(Float64Array.from(x), labels, d, classes, 0.1);
    const point = Float64Array.from(new Random(4).normals(classes * (d + 1), 0, 0.1));
    const gradient = new Float64Array(point.length);
    const scratch = new Float64Array(point.length);
    objective(point, gradient);
    for (let k = 0; k < point.length; k++) {
      const at = (step: number) =>
        objective(
          Float64Array.from(point, (v, i) => (i === k ? v + step : v)),
          scratch,
        );
      const slope = (at(1e-5) - at(-1e-5)) / 2e-5;
      assert.ok(Math.abs(slope - gradient[k]) < 1e-6 * Math.max(1, Math.abs(slope)), `${k}: ${slope} ${gradient[k]}`);
    }
  });

  it('finds nothing in labels that do not depend on the features, under a strong penalty', () => {
    const random = new Random(5);
    const x = random.normals(400 * 5);
    const labels = Int32Array.from({ length: 400 }, (_, i) => i % 2);
    const head = fitHead(x, labels, 2, { l2: 10 });
    assert.ok(Math.abs(head.objective - Math.log(2)) < 0.01);
    for (const w of head.weight) assert.ok(Math.abs(w) < 0.02);
  });

  it('is deterministic, and a constant feature gets no weight', () => {
    const { x, labels } = clouds(6, 60, 4, 3, 1);
    for (let i = 0; i < 60; i++) x[i * 4 + 2] = 7;
    const first = fitHead(x, labels, 3);
    const second = fitHead(x, labels, 3);
    assert.deepEqual(first, second);
    for (let c = 0; c < 3; c++) assert.ok(Math.abs(first.weight[c * 4 + 2]) < 1e-12);
  });

  it('refuses what it cannot fit', () => {
    const x = new Float32Array([1, 2, 3, 4]);
    const labels = new Int32Array([0, 1]);
    assert.throws(() => fitHead(x, new Int32Array([0, 2]), 2), /label 2 is not in 0 … 1/);
    assert.throws(() => fitHead(x, new Int32Array(3), 2), /do not make rows/);
    assert.throws(() => fitHead(new Float32Array([1, Number.NaN, 0, 0]), labels, 2), /feature 1 of example 0 is NaN/);
    assert.throws(() => fitHead(x, labels, 2, { l2: 0 }), /l2 must be above 0/);
  });
});

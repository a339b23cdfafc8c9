/** Every importance metric against its formula. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { importanceMetrics, importanceNames, measureImportance } from '../../../src/methods/gora/importance';
import type { LinearLayer, Model } from '../../../src/models/model';
import { disposeModel, param } from '../../../src/models/params';
import { startBackend } from '../../../src/tensor/backend';
import { matMul, svd } from '../../../src/tensor/linalg';
import { Random } from '../../../src/tensor/random';
import { chain } from './support';

before(() => startBackend());

const layer = (out: number, fanIn: number): LinearLayer => ({
  name: 'l',
  type: 'fc',
  block: 0,
  in: fanIn,
  out,
  weight: 'l.weight',
  bias: null,
});
const input = (out: number, fanIn: number, weight: ArrayLike<number>, gradient: ArrayLike<number>) => ({
  layer: layer(out, fanIn),
  weight: Float32Array.from(weight),
  gradient: Float32Array.from(gradient),
  probes: 2,
  random: new Random(1),
});
const close = (actual: unknown, expected: number, tolerance = 1e-6) =>
  assert.ok(
    Math.abs((actual as number) - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${actual} ≠ ${expected}`,
  );

test('by hand on a 2 × 2 layer', () => {
  const x = input(2, 2, [1, -2, 0, 4], [3, 0.5, 7, -1]); // W⊙G = [[3, −1], [0, −4]]
  close(importanceMetrics['union-mean'](x), 2);
  close(importanceMetrics['union-frobenius'](x), Math.sqrt(26));
  close(importanceMetrics['union-row-norm'](x), (Math.sqrt(10) + 4) / 2);
  // σ₁+σ₂ = √(‖·‖² + 2|det|), det = −12
  close(importanceMetrics['union-nuclear'](x), Math.sqrt(26 + 24));
  close(importanceMetrics['grad-nuclear'](x), Math.sqrt(59.25 + 2 * 6.5));
  close(importanceMetrics['grad-frobenius'](x), Math.sqrt(59.25));
  close(importanceMetrics['grad-mean'](x), 11.5 / 4);
  const deviation = Math.sqrt([3, 0.5, 7, -1].reduce((sum, v) => sum + (v - 2.375) ** 2, 0) / 3);
  close(importanceMetrics['grad-entropy'](x), Math.log(deviation) + 0.5 * Math.log(2 * Math.PI * Math.E));
});

test('a diagonal gradient has known singular values', () => {
  const x = input(3, 3, [1, 1, 1, 1, 1, 1, 1, 1, 1], [4, 0, 0, 0, 2, 0, 0, 0, 1]);
  close(importanceMetrics['grad-nuclear'](x), 7);
  close(importanceMetrics['grad-nuclear-estimate'](x), Math.log(5) + Math.log(3), 1e-5); // the leading two
  close(importanceMetrics['union-nuclear-estimate'](x), Math.log(5) + Math.log(3), 1e-5);
  const p = [4, 2, 1].map((v) => v / 7);
  close(importanceMetrics['grad-effective-rank'](x), Math.exp(-p.reduce((sum, v) => sum + v * Math.log(v), 0)));
  const equal = input(3, 3, x.weight, [2, 0, 0, 0, 2, 0, 0, 0, 2]);
  close(importanceMetrics['grad-effective-rank'](equal), 3);
  const [mean, nuclear] = importanceMetrics['union-mean+grad-nuclear'](x);
  close(mean, 7 / 9);
  close(nuclear, Math.log(15), 1e-5);
  assert.equal(importanceMetrics['union-mean+union-nuclear'](x).length, 2);
  assert.equal(importanceMetrics['grad-mean+grad-nuclear'](x).length, 2);
});

test('the estimated nuclear norm of a large low-rank gradient finds its singular values', () => {
  const random = new Random(5);
  const [out, fanIn, rank] = [300, 280, 3];
  const gradient = matMul(random.normals(out * rank), random.normals(rank * fanIn), out, rank, fanIn);
  const x = { ...input(out, fanIn, gradient, gradient), probes: 8 };
  const { s } = svd(Float32Array.from(gradient), out, fanIn);
  const expected = s.slice(0, 8).reduce((sum, v) => sum + Math.log1p(v), 0);
  close(importanceMetrics['grad-nuclear-estimate'](x), expected, 1e-3);
});

test('scores follow the targets; √ scaling; a negative entropy under √ names the layer', () => {
  const model: Model = chain(3, 6);
  const gradients = new Map(model.linears.map((l, i) => [l.name, new Random(i).normals(36, 0, 1e-3)]));
  const gradientOf = (l: LinearLayer) => gradients.get(l.name) as Float32Array;
  for (const importance of importanceNames) {
    const run = (sqrtImportance: boolean) =>
      measureImportance(model, model.linears, gradientOf, { importance, sqrtImportance }, 4, new Random(1));
    if (importance === 'grad-entropy') {
      assert.throws(() => run(true), /grad-entropy.*layers\.0/);
      continue;
    }
    const plain = run(false).flat();
    for (const [i, v] of run(true).flat().entries()) close(v, Math.sqrt(plain[i]));
    const third = importanceMetrics[importance]({
      layer: model.linears[2],
      weight: param(model, 'layers.2.weight').dataSync() as Float32Array,
      gradient: gradientOf(model.linears[2]),
      probes: 4,
      random: new Random(1),
    });
    assert.deepEqual(plain.slice(-[third].flat().length), [third].flat(), importance);
  }
  disposeModel(model);
});

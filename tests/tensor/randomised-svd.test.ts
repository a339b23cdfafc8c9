/** The randomised SVD against the exact one, and the incremental PCA against the full one. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/tensor/backend';
import { IncrementalPca } from '../../src/tensor/incremental-pca';
import { gram, matMul, qr, svd, transpose } from '../../src/tensor/linalg';
import { orthonormal, spanningFactor, thinQr } from '../../src/tensor/orthonormal';
import { Random } from '../../src/tensor/random';
import { randomisedSvd } from '../../src/tensor/randomised-svd';
import { assertClose } from '../support/close';

before(() => startBackend());

/** U·diag(s)·Vᵀ with random orthonormal factors. */
function withSpectrum(rows: number, cols: number, spectrum: (i: number) => number, random: Random): Float32Array {
  const k = Math.min(rows, cols);
  const u = qr(random.normals(rows * k), rows, k).q.data.map((v, i) => v * spectrum(i % k));
  const v = qr(random.normals(cols * k), cols, k).q.data;
  return Float32Array.from(matMul(u, transpose(v, cols, k), rows, k, cols));
}

for (const [rows, cols] of [
  [60, 40],
  [40, 60],
]) {
  test(`[${rows}, ${cols}]: singular values, subspaces and the error bound`, () => {
    const data = withSpectrum(rows, cols, (i) => 0.7 ** i, new Random(1));
    const matrix = tf.tensor2d(data, [rows, cols]);
    const exact = svd(data, rows, cols);
    const { u, s, v, errorBound } = randomisedSvd(matrix, 6, new Random(2));
    assertClose(s, exact.s.subarray(0, 6), 1e-5, 'singular values');
    for (const [found, reference] of [
      [u, exact.u],
      [v, exact.v],
    ]) {
      for (let k = 0; k < 6; k++) {
        let cosine = 0;
        for (let i = 0; i < found.rows; i++) cosine += found.data[i * 6 + k] * reference.data[i * reference.cols + k];
        assert.ok(Math.abs(cosine) > 1 - 1e-5, `vector ${k}: cosine ${cosine}`);
      }
    }
    assert.ok(errorBound >= exact.s[12] && errorBound < 100 * exact.s[12], `${errorBound} bounds ${exact.s[12]}`);
    matrix.dispose();
  });
}

test('a flat spectrum: more power iterations come closer', () => {
  const data = withSpectrum(60, 50, (i) => 1 / (1 + 0.1 * i), new Random(3));
  const matrix = tf.tensor2d(data, [60, 50]);
  const exact = svd(data, 60, 50).s;
  const error = (iterations: number) => {
    const { s } = randomisedSvd(matrix, 5, new Random(4), { oversample: 3, iterations });
    return Math.max(...s.map((value, i) => Math.abs(value - exact[i]) / exact[i]));
  };
  const [none, eight] = [error(0), error(8)];
  assert.ok(none > 0.05, `without: ${none}`);
  assert.ok(eight < 0.02, `with eight: ${eight}`);
  matrix.dispose();
});

test('exact when the samples span the smaller side, and nothing leaks', () => {
  const data = new Random(5).normals(8 * 20);
  const matrix = tf.tensor2d(data, [8, 20]);
  const tensors = tf.memory().numTensors;
  const { s, errorBound } = randomisedSvd(matrix, 4, new Random(6));
  assertClose(s, svd(data, 8, 20).s.subarray(0, 4), 1e-12, 'singular values');
  assert.equal(errorBound, 0);
  randomisedSvd(matrix, 2, new Random(6));
  assert.equal(tf.memory().numTensors, tensors);
  matrix.dispose();
});

test('QR of a wide matrix: Q orthonormal, R upper triangular, Q·R the matrix', () => {
  const data = new Random(7).normals(3 * 5);
  const { q, r } = qr(data, 3, 5);
  assertClose(gram(q.data, 3, 3), [1, 0, 0, 0, 1, 0, 0, 0, 1], 1e-12, 'QQᵀ');
  assertClose(matMul(q.data, r.data, 3, 3, 5), data, 1e-12, 'QR');
  for (const [i, j] of [
    [1, 0],
    [2, 0],
    [2, 1],
  ]) {
    assert.ok(Math.abs(r.data[i * 5 + j]) < 1e-12);
  }
});

test('incremental PCA with every component is the PCA of all rows', () => {
  const [n, width] = [90, 6];
  const random = new Random(8);
  const rows = Float32Array.from(random.normals(n * width), (v, i) => 3 + v * 0.6 ** (i % width));
  const pca = new IncrementalPca(width, width, new Random(9));
  assert.equal(pca.add(rows.subarray(0, 20 * width)), null);
  pca.add(rows.subarray(20 * width, 55 * width));
  const cosines = pca.add(rows.subarray(55 * width));
  assert.ok(cosines!.every((cosine) => cosine > 0.8 && cosine <= 1 + 1e-9));
  const mean = Array.from(
    { length: width },
    (_, j) => rows.reduce((sum, v, i) => sum + (i % width === j ? v : 0), 0) / n,
  );
  const centred = Float64Array.from(rows, (v, i) => v - mean[i % width]);
  const full = svd(centred, n, width);
  const total = full.s.reduce((sum, v) => sum + v * v, 0);
  assertClose(
    pca.ratios,
    full.s.map((v) => (v * v) / total),
    1e-5,
    'ratios',
  );
  for (let k = 0; k < width; k++) {
    let cosine = 0;
    for (let j = 0; j < width; j++) cosine += pca.components![k * width + j] * full.v.data[j * width + k];
    assert.ok(Math.abs(cosine) > 1 - 1e-5, `component ${k}`);
  }
});

for (const [kind, spread] of [
  ['well conditioned', 1],
  ['nearly dependent', 1e-9],
] as const) {
  test(`thin QR of ${kind} columns: Q orthonormal, Q·R the matrix`, () => {
    const [rows, cols] = [50, 4];
    const data = Float64Array.from(new Random(9).normals(rows * cols));
    for (let i = 0; i < rows; i++) data[i * cols + 3] = data[i * cols] + spread * data[i * cols + 3];
    const { q, r } = thinQr({ rows, cols, data });
    const eye = Float64Array.from({ length: cols * cols }, (_, i) => (i % (cols + 1) === 0 ? 1 : 0));
    assertClose(gram(transpose(q.data, rows, cols), cols, rows), eye, 1e-12, 'QᵀQ');
    assertClose(matMul(q.data, r.data, rows, cols, cols), data, 1e-12, 'Q·R');
    for (let i = 0; i < cols; i++)
      for (let j = 0; j < i; j++) assert.equal(Math.abs(r.data[i * cols + j]) < 1e-12, true);
  });
}

test('the float32 factor makes a basis, and refuses columns that float32 cannot tell apart', () => {
  const [rows, cols] = [50, 4];
  const data = Float64Array.from(new Random(10).normals(rows * cols));
  const factorOf = (values: Float64Array) => {
    const small = gram(transpose(values, rows, cols), cols, rows);
    return spanningFactor(Float32Array.from(small), cols);
  };
  const basis = matMul(data, factorOf(data) as Float32Array, rows, cols, cols);
  const eye = Float64Array.from({ length: cols * cols }, (_, i) => (i % (cols + 1) === 0 ? 1 : 0));
  assertClose(gram(transpose(basis, rows, cols), cols, rows), eye, 1e-5, 'QᵀQ');
  const { data: exact } = orthonormal({ rows, cols, data: basis });
  assertClose(gram(transpose(exact, rows, cols), cols, rows), eye, 1e-12, 'after one exact pass');
  for (let i = 0; i < rows; i++) data[i * cols + 3] = data[i * cols] + 1e-3 * data[i * cols + 3];
  assert.equal(factorOf(data), null);
  assert.equal(factorOf(data.map((v, i) => (i % cols === 2 ? 0 : v))), null, 'a column of zeros');
});

test('a spectrum that falls beyond float32, and a tiny matrix: the leading triplets stay', () => {
  for (const size of [1, 1e-18]) {
    const data = withSpectrum(60, 50, (i) => size * 0.05 ** i, new Random(11));
    const matrix = tf.tensor2d(data, [60, 50]);
    const { s, u } = randomisedSvd(matrix, 3, new Random(12));
    assertClose(
      s.map((v) => v / size),
      [1, 0.05, 0.0025],
      1e-5,
      'singular values',
    );
    assertClose(gram(transpose(u.data, 60, 3), 3, 60), [1, 0, 0, 0, 1, 0, 0, 0, 1], 1e-9, 'UᵀU');
    matrix.dispose();
  }
});

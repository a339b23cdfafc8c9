/** GoRA's init: least squares, closed form, descent, over random shapes. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { compress, initA, stepFactor } from '../../../src/methods/gora/init';
import { kaimingUniform } from '../../../src/methods/init';
import type { LinearLayer } from '../../../src/models/model';
import { startBackend } from '../../../src/tensor/backend';
import { matMul, qr, transpose } from '../../../src/tensor/linalg';
import { Random } from '../../../src/tensor/random';

before(() => startBackend());

const norm = (x: Float32Array | Float64Array) => Math.hypot(...x);
const dot = (x: Float64Array, y: Float32Array) => x.reduce((sum, v, i) => sum + v * y[i], 0);
const layer = (out: number, fanIn: number) => ({ name: 'l', in: fanIn, out, weight: 'l.weight' }) as LinearLayer;

interface Case {
  readonly out: number;
  readonly in: number;
  readonly rank: number;
  readonly gradient: Float32Array;
  readonly a: Float32Array;
}

function drawCase(seed: number): Case {
  const random = new Random(seed, 'start');
  const out = 1 + random.int(24);
  const fanIn = 2 + random.int(30);
  const rank = 1 + random.int(Math.min(out, fanIn));
  const gradient = random.normals(out * fanIn, 0, 10 ** -random.int(6));
  return { out, in: fanIn, rank, gradient, a: kaimingUniform(random, rank, fanIn) };
}

/** P from an orthonormal basis of A's rows by QR: a way of its own to the projection. [in, in] */
function projector({ a, in: fanIn, rank }: Case): Float64Array {
  const { q } = qr(transpose(a, rank, fanIn), fanIn, rank);
  return matMul(q.data, transpose(q.data, fanIn, rank), fanIn, rank, fanIn);
}

test('ΔW₀ = −γ·√(in/r)·G·P within 1e-5, whatever α, r and the scale of A', () => {
  for (let seed = 0; seed < 60; seed++) {
    const c = drawCase(seed);
    const gamma = 0.05;
    const expected = matMul(c.gradient, projector(c), c.out, c.in, c.in).map(
      (v) => -gamma * Math.sqrt(c.in / c.rank) * v,
    );
    for (const alpha of [1, 16]) {
      for (const stretch of [1, 100]) {
        const scale = alpha / Math.sqrt(c.rank);
        const a = c.a.map((v) => v * stretch);
        const { b } = compress(c.gradient, a, c, c.rank);
        const factor = -scale * stepFactor(gamma, c.in, c.rank, scale);
        const change = matMul(Float32Array.from(b), a, c.out, c.rank, c.in).map((v) => factor * v);
        const off = norm(change.map((v, i) => v - expected[i]));
        assert.ok(off <= 1e-5 * norm(expected), `seed ${seed}: ${off / norm(expected)}`);
        // the paper's factor for α/√r
        assert.ok(Math.abs(stepFactor(gamma, c.in, c.rank, scale) - (gamma * Math.sqrt(c.in)) / alpha) < 1e-9);
      }
    }
    assert.ok(dot(expected, c.gradient) < 0, 'a descent direction');
  }
});

test('B is the least-squares solution: the residual is orthogonal to A, and its size is the reported error', () => {
  for (let seed = 100; seed < 140; seed++) {
    const c = drawCase(seed);
    const { b, error } = compress(c.gradient, c.a, c, c.rank);
    const residual = matMul(b, c.a, c.out, c.rank, c.in).map((v, i) => v - c.gradient[i]);
    const against = matMul(residual, transpose(c.a, c.rank, c.in), c.out, c.in, c.rank);
    assert.ok(norm(against) <= 1e-9 * norm(c.gradient) * norm(c.a), `seed ${seed}`);
    assert.ok(Math.abs(error - norm(residual) / norm(c.gradient)) < 1e-6);
    const nudged = b.map((v, i) => v * (1 + 0.01 * (i % 3)) + 1e-3 * norm(b));
    const worse = matMul(nudged, c.a, c.out, c.rank, c.in).map((v, i) => v - c.gradient[i]);
    assert.ok(norm(worse) > norm(residual));
  }
});

test('full rank loses nothing; a zero gradient gives B = 0 and no error', () => {
  const random = new Random(9);
  const shape = { out: 5, in: 4 };
  const a = kaimingUniform(random, 4, 4);
  assert.ok(compress(random.normals(20), a, shape, 4).error < 1e-6);
  const zero = compress(new Float32Array(20), a, shape, 4);
  assert.ok(zero.b.every((v) => v === 0) && zero.error === 0);
});

test('‖ΔW₀‖ ≈ γ‖G‖ on average over A', () => {
  const random = new Random(11);
  const shape = { out: 12, in: 64 };
  const rank = 4;
  const ratios = Array.from({ length: 200 }, () => {
    const gradient = random.normals(12 * 64);
    const a = kaimingUniform(random, rank, 64);
    const { b } = compress(gradient, a, shape, rank);
    return (Math.sqrt(64 / rank) * norm(matMul(b, a, 12, rank, 64))) / norm(gradient);
  });
  const mean = ratios.reduce((sum, v) => sum + v, 0) / ratios.length;
  assert.ok(Math.abs(mean - 1) < 0.02, `${mean}`);
});

test('large layers go through the backend in float32 and stay within 1e-5', () => {
  const random = new Random(13);
  const shape = { out: 640, in: 1280 };
  const rank = 32; // 26 M multiplications
  const gradient = random.normals(shape.out * shape.in, 0, 1e-4);
  const a = kaimingUniform(random, rank, shape.in);
  const large = compress(gradient, a, shape, rank);
  // rows are independent problems, so a few rows alone take the float64 path
  const rows = 16;
  const small = compress(gradient.slice(0, rows * shape.in), a, { out: rows, in: shape.in }, rank);
  const off = matMul(
    small.b.map((v, i) => v - large.b[i]),
    a,
    rows,
    rank,
    shape.in,
  );
  assert.ok(norm(off) <= 1e-5 * norm(matMul(small.b, a, rows, rank, shape.in)), `${norm(off)}`);
});

test('inits of A: bounds, deviation, and the best subspace of the gradient', () => {
  const random = new Random(15);
  const shape = layer(40, 64);
  const rank = 8;
  const gradient = random.normals(40 * 64);
  const weight = random.normals(40 * 64);
  const draw = (kind: Parameters<typeof initA>[0]) =>
    initA(
      kind,
      shape,
      rank,
      () => weight,
      () => gradient,
      new Random(1, kind),
    );
  const bound = 1 / 8;
  const uniform = draw('kaiming');
  assert.ok(uniform.every((v) => Math.abs(v) <= bound) && Math.max(...uniform) > 0.9 * bound);
  const gaussian = draw('gaussian');
  assert.ok(Math.abs(norm(gaussian) / Math.sqrt(gaussian.length) - bound) < 0.01);
  const loss = (a: Float32Array, of: Float32Array) => compress(of, a, shape, rank).error;
  const best = loss(draw('gradient-svd'), gradient);
  for (const kind of ['kaiming', 'gaussian', 'weight-svd'] as const) assert.ok(best < loss(draw(kind), gradient), kind);
  assert.ok(loss(draw('weight-svd'), weight) < loss(uniform, weight));
});

test('SVD inits of a gradient of lower rank still solve; of a zero gradient they name the layer', () => {
  const gradient = Float32Array.from({ length: 60 }, (_, i) => (1 + Math.floor(i / 10)) * ((i % 10) - 4) * 1e-5); // rank 1
  const weight = () => gradient;
  const a = initA('gradient-svd', layer(6, 10), 4, weight, () => gradient, new Random(1));
  const { b, error } = compress(gradient, a, { out: 6, in: 10 }, 4);
  assert.ok(error < 1e-3 && b.every(Number.isFinite), `${error}`);
  const zero = () => new Float32Array(60);
  assert.throws(() => initA('gradient-svd', layer(6, 10), 4, weight, zero, new Random(1)), /gradient of l is zero/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Matrix } from '../../src/formats/peft';
import { adapterToHalves, interleavedToHalves } from '../../src/formats/rotary';
import { Random } from '../../src/tensor/random';

const [HEADS, SIZE, DIM] = [2, 6, 4];

const times = ({ shape, data }: Matrix, x: Float32Array): number[] =>
  Array.from({ length: shape[0] }, (_, r) => x.reduce((sum, value, c) => sum + value * data[r * x.length + c], 0));

/** Rotates the pairs (first(i), second(i)) of every head by position · 10000^(−2i/size). */
function rotate(values: number[], position: number, first: (i: number) => number, second: (i: number) => number) {
  const out = [...values];
  for (let head = 0; head < HEADS; head++) {
    for (let i = 0; i < SIZE / 2; i++) {
      const [a, b] = [head * SIZE + first(i), head * SIZE + second(i)];
      const angle = position * 10000 ** ((-2 * i) / SIZE);
      out[a] = values[a] * Math.cos(angle) - values[b] * Math.sin(angle);
      out[b] = values[a] * Math.sin(angle) + values[b] * Math.cos(angle);
    }
  }
  return out;
}

const dot = (a: number[], b: number[], head: number): number =>
  a.slice(head * SIZE, (head + 1) * SIZE).reduce((sum, value, i) => sum + value * b[head * SIZE + i], 0);

test('reordered weights give the same attention scores under the other rotary order', () => {
  const random = new Random(5);
  const weight = (): Matrix => ({ shape: [HEADS * SIZE, DIM], data: random.normals(HEADS * SIZE * DIM) });
  const [q, k] = [weight(), weight()];
  const [x, y] = [random.normals(DIM), random.normals(DIM)];
  const neighbours = (values: number[], at: number) =>
    rotate(
      values,
      at,
      (i) => 2 * i,
      (i) => 2 * i + 1,
    );
  const halves = (values: number[], at: number) =>
    rotate(
      values,
      at,
      (i) => i,
      (i) => i + SIZE / 2,
    );
  for (let head = 0; head < HEADS; head++) {
    const before = dot(neighbours(times(q, x), 7), neighbours(times(k, y), 3), head);
    const after = dot(
      halves(times(interleavedToHalves(q, SIZE), x), 7),
      halves(times(interleavedToHalves(k, SIZE), y), 3),
      head,
    );
    assert.ok(Math.abs(before - after) < 1e-5, `${before} ≠ ${after}`);
  }
});

test('only q_proj and k_proj are reordered', () => {
  const matrix = (rows: number, columns: number): Matrix => ({
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, (_, i) => i),
  });
  const layer = (name: string) => ({
    name,
    rank: 1,
    scale: 1,
    A: matrix(1, 3),
    B: matrix(4, 1),
    extra: { magnitude: { ...matrix(4, 1), shape: [4] } },
  });
  for (const name of ['a.self_attn.q_proj', 'k_proj']) {
    const moved = adapterToHalves(layer(name), 4);
    assert.deepEqual([...moved.B.data], [0, 2, 1, 3]);
    assert.deepEqual(moved.extra?.magnitude, { shape: [4], data: Float32Array.of(0, 2, 1, 3) });
    assert.deepEqual(moved.A, layer(name).A);
  }
  const other = layer('a.self_attn.v_proj');
  assert.equal(adapterToHalves(other, 4), other);
  for (const size of [3, 0, 8]) assert.throws(() => interleavedToHalves(matrix(4, 1), size), /must be even/);
});

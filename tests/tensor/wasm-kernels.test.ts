/** The WebAssembly kernels against tfjs's plain-JavaScript ones: every op a model or optimiser needs, with its gradients. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../src/tensor/random';
import { startWasm } from '../../src/tensor/wasm';

type Inputs = tf.Tensor[];
interface Case {
  /** Shapes of normal inputs; a number array is a tensor of its own. */
  shapes: number[][];
  /** Applied to each input: `positive` makes |x| + 0.1. */
  positive?: boolean;
  f: (...x: Inputs) => tf.Tensor;
  /** Values only: the op has no gradient. */
  valueOnly?: boolean;
}

const ids = (values: number[], shape = [values.length]) => tf.tensor(values, shape, 'int32');
const mask = (shape: number[]) =>
  tf.cast(tf.tensor(new Random(5).uniforms(shape.reduce((a, b) => a * b, 1)), shape).greater(0.5), 'bool');
const constant = (shape: number[]) => tf.tensor(new Random(9).normals(shape.reduce((a, b) => a * b, 1)), shape);
const one = (f: (x: tf.Tensor) => tf.Tensor, shape = [3, 4, 5], positive = false): Case => ({
  shapes: [shape],
  f,
  positive,
});
const two = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, a: number[], b: number[], positive = false): Case => ({
  shapes: [a, b],
  f,
  positive,
});

const unary = {
  exp: tf.exp,
  log: tf.log,
  sqrt: tf.sqrt,
  rsqrt: tf.rsqrt,
  square: tf.square,
  abs: tf.abs,
  neg: tf.neg,
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  relu: tf.relu,
  softplus: tf.softplus,
  reciprocal: tf.reciprocal,
  erf: tf.erf,
  sin: tf.sin,
  cos: tf.cos,
  log1p: tf.log1p,
  expm1: tf.expm1,
  sign: tf.sign,
  floor: tf.floor,
  round: tf.round,
  elu: tf.elu,
  logSigmoid: tf.logSigmoid,
  softmax: (x: tf.Tensor) => tf.softmax(x),
  logSoftmax: (x: tf.Tensor) => tf.logSoftmax(x),
  logSumExp: (x: tf.Tensor) => tf.logSumExp(x, -1),
  clip: (x: tf.Tensor) => tf.clipByValue(x, 0.2, 1),
  power: (x: tf.Tensor) => tf.pow(x, 3),
  scale: (x: tf.Tensor) => tf.mul(x, 0.5),
  cumsum: (x: tf.Tensor) => tf.cumsum(x, 2),
  zeros: (x: tf.Tensor) => tf.add(tf.zerosLike(x), x),
  clone: (x: tf.Tensor) => tf.mul(tf.clone(x), x),
} satisfies Record<string, (x: tf.Tensor) => tf.Tensor>;

const cases: Record<string, Case> = {
  ...Object.fromEntries(
    Object.entries(unary).map(([name, f]) => [name, one(f as (x: tf.Tensor) => tf.Tensor, [3, 4, 5], true)]),
  ),
  'sum all': one((x) => tf.sum(x)),
  'sum first': one((x) => tf.sum(x, 0)),
  'sum middle': one((x) => tf.sum(x, 1, true)),
  'sum last': one((x) => tf.sum(x, -1)),
  'sum apart': one((x) => tf.sum(x, [0, 2], true)),
  'sum int32': { shapes: [], f: () => tf.sum(ids([5, -7, 9, 1, 2, 2], [2, 3]), 0), valueOnly: true },
  'mean all': one((x) => tf.mean(x)),
  'mean last': one((x) => tf.mean(x, -1, true)),
  'mean apart': one((x) => tf.mean(x, [0, 2])),
  'mean int32': { shapes: [], f: () => tf.mean(ids([5, -7, 9, 1, 2, 2], [2, 3]), 0), valueOnly: true },
  max: one((x) => tf.max(x, 1)),
  min: one((x) => tf.min(x, -1)),
  prod: { ...one((x) => tf.prod(x, 1)), valueOnly: true },
  any: { shapes: [], f: () => tf.any(mask([3, 4]), 0), valueOnly: true },
  all: { shapes: [], f: () => tf.all(mask([3, 4]), 1), valueOnly: true },
  norm: one((x) => tf.norm(x)),
  argMax: { ...one((x) => tf.argMax(x, 1)), valueOnly: true },
  argMin: { ...one((x) => tf.argMin(x, 0)), valueOnly: true },
  'topk values': { ...one((x) => tf.topk(x, 3).values), valueOnly: true },
  'topk indices': { ...one((x) => tf.topk(x, 3).indices), valueOnly: true },
};
const broadcasts: [string, number[], number[]][] = [
  ['same', [3, 4, 5], [3, 4, 5]],
  ['row', [3, 4, 5], [5]],
  ['column', [3, 4, 5], [3, 4, 1]],
  ['outer', [3, 1, 5], [1, 4, 1]],
  ['scalar', [3, 4], []],
  ['left', [4, 1], [3, 4, 5]],
];
for (const [kind, a, b] of broadcasts) {
  cases[`add ${kind}`] = two(tf.add, a, b);
  cases[`sub ${kind}`] = two(tf.sub, a, b);
  cases[`mul ${kind}`] = two(tf.mul, a, b);
  cases[`div ${kind}`] = two(tf.div, a, b, true);
  cases[`maximum ${kind}`] = { ...two(tf.maximum, a, b), valueOnly: kind !== 'same' };
  cases[`minimum ${kind}`] = { ...two(tf.minimum, a, b), valueOnly: kind !== 'same' };
  cases[`pow ${kind}`] = two(tf.pow, a, b, true);
  cases[`squaredDifference ${kind}`] = { ...two(tf.squaredDifference, a, b), valueOnly: kind !== 'same' };
  for (const compare of [tf.greater, tf.greaterEqual, tf.less, tf.lessEqual, tf.equal, tf.notEqual])
    cases[`${compare.name} ${kind}`] = { ...two((x, y) => compare(tf.round(x), tf.round(y)), a, b), valueOnly: true };
  cases[`where ${kind}`] = { ...two((x, y) => tf.where(tf.greater(x, y), x, y), a, b), valueOnly: true };
}
const products: [string, number[], number[]][] = [
  ['plain', [6, 7], [7, 5]],
  ['batch', [3, 6, 7], [3, 7, 5]],
  ['batch 4d', [2, 3, 6, 7], [2, 3, 7, 5]],
  ['row', [1, 7], [7, 5]],
];
for (const [kind, a, b] of products) {
  const turned = (shape: number[]) => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
  cases[`matMul ${kind}`] = two((x, y) => tf.matMul(x, y), a, b);
  cases[`matMul ${kind} tA`] = two((x, y) => tf.matMul(x, y, true, false), turned(a), b);
  cases[`matMul ${kind} tB`] = two((x, y) => tf.matMul(x, y, false, true), a, turned(b));
  cases[`matMul ${kind} tA tB`] = two((x, y) => tf.matMul(x, y, true, true), turned(a), turned(b));
}
Object.assign(cases, {
  'matMul one right': { ...two((a, b) => tf.matMul(a, b), [3, 6, 7], [1, 7, 5]), valueOnly: true },
  'matMul one right tA': { ...two((a, b) => tf.matMul(a, b, true), [3, 7, 6], [1, 7, 5]), valueOnly: true },
  'matMul one left': { ...two((a, b) => tf.matMul(a, b), [1, 6, 7], [3, 7, 5]), valueOnly: true },
  'matMul empty inner': { ...two((a, b) => tf.matMul(a, b), [3, 0], [0, 4]), valueOnly: true },
  dot: two((a, b) => tf.dot(a, b), [6], [6]),
  reshape: one((x) => tf.reshape(x, [12, 5])),
  'transpose 2d': one((x) => tf.transpose(x), [4, 6]),
  'transpose heads': one((x) => tf.transpose(x, [0, 2, 1, 3]), [2, 3, 4, 5]),
  'transpose no-op': one((x) => tf.transpose(x, [1, 0, 2]), [3, 1, 5]),
  'slice rows': one((x) => tf.slice(x, [1], [2])),
  'slice last': one((x) => tf.slice(x, [0, 0, 2], [-1, -1, 2])),
  'slice all axes': one((x) => tf.slice(x, [1, 2, 3, 0, 1], [1, 2, 1, 2, 2]), [2, 4, 5, 3, 4]),
  'slice middle': one((x) => tf.slice(x, [0, 1, 0], [3, 2, 5])),
  'slice long rows': one((x) => tf.slice(x, [0, 3], [4, 60]), [4, 70]),
  'slice nothing': { ...one((x) => tf.slice(x, [1, 0, 0], [0, 4, 5])), valueOnly: true },
  stridedSlice: { ...one((x) => tf.stridedSlice(x, [0, 0, 1], [3, 4, 5], [1, 2, 2])), valueOnly: true },
  'concat first': two((a, b) => tf.concat([a, b], 0), [2, 4], [3, 4]),
  'concat last': two((a, b) => tf.concat([a, b, a], -1), [2, 3, 4], [2, 3, 1]),
  'concat int32': { shapes: [], f: () => tf.concat([ids([1, 2]), ids([3])]), valueOnly: true },
  'stack last': two((a, b) => tf.stack([a, b], -1), [2, 3], [2, 3]),
  'stack first': two((a, b) => tf.stack([a, b]), [2, 3], [2, 3]),
  unstack: one((x) => tf.mul(tf.unstack(x, 1)[1], tf.unstack(x, 1)[3])),
  split: one((x) => tf.mul(tf.split(x, 2, 1)[0], tf.split(x, [1, -1, 2], 1)[2])),
  pad: one((x) =>
    tf.pad(x, [
      [1, 0],
      [0, 2],
      [1, 1],
    ]),
  ),
  tile: one((x) => tf.tile(x, [2, 1, 3])),
  expandDims: one((x) => tf.squeeze(tf.expandDims(x, 1))),
  broadcastTo: one((x) => tf.broadcastTo(x, [2, 3, 5]), [3, 1]),
  reverse: one((x) => tf.reverse(x, 1)),
  'where constant': one((x) => tf.where(mask([3, 4, 5]), x, tf.fill([3, 4, 5], -1e9))),
  gather: one((x) => tf.gather(x, ids([2, 0, 2, 2])), [4, 3]),
  'gather 2d ids': one((x) => tf.gather(x, ids([2, 0, 2, 2], [2, 2])), [4, 3]),
  'gather batches': {
    ...one((x) => tf.gather(x, ids([2, 0, 3, 1, 1, 0], [3, 2]), 1, 1)),
    valueOnly: true,
  },
  'gather int32': { shapes: [], f: () => tf.gather(ids([5, 6, 7]), ids([2, 2, 0])), valueOnly: true },
  'gather axis 1': one((x) => tf.gather(x, ids([2, 0, 2, 2]), 1)),
  gatherND: { ...one((x) => tf.gatherND(x, ids([0, 1, 2, 3], [2, 2]))), valueOnly: true },
  unsortedSegmentSum: one((x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1, 2, 2], 'int32'), 3), [5, 4]),
  'unsortedSegmentSum outside': {
    ...one((x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1, -1, 5], 'int32'), 7), [5, 4]),
    valueOnly: true,
  },
  oneHot: { shapes: [], f: () => tf.oneHot(ids([1, 0, 3, 2]), 4), valueOnly: true },
  'oneHot pick': one((x) => tf.sum(tf.mul(x, tf.cast(tf.oneHot(ids([1, 0, 3]), 4), 'float32')), -1), [3, 4]),
  'cast int32': { ...one((x) => tf.cast(tf.mul(x, 10), 'int32')), valueOnly: true },
  'cast bool': { ...one((x) => tf.cast(tf.mul(tf.round(x), 256.5), 'bool')), valueOnly: true },
  'cast from bool': { shapes: [], f: () => tf.cast(mask([3, 4]), 'float32'), valueOnly: true },
  logical: {
    shapes: [],
    f: () => tf.logicalAnd(mask([3, 4]), tf.logicalNot(tf.logicalOr(mask([3, 4]), mask([4])))),
    valueOnly: true,
  },
  linspace: { shapes: [], f: () => tf.linspace(0, 1, 7), valueOnly: true },
  range: { shapes: [], f: () => tf.range(2, 9, 2, 'int32'), valueOnly: true },
  'int32 arithmetic': {
    shapes: [],
    f: () => tf.sub(tf.mul(ids([3, 4]), ids([5, 6])), tf.mod(ids([7, 9]), ids([4, 5]))),
    valueOnly: true,
  },
  floorDiv: { shapes: [], f: () => tf.floorDiv(ids([7, -9, 12]), ids([4, 5, 4])), valueOnly: true },
  addN: two((a, b) => tf.addN([a, b, a]), [3, 4], [3, 4]),
  prelu: two((a, b) => tf.prelu(a, b), [3, 4], [4]),
  'conv2d patches': {
    ...two((x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'valid'), [2, 4, 4, 3], [2, 2, 3, 5]),
    valueOnly: true,
  },
  customGrad: one((x) =>
    tf.customGrad((y, save) => {
      (save as tf.GradSaveFunc)([y as tf.Tensor]);
      return {
        value: tf.tanh(y as tf.Tensor),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, tf.exp(saved[0])),
      };
    })(x),
  ),
} satisfies Record<string, Case>);

/** Value and gradients of Σ f(x)·c on the current backend, as plain arrays. */
function evaluate(test: Case): { shape: number[]; dtype: string; values: Float64Array }[] {
  const results = tf.tidy(() => {
    const random = new Random(3);
    const inputs = test.shapes.map((shape) => {
      const x = tf.tensor(random.normals(shape.reduce((a, b) => a * b, 1)), shape);
      return test.positive ? tf.add(tf.abs(x), 0.1) : x;
    });
    const value = test.f(...inputs);
    if (test.valueOnly) return [value];
    const grads = tf.grads((...x: Inputs) => tf.sum(tf.mul(test.f(...x), constant(value.shape))))(inputs);
    return [value, ...grads];
  });
  return results.map((t) => {
    const plain = { shape: t.shape, dtype: t.dtype, values: Float64Array.from(t.dataSync()) };
    t.dispose();
    return plain;
  });
}

/** Largest difference over the largest size. NaN on either side is a failure. */
function relativeError(actual: Float64Array, expected: Float64Array): number {
  let difference = 0;
  let size = 1e-30;
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i]) continue;
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= difference)) difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
  }
  for (const x of expected) size = Math.max(size, Math.abs(x));
  return difference / size;
}

before(() => startWasm());

test('gather refuses an index outside', () => {
  assert.throws(() => tf.gather(tf.ones([3, 2]), tf.tensor1d([0, 3], 'int32')), /index 3 is not in 0 … 2/);
});

test('matMul of awkward sizes', async () => {
  for (const [m, k, n] of [
    [1, 1, 1],
    [5, 1, 3],
    [1, 37, 1],
    [17, 33, 19],
    [64, 50, 67],
  ]) {
    const shapes = [
      [m, k],
      [k, n],
    ];
    for (const [tA, tB] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ]) {
      const item: Case = { shapes, f: (a, b) => tf.matMul(tA ? tf.transpose(a) : a, tB ? tf.transpose(b) : b, tA, tB) };
      await tf.setBackend('cpu');
      const expected = evaluate(item);
      await tf.setBackend('wasm');
      const actual = evaluate(item);
      for (const [i, e] of expected.entries())
        assert.ok(relativeError(actual[i].values, e.values) < 1e-5, `${[m, k, n, tA, tB, i]}`);
    }
  }
});

for (const [name, item] of Object.entries(cases)) {
  test(`${name}: as on the cpu backend`, async () => {
    await tf.setBackend('cpu');
    const expected = evaluate(item);
    await tf.setBackend('wasm');
    const actual = evaluate(item);
    assert.equal(actual.length, expected.length);
    expected.forEach((e, i) => {
      const what = i === 0 ? 'value' : `gradient ${i}`;
      assert.deepEqual(actual[i].shape, e.shape, `shape of ${what}`);
      assert.equal(actual[i].dtype, e.dtype, `dtype of ${what}`);
      const error = relativeError(actual[i].values, e.values);
      assert.ok(
        error < 1e-5,
        `${what}: relative error ${error}\n${actual[i].values.slice(0, 8)}\n${e.values.slice(0, 8)}`,
      );
    });
  });
}

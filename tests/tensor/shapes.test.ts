/** Every shape rule against the real backend: what tracing infers is what TensorFlow makes. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/tensor/backend';
import { nativeBackend } from '../../src/tensor/jit/native';
import { tracedOps } from '../../src/tensor/jit/shapes';
import { traceFunction } from '../../src/tensor/jit/trace';
import { sigmoidGrad, sparseCrossEntropy } from '../../src/tensor/native-ops';

before(() => startBackend());

type Given = Record<'x' | 'y' | 'row' | 'one' | 'three' | 'four' | 'ids' | 'bool', tf.Tensor>;

const inputs = (): Given => ({
  x: tf.tensor2d([0.1, 0.7, 0.3, 0.4, 0.9, 0.2], [2, 3]),
  y: tf.tensor2d([0.5, 0.6, 0.7, 0.8, 0.1, 0.3], [2, 3]),
  row: tf.tensor1d([0.2, 0.4, 0.6]),
  one: tf.scalar(0.5),
  three: tf.reshape(tf.range(0, 24, 1), [2, 3, 4]),
  four: tf.reshape(tf.range(0, 48, 1), [2, 3, 4, 2]),
  ids: tf.tensor1d([1, 0, 1], 'int32'),
  bool: tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], 'bool'),
});

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
type Reduction = (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor;

const unary: Unary[] = [
  tf.abs,
  tf.acos,
  tf.acosh,
  tf.asin,
  tf.asinh,
  tf.atan,
  tf.atanh,
  tf.ceil,
  tf.cos,
  tf.cosh,
  tf.elu,
  tf.erf,
  tf.exp,
  tf.expm1,
  tf.floor,
  tf.log,
  tf.log1p,
  tf.neg,
  tf.reciprocal,
  tf.relu,
  tf.relu6,
  tf.round,
  tf.rsqrt,
  tf.selu,
  tf.sigmoid,
  tf.sign,
  tf.sin,
  tf.sinh,
  tf.softmax,
  tf.softplus,
  tf.sqrt,
  tf.square,
  tf.tan,
  tf.tanh,
  tf.zerosLike,
  tf.onesLike,
  tf.isNaN,
  tf.isInf,
  tf.isFinite,
  tf.leakyRelu,
  tf.step,
  tf.logSoftmax,
  tf.logSumExp,
];
const binary: Binary[] = [
  tf.add,
  tf.sub,
  tf.mul,
  tf.div,
  tf.divNoNan,
  tf.floorDiv,
  tf.mod,
  tf.maximum,
  tf.minimum,
  tf.pow,
  tf.squaredDifference,
  tf.atan2,
  tf.equal,
  tf.notEqual,
  tf.greater,
  tf.greaterEqual,
  tf.less,
  tf.lessEqual,
];
const reductions: Reduction[] = [tf.sum, tf.mean, tf.max, tf.min, tf.prod];
/** tfjs calls its functions `abs__op`. */
const nameOf = ({ name }: { name: string }) => name.replace(/_+op$/, '');

const CASES: Record<string, (given: Given) => tf.Tensor | tf.Tensor[]> = {
  ...Object.fromEntries(unary.map((work) => [nameOf(work), ({ x }: Given) => work(x)])),
  ...Object.fromEntries(
    binary.map((work) => [nameOf(work), ({ x, y, row, one }: Given) => [work(x, y), work(x, row), work(one, y)]]),
  ),
  ...Object.fromEntries(
    reductions.map((work) => [
      nameOf(work),
      ({ three }: Given) => [work(three), work(three, 1), work(three, [0, -1], true)],
    ]),
  ),
  'all and any': ({ bool }) => [tf.all(bool, 1), tf.any(bool, 0, true), tf.all(bool)],
  logic: ({ bool }) => [tf.logicalAnd(bool, bool), tf.logicalOr(bool, bool), tf.logicalNot(bool)],
  'argMax and argMin': ({ three }) => [tf.argMax(three, 1), tf.argMin(three, -1)],
  matMul: ({ x, y }) => [tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D, false, true), tf.matMul(x, y, true)],
  'batched matMul': ({ three, four }) => [
    tf.matMul(three, three, true),
    tf.matMul(four as tf.Tensor4D, four as tf.Tensor4D, false, true),
  ],
  addN: ({ x, y }) => tf.addN([x, y, x]),
  cast: ({ x, ids, bool }) => [tf.cast(x, 'int32'), tf.cast(ids, 'float32'), tf.cast(bool, 'float32')],
  where: ({ bool, x, y }) => tf.where(bool, x, y),
  'fill and range': () => [tf.fill([2, 3], 4), tf.range(2, 9, 3), tf.range(0, 5, 1, 'int32'), tf.ones([3])],
  oneHot: ({ ids }) => tf.oneHot(ids, 4),
  reshape: ({ three }) => [tf.reshape(three, [6, -1]), tf.reshape(three, [24])],
  'expandDims and squeeze': ({ x }) => [tf.expandDims(x, 1), tf.expandDims(x, -1), tf.squeeze(tf.expandDims(x, 0))],
  transpose: ({ three, x }) => [tf.transpose(three, [2, 0, 1]), tf.transpose(x)],
  tile: ({ x }) => [tf.tile(x, [2, 3]), tf.broadcastTo(tf.slice(x, [0, 0], [1, 3]), [4, 3])],
  slice: ({ three }) => [tf.slice(three, [0, 1, 1], [-1, 2, -1]), tf.slice(three, 1)],
  concat: ({ x, y }) => [tf.concat([x, y], 0), tf.concat([x, y, x], 1)],
  split: ({ three }) => [...tf.split(three, 2, 2), ...tf.split(three, [1, 2], 1)],
  'stack and unstack': ({ three, x, y }) => [tf.stack([x, y]), tf.stack([x, y], -1), ...tf.unstack(three, 1)],
  gather: ({ three, x, ids }) => [tf.gather(x, ids), tf.gather(three, ids, 2), tf.gather(x, tf.stack([ids, ids]))],
  unsortedSegmentSum: ({ three, ids }) => tf.unsortedSegmentSum(tf.transpose(three, [1, 0, 2]), ids as tf.Tensor1D, 5),
  'cumsum and cumprod': ({ x }) => [tf.cumsum(x, 1), tf.cumprod(x, 0)],
  reverse: ({ three }) => tf.reverse(three, [0, 2]),
  pad: ({ x }) => [
    tf.pad(x, [
      [1, 2],
      [0, 3],
    ]),
    tf.mirrorPad(
      x,
      [
        [1, 1],
        [0, 1],
      ],
      'reflect',
    ),
  ],
  eluGrad: ({ x }) => tf.grad((v) => tf.sum(tf.elu(v)))(x),
  sigmoidGrad: ({ x, y }) => sigmoidGrad(x, y),
  sparseCrossEntropy: ({ x }) => Object.values(sparseCrossEntropy(x as tf.Tensor2D, tf.tensor1d([2, 0], 'int32'))),
  gradients: ({ x, y, three, ids }) => [
    ...tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.softmax(tf.matMul(a, b, false, true))))([x, y]),
    tf.grad((v) => tf.sum(tf.square(tf.gather(v, ids as tf.Tensor1D))))(x),
    tf.grad((v) => tf.sum(tf.square(tf.concat([tf.slice(v, [0, 1, 0]), tf.relu(v)], 1))))(three),
    tf.grad((v) => tf.sum(tf.pow(tf.max(tf.tile(v, [2, 1]), 1), 3)))(x),
  ],
};

const met = new Set<string>();

for (const [name, work] of Object.entries(CASES)) {
  test(`${name}: shapes and types as TensorFlow's`, (t) => {
    const backend = nativeBackend();
    if (!backend) {
      t.skip('graphs need native TensorFlow: run `npm run setup`');
      return;
    }
    tf.tidy(() => {
      const given = inputs();
      const named = (one: Given) => {
        const all = work(one);
        return Object.fromEntries((Array.isArray(all) ? all : [all]).map((tensor, i) => [`${i}`, tensor]));
      };
      const trace = traceFunction(backend, (one: Given) => named(one), given, []);
      for (const { name: op } of trace.ops) met.add(op);
      const eager = named(given);
      assert.equal(trace.outputs.size, Object.keys(eager).length);
      for (const [key, id] of trace.outputs) {
        const { shape, dtype } = backend.tensorMap.get(eager[key].dataId);
        assert.deepEqual(trace.metas.get(id), { shape, dtype }, `output ${key}`);
      }
    });
  });
}

test('every rule was tried', (t) => {
  if (!nativeBackend()) {
    t.skip('graphs need native TensorFlow: run `npm run setup`');
    return;
  }
  const other = new Set(['Add', 'AddV2', 'Div', 'RealDiv']); // names of one and the same
  assert.deepEqual(
    tracedOps.filter((name) => !met.has(name) && !other.has(name)),
    [],
  );
});

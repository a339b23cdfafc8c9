/** Functions as graphs: what they give, what they may not do, what they leave. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/tensor/backend';
import { checkGraphs } from '../../src/tensor/jit/check';
import { CompiledGraph } from '../../src/tensor/jit/compiled';
import { jit } from '../../src/tensor/jit/jit';
import { nativeBackend } from '../../src/tensor/jit/native';
import { planOf } from '../../src/tensor/jit/plan';
import { graphsBuilt } from '../../src/tensor/jit/pool';
import { traceFunction } from '../../src/tensor/jit/trace';
import { accumulate } from '../../src/tensor/jit/update';

before(() => startBackend());

type One = { x: tf.Tensor };

function native(t: TestContext): boolean {
  if (nativeBackend()) return true;
  t.skip('graphs need native TensorFlow: run `npm run setup`');
  return false;
}

/** What a function of one tensor gives as a graph, and why not where it cannot. */
function call(work: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor) {
  const graph = jit(({ x }: One) => ({ y: work(x) }));
  const { y } = graph.run({ x });
  const values = [...y.dataSync()];
  const { why } = graph;
  graph.dispose();
  y.dispose();
  return { values, why };
}

test('a graph gives what eager code gives on new input, with values captured from outside', (t) => {
  if (!native(t)) return;
  const weight = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const work = (x: tf.Tensor) => {
    const [first, ...rest] = tf.split(tf.softmax(tf.matMul(x as tf.Tensor2D, weight)), 3, 1);
    return tf.concat([tf.mean(first, 0, true), tf.reshape(tf.max(rest[0]), [1, 1]), tf.sum(rest[1], 0, true)]);
  };
  const graph = jit(({ x }: One) => ({ y: work(x) }));
  const built = graphsBuilt();
  for (const values of [
    [0.1, 0.2, 0.3, 0.4],
    [-1, 0.5, 0.25, 2],
  ]) {
    const x = tf.tensor2d(values, [2, 2]);
    const [found, eager] = [graph.run({ x }).y.dataSync(), work(x).dataSync()];
    eager.forEach((value, i) => {
      assert.ok(Math.abs(value - found[i]) < 1e-6, `${found[i]} against ${value}`);
    });
  }
  assert.equal(graphsBuilt(), built + 1);
  assert.equal(graph.why, null);
  graph.dispose();
});

test('state lives in the graph: empty outside until it is asked for, and what is assigned there counts', (t) => {
  if (!native(t)) return;
  const sum = tf.variable(tf.tensor1d([1, 2]), false);
  const moment = tf.variable(tf.tensor1d([2, 4]), false);
  const graph = jit(
    ({ x }: One) => {
      moment.assign(tf.add(tf.mul(moment, 0.5), x));
      accumulate(sum, tf.mul(x, 2));
      accumulate(sum, x);
      return { now: tf.mul(sum, 1), before: tf.sum(moment) };
    },
    { state: [{ variable: sum }, { variable: moment, scale: 4, hidden: true }] },
  );
  const x = tf.tensor1d([1, 10]);
  const first = graph.run({ x });
  assert.deepEqual([...first.now.dataSync()], [4, 32]);
  assert.equal(first.before.dataSync()[0], 8 * 0.5 + 1 + 16 * 0.5 + 10); // four times the moment, plus x
  assert.throws(() => sum.dataSync(), /lives in a graph while it trains/);
  assert.throws(() => tf.mul(sum, 2), /lives in a graph while it trains/);
  graph.sync();
  assert.deepEqual([...sum.dataSync()], [4, 32]);
  assert.throws(() => moment.dataSync());
  assert.deepEqual([...graph.run({ x }).now.dataSync()], [7, 62]);
  graph.sync();
  sum.assign(tf.tensor1d([100, 200]));
  assert.deepEqual([...graph.run({ x }).now.dataSync()], [103, 230]);
  const wide = tf.tensor2d([1, 1, 1, 1], [2, 2]);
  assert.throws(() => graph.run({ x: wide }), /shape|Error/i); // assign refuses it in both ways
  graph.dispose();
  assert.deepEqual([...sum.dataSync()], [103, 230]);
  // the eager call took the state out: 4m₃ with 4m = 4m/2 + x is [8, 16] → [5, 18] → [3.5, 19] → [2.75, 19.5]
  assert.deepEqual([...moment.dataSync()], [2.75 / 4, 19.5 / 4]);
});

test('fed variables are read anew at every call, all else is frozen', (t) => {
  if (!native(t)) return;
  const [fed, frozen] = [1, 2].map((value) => tf.variable(tf.scalar(value), false));
  const graph = jit(({ x }: One) => ({ y: tf.add(tf.mul(x, fed), frozen) }), { reads: [fed] });
  const run = () => graph.run({ x: tf.scalar(10) }).y.dataSync()[0];
  assert.equal(run(), 12);
  fed.assign(tf.scalar(3));
  frozen.assign(tf.scalar(5));
  assert.equal(run(), 32);
  graph.dispose();
});

test('several shapes share the state; beyond the most, and before its patience ends, the function runs itself', (t) => {
  if (!native(t)) return;
  const sum = tf.variable(tf.scalar(0), false);
  const graph = jit(
    ({ x }: One) => {
      sum.assign(tf.add(sum, tf.sum(x)));
      return { y: tf.mul(sum, 1) };
    },
    { state: [{ variable: sum }], shapes: 2, patience: 1 },
  );
  const built = graphsBuilt();
  const found = [1, 2, 3, 1, 2, 3, 2, 1, 3].map((n) => graph.run({ x: tf.ones([n]) }).y.dataSync()[0]);
  assert.deepEqual(found, [1, 3, 6, 7, 9, 12, 14, 15, 18]);
  assert.equal(graphsBuilt(), built + 2);
  graph.dispose();
  assert.equal(sum.dataSync()[0], 18);
});

test('what cannot be a graph runs as it is, and a line says why', (t) => {
  if (!native(t)) return;
  const x = tf.tensor1d([1, 2]);
  const held = tf.variable(tf.tensor1d([5, 6]), false);
  const assigns = (x: tf.Tensor) => {
    held.assign(x as tf.Tensor1D);
    return tf.clone(x);
  };
  let count = 0;
  const cases: [(x: tf.Tensor) => tf.Tensor, RegExp][] = [
    [(x) => tf.mul(x, ++count), /^operation 0 \(Mul\) is not the same in two calls/],
    [(x) => (++count % 2 ? tf.square(x) : tf.sqrt(x)), /^operation 0 \(\w+\) is not the same in two calls/],
    [(x) => tf.mul(x, x.dataSync()[0]), /^reads values in JavaScript.*: a tensor \[2\] \(jit\.test\.ts:\d+\)$/],
    [(x) => tf.mul(x, tf.square(x).dataSync()[1]), /^reads values.*the result of Square \[2\] \(jit\.test\.ts:\d+\)$/],
    [(x) => tf.mul(x, held.dataSync()[0]), /^reads values in JavaScript/],
    [(x) => tf.abs(tf.spectral.rfft(tf.cast(x, 'float32'))), /^(operation \w+ has no shape rule|uses)/],
    [assigns, /^assigns a variable that is not declared/],
  ];
  for (const [work, why] of cases) {
    const before = tf.memory().numTensors;
    const found = call(work, x);
    assert.match(found.why as string, why);
    assert.equal(found.values.length, x.size);
    assert.equal(tf.memory().numTensors, before);
  }
  assert.deepEqual(call((x) => tf.mul(x, 2), x).why, null);
  process.env.GORA_GRAPHS = '0';
  try {
    assert.equal(call((x) => tf.mul(x, 2), x).why, 'switched off by GORA_GRAPHS=0');
  } finally {
    delete process.env.GORA_GRAPHS;
  }
  assert.equal(jit(({ x }: One) => ({ x }), { eager: 'switched off' }).why, 'nothing has run yet');
});

test('a constant that JavaScript made may be read, and outlive the trace', (t) => {
  if (!native(t)) return;
  let kept: tf.Tensor | null = null;
  const found = call(
    (x) => {
      kept ??= tf.keep(tf.tensor1d([3, 4]));
      return tf.mul(tf.mul(x, kept), tf.scalar(2).dataSync()[0]);
    },
    tf.tensor1d([1, 1]),
  );
  assert.deepEqual(found.values, [6, 8]);
  assert.deepEqual([...(kept as unknown as tf.Tensor).dataSync()], [3, 4]);
});

test('one input passed twice is two inputs; an output may be an input', (t) => {
  if (!native(t)) return;
  const graph = jit(({ a, b }: Record<'a' | 'b', tf.Tensor>) => ({ sum: tf.add(a, tf.mul(b, 10)), a, again: a }));
  const one = tf.scalar(1);
  assert.equal(graph.run({ a: one, b: one }).sum.dataSync()[0], 11);
  const { sum, a, again } = graph.run({ a: one, b: tf.scalar(2) });
  assert.deepEqual(
    [sum, a, again].map((tensor) => tensor.dataSync()[0]),
    [21, 1, 1],
  );
  graph.dispose();
});

test('full-size ones become Fill, other large constants are set once: the file stays small', (t) => {
  if (!native(t)) return;
  const table = Float32Array.from({ length: 512 * 512 }, (_, i) => i % 97);
  const work = (x: tf.Tensor) => tf.add(tf.mul(x, tf.ones([512, 512])), tf.tensor2d(table, [512, 512]));
  const backend = nativeBackend()!;
  const trace = traceFunction(backend, ({ x }: One) => ({ y: work(x) }), { x: tf.scalar(2) }, []);
  const plan = planOf(trace);
  assert.equal(plan.frozen.length, 1);
  const graph = new CompiledGraph(backend, trace, plan);
  assert.ok(graph.bytes < 4096, `${graph.bytes} bytes`);
  graph.begin(trace, plan);
  const values = graph.run({ x: tf.scalar(3) }).y.dataSync();
  assert.deepEqual([values[96], values[512 * 512 - 1]], [99, 3 + table[512 * 512 - 1]]);
  graph.dispose();
  assert.throws(() => graph.run({ x: tf.scalar(3) }), /disposed/);
});

test('large random constants are seen to change, also when the graph is known', (t) => {
  if (!native(t)) return;
  let seed = 0;
  const still = Float32Array.from({ length: 70000 }, (_, i) => Math.sin(i));
  const work = (values: () => Float32Array) => (x: tf.Tensor) => tf.sum(tf.mul(x, tf.tensor1d(values())));
  const moving = () => still.map((value) => value + ++seed);
  assert.equal(
    call(
      work(() => still),
      tf.scalar(1),
    ).why,
    null,
  );
  assert.match(call(work(moving), tf.scalar(1)).why as string, /^a large constant is not the same/);
});

test("gather's own check of its indices is no host read, and a graph still refuses a wrong index", (t) => {
  if (!native(t)) return;
  const table = tf.tensor1d([10, 20, 30]);
  const graph = jit(({ x }: One) => ({ y: tf.gather(table, x as tf.Tensor1D) }));
  const run = (ids: number[]) => [...graph.run({ x: tf.tensor1d(ids, 'int32') }).y.dataSync()];
  assert.deepEqual(run([0, 2]), [10, 30]);
  assert.deepEqual(run([1, 1]), [20, 20]);
  assert.throws(() => run([1, 3]), /not in \[0, 3\)/);
  assert.equal(graph.why, null);
  assert.throws(() => tf.gather(table, tf.tensor1d([3], 'int32')), /not in \[0, 2\]/); // eager, as before
  graph.dispose();
});

test('a trace computes nothing: a matrix of half a terabyte costs no memory', (t) => {
  if (!native(t)) return;
  const backend = nativeBackend()!;
  const rss = process.memoryUsage.rss();
  const trace = traceFunction(
    backend,
    ({ x }: One) => {
      const wide = tf.tile(tf.reshape(x, [1, 1]), [400_000, 400_000]);
      return { y: tf.sum(tf.square(tf.matMul(wide, wide, false, true))) };
    },
    { x: tf.scalar(1) },
    [],
  );
  assert.deepEqual(
    trace.ops.map(({ name }) => name),
    ['Reshape', 'Tile', 'BatchMatMulV2', 'Square', 'Sum'],
  );
  assert.ok(process.memoryUsage.rss() - rss < 2 ** 28);
});

test('the backend is as before after a trace, also when the work throws', (t) => {
  if (!native(t)) return;
  const backend = nativeBackend()!;
  const { binding, readSync, getInputTensorIds, move } = backend;
  const { assign } = tf.Variable.prototype;
  const held = tf.variable(tf.scalar(7), false);
  assert.throws(
    () =>
      traceFunction(
        backend,
        () => {
          held.assign(tf.mul(held, 2));
          throw new Error('stop');
        },
        {},
        [held],
      ),
    /stop/,
  );
  assert.deepEqual(
    [backend.binding, backend.readSync, backend.getInputTensorIds, backend.move],
    [binding, readSync, getInputTensorIds, move],
  );
  assert.equal(tf.Variable.prototype.assign, assign);
  assert.equal(held.dataSync()[0], 7);
});

test('on request the first result is compared with eager code, and the state is untouched by it', (t) => {
  if (!native(t)) return;
  checkGraphs(true);
  try {
    const held = tf.variable(tf.scalar(1), false);
    const add = ({ x }: One) => {
      accumulate(held, x);
      return { y: tf.mul(held, 1) };
    };
    const graph = jit(add, { state: [{ variable: held }] });
    assert.equal(graph.run({ x: tf.scalar(2) }).y.dataSync()[0], 3);
    graph.dispose();
    assert.equal(held.dataSync()[0], 3);
  } finally {
    checkGraphs(false);
  }
});

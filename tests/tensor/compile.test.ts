/** Recording eager code and running it as one graph. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/tensor/backend';
import { traceDifference } from '../../src/tensor/compile/compare';
import { emitTrace } from '../../src/tensor/compile/emit';
import { GraphBuilder } from '../../src/tensor/compile/graph';
import { GraphSession, runOnce } from '../../src/tensor/compile/session';
import { type NativeBackend, nativeBackend, tensorId, traceOps } from '../../src/tensor/compile/trace';

before(() => startBackend());

function backendFor(t: TestContext): NativeBackend | null {
  const backend = nativeBackend();
  if (!backend) t.skip('graphs need native TensorFlow: run `npm run setup`');
  return backend;
}

/** Records a function of one tensor. */
function record(backend: NativeBackend, x: tf.Tensor, work: (x: tf.Tensor) => tf.Tensor) {
  const id = tensorId(backend, x);
  const { result, trace } = traceOps(backend, () => tf.tidy(() => work(x)));
  return { trace, declared: new Map([[id, 'x']]), output: tensorId(backend, result), result };
}

/** The graph of a recording as a function, and its size in bytes. */
function build(backend: NativeBackend, recorded: ReturnType<typeof record>) {
  const graph = new GraphBuilder();
  const [id] = recorded.declared.keys();
  const place = graph.placeholder(recorded.trace.metas.get(id)!);
  const { trace, output } = recorded;
  const { outputs, once } = emitTrace(graph, backend.binding, trace, new Map([[id, place]]), [output]);
  const begin = graph.barrier(once.map(({ assign }) => assign));
  const bytes = graph.serialise();
  const session = new GraphSession(backend, bytes);
  if (once.length > 0) runOnce(session, once, begin);
  const run = (x: tf.Tensor) => session.run(new Map([[place, x]]), outputs)[0];
  return { run, bytes: bytes.length, once: once.length, session };
}

test('a graph gives what eager code gives on new input, with values captured from outside', (t) => {
  const backend = backendFor(t);
  if (!backend) return;
  const weight = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const work = (x: tf.Tensor) => {
    const y = tf.matMul(x as tf.Tensor2D, weight);
    const [first, ...rest] = tf.split(tf.softmax(y), 3, 1);
    return tf.concat([
      tf.mean(first, 0, true),
      tf.expandDims(tf.max(rest[0]), 0).reshape([1, 1]),
      tf.sum(rest[1], 0, true),
    ]);
  };
  const { run, session } = build(backend, record(backend, tf.tensor2d([0.1, 0.2, 0.3, 0.4], [2, 2]), work));
  const other = tf.tensor2d([-1, 0.5, 0.25, 2], [2, 2]);
  const [graph, eager] = [run(other).dataSync(), work(other).dataSync()];
  eager.forEach((value, i) => {
    assert.ok(Math.abs(value - graph[i]) < 1e-6, `${graph[i]} against ${value}`);
  });
  session.dispose();
  assert.throws(() => run(other), /disposed/);
});

test('full-size ones become Fill, other large constants are set once: the file stays small', (t) => {
  const backend = backendFor(t);
  if (!backend) return;
  const table = Float32Array.from({ length: 512 * 512 }, (_, i) => i % 97);
  const work = (x: tf.Tensor) => tf.add(tf.mul(x, tf.ones([512, 512])), tf.tensor2d(table, [512, 512]));
  const { run, bytes, once, session } = build(backend, record(backend, tf.scalar(2), work));
  assert.ok(bytes < 4096, `${bytes} bytes`);
  assert.equal(once, 1);
  const values = run(tf.scalar(3)).dataSync();
  assert.equal(values[96], 99);
  assert.equal(values[512 * 512 - 1], 3 + table[512 * 512 - 1]);
  session.dispose();
});

test('code that is the same graph in two runs passes; what JavaScript changes is named', (t) => {
  const backend = backendFor(t);
  if (!backend) return;
  const twice = (work: (x: tf.Tensor) => tf.Tensor) =>
    traceDifference(record(backend, tf.tensor1d([1, 2]), work), record(backend, tf.tensor1d([3, 4]), work));
  const outside = tf.tensor1d([5, 6]);
  assert.equal(
    twice((x) => tf.mul(tf.add(x, outside), 2)),
    null,
  );
  let count = 0;
  assert.match(twice((x) => tf.mul(x, ++count))!, /input 1 of operation 0 \(Mul\) is not the same/);
  assert.match(
    twice((x) => (++count % 2 ? tf.square(x) : tf.sqrt(x)))!,
    /operation 0 is \w+ in one step and \w+ in the next/,
  );
  assert.match(
    twice((x) => (++count % 2 ? x.square() : x.square().sqrt()))!,
    /1 operations in one step and 2|2 .* and 1/,
  );
  assert.match(twice((x) => tf.sum(tf.reshape(x, [1, 2]), ++count % 2))!, /operation|input/);
  assert.match(twice((x) => tf.mul(x, x.dataSync()[0]))!, /reads values of tensors in JavaScript/);
});

test("gather's own check of its indices is no host read, and a graph still refuses a wrong index", (t) => {
  const backend = backendFor(t);
  if (!backend) return;
  const table = tf.tensor1d([10, 20, 30]);
  const work = (x: tf.Tensor) => tf.gather(table, x as tf.Tensor1D);
  const recorded = record(backend, tf.tensor1d([0, 2], 'int32'), work);
  assert.equal(recorded.trace.refusal, null);
  const { run, session } = build(backend, recorded);
  assert.deepEqual([...run(tf.tensor1d([1, 1], 'int32')).dataSync()], [20, 20]);
  assert.throws(() => run(tf.tensor1d([1, 3], 'int32')), /not in \[0, 3\)/);
  session.dispose();
});

test('the backend is as before after a recording, also when the work throws', (t) => {
  const backend = backendFor(t);
  if (!backend) return;
  const { binding, readSync } = backend;
  assert.throws(
    () =>
      traceOps(backend, () => {
        throw new Error('stop');
      }),
    /stop/,
  );
  assert.equal(backend.binding, binding);
  assert.equal(backend.readSync, readSync);
});

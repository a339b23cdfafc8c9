/** The estimation as one graph: what eager passes give, asked for at any batch, and dropped when unsure. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { GradientSums } from '../../src/methods/gradient-sums';
import { estimateGradients, type GradientOptions } from '../../src/methods/gradients';
import type { Model } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { checkGraphs } from '../../src/tensor/jit/check';
import { nativeBackend } from '../../src/tensor/jit/native';
import { Random } from '../../src/tensor/random';
import { families } from '../support/models';

before(() => startBackend());

function native(t: TestContext): boolean {
  if (nativeBackend()) return true;
  t.skip('graphs need native TensorFlow: run `npm run setup`');
  return false;
}

const [, encoder] = families;

/** Largest difference over the largest reference value, all layers. */
function worst(actual: ReadonlyMap<string, Float32Array>, expected: ReadonlyMap<string, Float32Array>): number {
  let most = 0;
  for (const [name, values] of expected) {
    const found = actual.get(name) as Float32Array;
    assert.equal(found.length, values.length);
    const size = values.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
    values.forEach((v, i) => {
      most = Math.max(most, Math.abs(v - found[i]) / size);
    });
  }
  assert.ok(Number.isFinite(most));
  return most;
}

/** Sums over batches, and how they were made. */
function sumsOf(model: Model, batches: readonly Batch[], compile: boolean) {
  const sums = new GradientSums(model, model.linears, { keep: 'device', compile, batches: batches.length });
  const losses = batches.map((batch) => sums.add(batch));
  const means = new Map(model.linears.map(({ name }) => [name, sums.mean(name, batches.length)]));
  const { why } = sums;
  sums.dispose();
  return { losses, means, why };
}

for (const family of families) {
  test(`${family.name}: as eager passes, within 3e-6; nothing leaks`, (t) => {
    if (!native(t)) return;
    const model = family.make();
    const batches = Array.from({ length: 16 }, (_, i) => family.batch(i + 1));
    const tensors = tf.memory().numTensors;
    const [graph, eager] = [true, false].map((compile) => sumsOf(model, batches, compile));
    assert.deepEqual([graph.why, eager.why], [null, 'switched off']);
    assert.ok(worst(graph.means, eager.means) < 3e-6, `${worst(graph.means, eager.means)}`);
    graph.losses.forEach((loss, i) => {
      assert.ok(Math.abs(loss - eager.losses[i]) < 1e-6 * eager.losses[i]);
    });
    assert.equal(tf.memory().numTensors, tensors);
    tf.dispose(batches as never);
    disposeModel(model);
  });
}

test('the running mean can be read after every batch, and ends the estimation', (t) => {
  if (!native(t)) return;
  const model = encoder.make();
  const batches = Array.from({ length: 12 }, (_, i) => encoder.batch(i + 1));
  const run = (options: GradientOptions) => {
    const seen: Float32Array[] = [];
    const { name } = model.linears[3];
    const evidence = estimateGradients(model, model.linears, batches, {
      ...options,
      afterBatch: (count, mean) => {
        seen.push(mean(name));
        return count === 9;
      },
    });
    assert.equal(evidence.gradientBatches, 9);
    return { seen, ...evidence };
  };
  const [graph, eager] = [run({}), run({ compile: false })];
  assert.equal(graph.seen.length, 9);
  eager.seen.forEach((values, i) => {
    assert.ok(worst(new Map([['x', graph.seen[i]]]), new Map([['x', values]])) < 1e-6, `after batch ${i + 1}`);
  });
  assert.deepEqual(graph.gradients.get(model.linears[3].name), graph.seen[8]);
  tf.dispose(batches as never);
  disposeModel(model);
});

test('batches of another shape in between get a graph of their own, and the sums pass between both', (t) => {
  if (!native(t)) return;
  const model = encoder.make();
  const batches = Array.from({ length: 16 }, (_, i) => {
    const { features, labels } = encoder.batch(i + 1);
    if (i !== 0 && i !== 5 && i !== 8) return { features, labels };
    return { features: tf.slice(features, [0, 0, 0], [3, -1, -1]), labels: tf.slice(labels, [0], [3]) };
  });
  const [graph, eager] = [true, false].map((compile) => sumsOf(model, batches, compile));
  assert.equal(graph.why, null);
  assert.ok(worst(graph.means, eager.means) < 1e-6);
  tf.dispose(batches as never);
  disposeModel(model);
});

test('a layer applied twice, and a mask made in JavaScript, which is refused', (t) => {
  if (!native(t)) return;
  const model = families[0].make();
  const random = new Random(4, 'mask');
  const square = { ...model.linears[0], in: 10, out: 10, weight: 'square', bias: null, name: 'square' };
  model.params.set('square', tf.variable(tf.tensor2d(random.normals(100), [10, 10]), false));
  const loss = (change: (x: tf.Tensor2D) => tf.Tensor2D): Model => ({
    ...model,
    linears: [square],
    loss: (net, batch) =>
      tf.mean(tf.square(net.linear('square', change(tf.tanh(net.linear('square', batch.x as tf.Tensor2D)))))),
  });
  const twice = loss((x) => x);
  const masked = loss((x) => tf.mul(x, tf.tensor2d(random.uniforms(x.size, 0.9, 1.1), x.shape)));
  const batches = Array.from({ length: 16 }, (_, i) => families[0].batch(i + 1));
  const [graph, eager] = [true, false].map((compile) => sumsOf(twice, batches, compile));
  assert.equal(graph.why, null);
  assert.ok(worst(graph.means, eager.means) < 1e-6);
  assert.match(sumsOf(masked, batches, true).why as string, /is not the same in two calls/);
  tf.dispose(batches as never);
  disposeModel(model);
});

test('where graphs are checked, one that differs from the eager pass is dropped', (t) => {
  if (!native(t)) return;
  // what eager TensorFlow computes is changed behind the recording, so the graph computes something else
  const backend = nativeBackend()!;
  const raw = backend.binding;
  const wrong = Object.create(raw) as typeof raw;
  for (const key of Object.getOwnPropertyNames(raw) as (keyof typeof raw)[]) {
    const value = raw[key] as unknown;
    Object.defineProperty(wrong, key, { value: typeof value === 'function' ? value.bind(raw) : value, writable: true });
  }
  // a slope that leaves the loss as it is: only the gradients can tell
  (wrong as { executeOp: typeof raw.executeOp }).executeOp = (name, attrs, inputs, count) =>
    raw.executeOp(name === 'SigmoidGrad' ? 'TanhGrad' : name, attrs, inputs, count);
  const model = encoder.make();
  const batches = Array.from({ length: 16 }, (_, i) => encoder.batch(i + 1));
  try {
    checkGraphs(true);
    backend.binding = wrong;
    const [graph, eager] = [true, false].map((compile) => sumsOf(model, batches, compile));
    assert.match(graph.why as string, /^variable \d+ of the graph differs from the eager one/);
    assert.deepEqual(graph.means, eager.means);
  } finally {
    checkGraphs(false);
    backend.binding = raw;
  }
  tf.dispose(batches as never);
  disposeModel(model);
});

test('few batches, unknown numbers and host sums stay eager', () => {
  const batch = families[0].batch(1);
  const model = families[0].make();
  const why = (options: Partial<ConstructorParameters<typeof GradientSums>[2]>) => {
    const all = { keep: 'device', compile: true, batches: 99, ...options } as const;
    const sums = new GradientSums(model, model.linears, all);
    sums.add(batch);
    const { why } = sums;
    sums.dispose();
    return why as string;
  };
  assert.match(why({ keep: 'host' }), /kept on the host/);
  assert.match(
    why({ batches: nativeBackend() ? 3 : 99 }),
    nativeBackend() ? /^3 batches do not repay/ : /runs no graphs/,
  );
  assert.equal(why({ compile: false }), 'switched off');
  tf.dispose(batch as never);
  disposeModel(model);
});

test('the same bits in two processes', (t) => {
  if (!native(t)) return;
  const run = () =>
    execFileSync(process.execPath, ['--import', 'tsx', join(__dirname, 'gradients-once.ts')], { encoding: 'utf8' });
  const [first, second] = [run(), run()];
  assert.match(first, /^[0-9a-f]{64}\n$/);
  assert.equal(first, second);
});

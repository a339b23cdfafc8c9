/** The streamed mean gradient: exact, small, tidy. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { estimateGradients, probeOn } from '../../src/methods/gradients';
import type { LinearLayer, Model } from '../../src/models/model';
import { baseLinear, baseNet, disposeModel, layerOf, param } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { chain, encoderBatch, SMALL, smallEncoder } from './gora/support';

before(() => startBackend());

/** ∂loss/∂W of every target by plain autodiff, mean over the batches. */
function reference(
  model: Model,
  targets: readonly LinearLayer[],
  batches: readonly Batch[],
): Map<string, Float32Array> {
  const means = new Map<string, Float32Array>();
  for (const batch of batches) {
    const loss = (...weights: tf.Tensor[]) => {
      const replaced = new Map(targets.map((layer, i) => [layer.weight, weights[i]]));
      return model.loss(
        {
          get: (name) => param(model, name),
          linear: (name, x) => {
            const layer = layerOf(model, name);
            const weight = replaced.get(layer.weight) as tf.Tensor2D | undefined;
            if (!weight) return baseLinear(model, layer, x);
            const y = tf.matMul(x, weight, false, true) as tf.Tensor2D;
            return layer.bias ? tf.add(y, param(model, layer.bias)) : y;
          },
        },
        batch,
      );
    };
    const gradients = tf.grads(loss)(targets.map((layer) => param(model, layer.weight)));
    targets.forEach((layer, i) => {
      const mean = means.get(layer.name) ?? new Float32Array(layer.out * layer.in);
      gradients[i].dataSync().forEach((v, j) => {
        mean[j] += v / batches.length;
      });
      means.set(layer.name, mean);
    });
    tf.dispose(gradients);
  }
  return means;
}

/** Largest difference over the largest reference value. */
function worst(actual: Float32Array, expected: Float32Array): number {
  let difference = 0;
  let size = 0;
  expected.forEach((v, i) => {
    difference = Math.max(difference, Math.abs(v - actual[i]));
    size = Math.max(size, Math.abs(v));
  });
  assert.equal(actual.length, expected.length);
  assert.ok(Number.isFinite(difference) && size > 0);
  return difference / size;
}

const batchesOf = (n: number, size = 3) => Array.from({ length: n }, (_, i) => encoderBatch(SMALL, size, i + 1));

for (const keep of ['device', 'host'] as const) {
  test(`equals autodiff on the weights within 1e-5, sums kept on the ${keep}`, () => {
    const model = smallEncoder();
    const batches = batchesOf(3);
    const { gradients, gradientBatches, loss } = estimateGradients(model, model.linears, batches, { keep });
    assert.equal(gradientBatches, 3);
    const expected = reference(model, model.linears, batches);
    for (const [name, values] of expected) assert.ok(worst(gradients.get(name) as Float32Array, values) < 1e-5, name);
    const losses = batches.map((batch) => probeOn(model, batch)(baseNet(model)));
    assert.ok(Math.abs(loss - losses.reduce((a, b) => a + b) / 3) < 1e-5);
    tf.dispose(batches as never);
    disposeModel(model);
  });
}

test('a subset of the layers, also the very first one, whose input needs no gradient', () => {
  const model = smallEncoder(2);
  const batches = batchesOf(1);
  const targets = [model.linears[0], model.linears[11]];
  const { gradients } = estimateGradients(model, targets, batches);
  assert.deepEqual([...gradients.keys()], [targets[0].name, targets[1].name]);
  for (const [name, values] of reference(model, targets, batches)) {
    assert.ok(worst(gradients.get(name) as Float32Array, values) < 1e-5, name);
  }
  tf.dispose(batches as never);
  disposeModel(model);
});

test('a layer applied twice adds up both uses; the input of the chain is data', () => {
  const model = chain(1, 8);
  const twice: Model = {
    ...model,
    loss: (net, batch) => {
      const once = net.linear('layers.0', batch.x as tf.Tensor2D);
      return tf.mean(tf.square(net.linear('layers.0', tf.tanh(once))));
    },
  };
  const batch = { x: tf.tensor2d(new Random(3).normals(32), [4, 8]) };
  const { gradients } = estimateGradients(twice, twice.linears, [batch]);
  const [expected] = reference(twice, twice.linears, [batch]).values();
  assert.ok(worst(gradients.get('layers.0') as Float32Array, expected) < 1e-5);
  tf.dispose(batch);
  disposeModel(model);
});

test('the mean does not depend on the order of the batches', () => {
  const model = smallEncoder(4);
  const batches = batchesOf(4);
  const forward = estimateGradients(model, model.linears, batches).gradients;
  const backward = estimateGradients(model, model.linears, [...batches].reverse()).gradients;
  for (const [name, values] of forward) assert.ok(worst(backward.get(name) as Float32Array, values) < 1e-5, name);
  tf.dispose(batches as never);
  disposeModel(model);
});

test('streaming: each gradient is freed before the next one is made', async () => {
  const depth = 24;
  const width = 64;
  const layerBytes = 4 * width * width;
  const model = chain(depth, width);
  const batch = { x: tf.tensor2d(new Random(5).normals(2 * width), [2, width]) };
  const atRest = tf.memory().numBytes;
  const peak = async (run: () => void) =>
    (await tf.profile(() => tf.tidy(() => run() as undefined))).peakBytes - atRest;

  const plain = await peak(() => reference(model, model.linears, [batch]));
  const device = await peak(() => estimateGradients(model, model.linears, [batch, batch], { keep: 'device' }));
  const host = await peak(() => estimateGradients(model, model.linears, [batch, batch], { keep: 'host' }));

  const activations = depth * 12 * batch.x.size * 4; // values and their gradients, a dozen tensors a layer
  assert.ok(plain >= depth * layerBytes, `autodiff holds every gradient at once: ${plain}`);
  assert.ok(device <= (depth + 2) * layerBytes + activations, `device sums: ${device}`);
  assert.ok(host <= 2 * layerBytes + activations, `host sums: one layer at a time, measured ${host}`);
  assert.equal(tf.memory().numBytes, atRest);
  tf.dispose(batch);
  disposeModel(model);
});

test('leaves weights and tensors as they were, also when a batch fails or a gradient is not finite', () => {
  const model = smallEncoder(6);
  const before = new Map([...model.params].map(([name, value]) => [name, value.dataSync().slice()]));
  const tensors = tf.memory().numTensors;
  const good = encoderBatch(SMALL, 2, 1);
  function* breaking(): Generator<Batch> {
    yield good;
    throw new Error('disk gone');
  }
  assert.throws(() => estimateGradients(model, model.linears, breaking()), /disk gone/);
  const bad: Batch = { ...good, features: tf.fill([2, SMALL.num_tokens, SMALL.num_features], Number.NaN) };
  assert.throws(
    () => estimateGradients(model, model.linears, [bad]),
    (error) => error instanceof UserError && /blocks\.\d.*NaN/.test(error.message),
  );
  tf.dispose([good as never, bad.features]);
  assert.equal(tf.memory().numTensors, tensors);
  for (const [name, value] of model.params) assert.deepEqual(value.dataSync().slice(), before.get(name), name);
  disposeModel(model);
});

test('counts the batches that ran: a limit, an early stop, too little data, no data, an unused layer', () => {
  const model = smallEncoder(7);
  const batches = batchesOf(5, 1);
  const run = (options: Parameters<typeof estimateGradients>[3], from: readonly Batch[] = batches) =>
    estimateGradients(model, model.linears, from, options);
  assert.equal(run({ batches: 2 }).gradientBatches, 2);
  const seen: number[] = [];
  const stopped = run({ batches: 5, afterBatch: (count) => seen.push(count) === 4 });
  assert.deepEqual([stopped.gradientBatches, seen], [4, [1, 2, 3, 4]]);
  const four = run({ batches: 4 });
  for (const [name, values] of four.gradients) assert.deepEqual(stopped.gradients.get(name), values);
  assert.throws(() => run({ batches: 6 }), /gradientBatches 6 .* 5 batches/);
  assert.throws(() => run({ batches: 6, afterBatch: () => false }), /gradientBatches 6 .* 5 batches/);
  assert.throws(() => run({}, []), /training set is empty/);
  const unused = { ...model.linears[0], name: 'elsewhere' };
  assert.throws(() => estimateGradients(model, [model.linears[0], unused], batches), /elsewhere/);
  tf.dispose(batches as never);
  disposeModel(model);
});

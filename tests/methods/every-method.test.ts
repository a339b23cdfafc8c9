/** What must hold for every registered method, on a plain network, an encoder and a decoder. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { adapt } from '../../src/methods/adapt';
import type { Adapters, Method } from '../../src/methods/method';
import { allMethods } from '../../src/methods/registry';
import { loadAdapters, saveAdapters } from '../../src/methods/save';
import type { Model } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { AdamW } from '../../src/training/adamw';
import { lossAndGradients, trainStep } from '../../src/training/step';
import { assertClose, relativeError } from '../support/close';
import {
  attachTo,
  baseLogits,
  type Family,
  families,
  given,
  logitsOf,
  pretendTrained,
  smallOptions,
  weightsOf,
} from '../support/models';
import { tempDir } from '../support/temp';

before(() => startBackend());

/** Methods whose first step is taken before training: their start differs from the base. */
const MOVES = new Set(['gora', 'lora-one']);
const trainsWeights = (method: Method) => method.name.startsWith('full');

interface Scene {
  readonly family: Family;
  readonly model: Model;
  readonly adapters: Adapters;
  readonly batch: Batch;
}

type Check = (scene: Scene, method: Method, t: TestContext) => void | Promise<void>;

/** One test a method; the check runs on each model family with freshly attached adapters. */
function forEveryMethod(title: string, check: Check, applies: (method: Method) => boolean = () => true): void {
  for (const method of allMethods().filter(applies)) {
    test(`${method.name}: ${title}`, async (t) => {
      for (const family of families) {
        const model = family.make();
        const batch = family.batch(1);
        const adapters = attachTo(method, family, model);
        try {
          await check({ family, model, adapters, batch }, method, t);
        } catch (error) {
          throw new Error(`${family.name}: ${(error as Error).message}`, { cause: error });
        } finally {
          adapters.dispose();
          tf.dispose(batch as unknown as tf.TensorContainer);
          disposeModel(model);
        }
      }
    });
  }
}

function train({ model, adapters, family }: Scene, steps: number): number[] {
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
  const optimiser = new AdamW(adapters.trainable, options);
  const losses: number[] = [];
  const batch = family.batch(101);
  for (let step = 1; step <= steps; step++) {
    const scalars = optimiser.scalars(step, 3e-3);
    const { loss, norm } = trainStep(model, adapters, optimiser, batch, scalars, 1, step);
    losses.push(loss.dataSync()[0]);
    tf.dispose([loss, norm, ...Object.values(scalars)]);
  }
  tf.dispose(batch as unknown as tf.TensorContainer);
  optimiser.dispose();
  return losses;
}

forEveryMethod('right after attach the output is the base output, or differs where it should', (scene, method) => {
  const { family, model, adapters, batch } = scene;
  const pristine = family.make();
  const base = baseLogits(pristine, batch);
  const error = relativeError(logitsOf(model, adapters.net, batch), base);
  disposeModel(pristine);
  if (MOVES.has(method.name)) assert.ok(error > 1e-4 && error < 1, `moved by ${error}`);
  else assert.ok(error < 1e-5, `changed by ${error}`);
});

forEveryMethod('every trained value gets a finite gradient that is not zero, in its own shape', (scene, method) => {
  const { model, adapters, batch } = scene;
  if (!trainsWeights(method)) pretendTrained(adapters);
  const { loss, gradients } = lossAndGradients(model, adapters, adapters.trainable, batch);
  assert.ok(adapters.trainable.length > 0);
  for (const { name, value } of adapters.trainable) {
    const gradient = gradients[name];
    assert.ok(gradient, `${name} has no gradient`);
    assert.deepEqual(gradient.shape, value.shape);
    const values = gradient.dataSync();
    assert.ok(values.every(Number.isFinite), `the gradient of ${name} is not finite`);
    assert.ok(
      values.some((v) => v !== 0),
      `the gradient of ${name} is zero`,
    );
  }
  assert.equal(new Set(adapters.trainable.map(({ name }) => name)).size, adapters.trainable.length);
  tf.dispose([loss, ...Object.values(gradients)]);
});

forEveryMethod(
  'training moves adapters only and lowers the loss',
  (scene) => {
    const { model, adapters } = scene;
    const before = weightsOf(model);
    const start = adapters.trainable.map(({ value }) => value.dataSync().slice());
    const losses = train(scene, 8);
    assert.ok(losses[7] < losses[0], `loss ${losses[0]} → ${losses[7]}`);
    for (const [name, values] of weightsOf(model)) assert.deepEqual(values, before.get(name), name);
    adapters.trainable.forEach(({ name, value }, i) => {
      assert.ok(relativeError(value.dataSync(), start[i]) > 0, `${name} did not move`);
    });
  },
  (method) => !trainsWeights(method),
);

forEveryMethod('merged, twice merged, unmerged: one function, also after training', (scene, method) => {
  const { model, adapters, batch } = scene;
  if (!trainsWeights(method)) pretendTrained(adapters);
  train(scene, 3);
  const weights = weightsOf(model);
  const adapted = logitsOf(model, adapters.net, batch);
  adapters.merge();
  const merged = weightsOf(model);
  assertClose(baseLogits(model, batch), adapted, 1e-4, 'merged base');
  assertClose(logitsOf(model, adapters.net, batch), adapted, 1e-4, 'adapted net while merged');
  adapters.merge();
  assert.deepEqual(weightsOf(model), merged);
  adapters.unmerge();
  adapters.unmerge();
  assert.deepEqual(weightsOf(model), weights);
  assert.deepEqual(logitsOf(model, adapters.net, batch), adapted);
});

/** Adds every target's change to its weight in a model. */
function addDeltas(model: Model, adapters: Adapters): void {
  assert.ok(adapters.targets.length > 0);
  for (const layer of adapters.targets) {
    const delta = adapters.delta(layer.name);
    assert.deepEqual(delta.shape, [layer.out, layer.in]);
    const weight = model.params.get(layer.weight) as tf.Variable;
    tf.tidy(() => weight.assign(tf.add(weight, delta)));
    delta.dispose();
  }
}

forEveryMethod(
  'the change of every layer explains the output',
  ({ model, adapters, batch }) => {
    pretendTrained(adapters);
    const adapted = logitsOf(model, adapters.net, batch);
    assert.ok(relativeError(adapted, baseLogits(model, batch)) > 1e-2, 'the adapters do something');
    addDeltas(model, adapters);
    assertClose(baseLogits(model, batch), adapted, 1e-4, 'base plus deltas');
    assert.throws(() => adapters.delta('nowhere'), /"nowhere" is not adapted/);
  },
  (method) => !trainsWeights(method),
);

forEveryMethod(
  'the change of every trained layer explains the output, from the weights of before',
  (scene) => {
    const { family, model, adapters, batch } = scene;
    const losses = train(scene, 8);
    assert.ok(losses[7] < losses[0], `loss ${losses[0]} → ${losses[7]}`);
    const trained = logitsOf(model, adapters.net, batch);
    const fresh = family.make();
    const start = baseLogits(fresh, batch);
    assert.ok(relativeError(trained, start) > 1e-2, 'training did something');
    addDeltas(fresh, adapters);
    // biases and norms have no delta: where they train too, they stand beside it
    const layers = new Set(adapters.targets.map((layer) => layer.weight));
    const others = adapters.trainable.filter(({ name }) => !layers.has(name));
    for (const { name, value } of others) (fresh.params.get(name) as tf.Variable).assign(value);
    assertClose(baseLogits(fresh, batch), trained, 1e-4, 'weights of before plus deltas');
    assert.throws(() => adapters.delta('nowhere'), /"nowhere" is not trained/);
    disposeModel(fresh);
  },
  trainsWeights,
);

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  forEveryMethod(
    `merging refuses ${bad}, names the layer and changes nothing`,
    ({ model, adapters }) => {
      pretendTrained(adapters);
      const { value } = adapters.trainable[adapters.trainable.length - 1];
      const values = value.dataSync().slice();
      values[values.length - 1] = bad;
      tf.tidy(() => value.assign(tf.tensor(values, value.shape)));
      const last = adapters.targets[adapters.targets.length - 1];
      const before = weightsOf(model);
      assert.throws(
        () => adapters.merge(),
        (error) => error instanceof UserError && error.message.includes(last.name),
      );
      assert.deepEqual(weightsOf(model), before);
    },
    (method) => !trainsWeights(method),
  );
}

forEveryMethod(
  'saved and loaded with trained values: the same function on an untouched base',
  async ({ family, model, adapters, batch }, _method, t) => {
    pretendTrained(adapters);
    const adapted = logitsOf(model, adapters.net, batch);
    const folder = tempDir(t);
    await saveAdapters(adapters, model, folder);
    const fresh = family.make();
    const base = baseLogits(fresh, batch);
    assert.ok(relativeError(adapted, base) > 1e-2, 'the adapters do something');
    const loaded = loadAdapters(fresh, folder);
    assertClose(logitsOf(fresh, loaded.net, batch), adapted, 1e-4, 'loaded');
    const again = tempDir(t);
    await saveAdapters(loaded, fresh, again);
    const twice = loadAdapters(fresh, again);
    assert.deepEqual(logitsOf(fresh, twice.net, batch), logitsOf(fresh, loaded.net, batch));
    for (const { name, value } of loaded.trainable) {
      const same = twice.trainable.find((parameter) => parameter.name === name);
      assert.deepEqual(same?.value.dataSync(), value.dataSync(), name);
    }
    twice.dispose();
    loaded.dispose();
    assert.deepEqual(baseLogits(fresh, batch), base);
    disposeModel(fresh);
  },
  (method) => !trainsWeights(method),
);

forEveryMethod('dispose gives the base back and frees every tensor', ({ family, model, adapters, batch }, method) => {
  adapters.dispose(); // the scene's own
  const before = weightsOf(model);
  const tensors = tf.memory().numTensors;
  const own = attachTo(method, family, model);
  if (!trainsWeights(method)) pretendTrained(own);
  train({ family, model, adapters: own, batch }, 2);
  own.merge();
  own.dispose();
  own.dispose();
  assert.deepEqual(weightsOf(model), before);
  assert.deepEqual(logitsOf(model, own.net, batch), baseLogits(model, batch));
  assert.equal(tf.memory().numTensors, tensors, 'tensors leak');
});

forEveryMethod('the same seed attaches the same values', ({ family, model, adapters }, method) => {
  const values = adapters.trainable.map(({ name, value }) => [name, value.dataSync().slice()]);
  adapters.dispose();
  const again = attachTo(method, family, model);
  assert.deepEqual(
    again.trainable.map(({ name, value }) => [name, value.dataSync().slice()]),
    values,
  );
  again.dispose();
});

test('an unknown option is refused by every method', () => {
  for (const method of allMethods()) {
    const result = method.options.safeParse({ rnak: 8 });
    assert.ok(!result.success && result.error.message.includes('rnak'), method.name);
  }
});

test('a rank that does not fit is refused with the layer and its shape', () => {
  const [mlp] = families;
  for (const method of allMethods().filter((one) => !trainsWeights(one))) {
    const model = mlp.make();
    const tensors = tf.memory().numTensors;
    const named = (error: unknown) => error instanceof UserError && /layers\.\d \[\d+, \d+\]/.test(error.message);
    assert.throws(() => attachTo(method, mlp, model, { rank: 9 }), named, method.name);
    assert.throws(() => method.check(model.linears, smallOptions(method, { rank: 9 }), 20), named, method.name);
    method.check(model.linears, smallOptions(method), 20);
    assert.equal(tf.memory().numTensors, tensors, `${method.name} leaks`);
    disposeModel(model);
  }
});

test('a measurement that was not taken is named', () => {
  const [mlp] = families;
  const model = mlp.make();
  for (const method of allMethods().filter(({ measures }) => measures)) {
    assert.throws(
      () => adapt(model, method, smallOptions(method), {}, { random: new Random(1) }),
      (error) =>
        error instanceof UserError && /needs (mean gradients|the layers' inputs), and no batch/.test(error.message),
      method.name,
    );
    const none = given({ gradients: new Map(), activations: new Map() });
    assert.throws(
      () => adapt(model, method, smallOptions(method), none, { random: new Random(1) }),
      (error) => error instanceof UserError && error.message.includes('layers.0'),
      method.name,
    );
  }
  disposeModel(model);
});

test('full fine-tuning has no adapter to save', async (t) => {
  const [mlp] = families;
  for (const method of allMethods().filter(trainsWeights)) {
    const model = mlp.make();
    await assert.rejects(saveAdapters(attachTo(method, mlp, model), model, tempDir(t)), /no adapter to save/);
    disposeModel(model);
  }
});

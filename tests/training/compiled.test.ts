/** The compiled training step: equal to the eager one for every method, synchronised, reproducible, and refused when unsure. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { adapt } from '../../src/methods/adapt';
import type { Adapters } from '../../src/methods/method';
import { allMethods, findMethod } from '../../src/methods/registry';
import { disposeModel } from '../../src/models/params';
import type { Dataset } from '../../src/tasks/dataset';
import { startBackend } from '../../src/tensor/backend';
import { checkGraphs } from '../../src/tensor/jit/check';
import { nativeBackend } from '../../src/tensor/jit/native';
import { graphsBuilt } from '../../src/tensor/jit/pool';
import { Random } from '../../src/tensor/random';
import { trainingSchema } from '../../src/training/options';
import { type TrainingResult, type TrainingRun, train } from '../../src/training/train';
import { assertClose } from '../support/close';
import { attachTo, type Family, families } from '../support/models';

before(() => startBackend());

const family = (name: string): Family => families.find((one) => one.name === name)!;

/** Every call gives the next batch; a data set whose batches keep their shape. */
const dataOf = (source: Family, batch = source.batch): Dataset => ({
  size: 64,
  batch: (indices) => batch(indices[0]),
});

function native(t: TestContext): boolean {
  if (tf.getBackend() === 'tensorflow') return true;
  t.skip('compiled steps need native TensorFlow: run `npm run setup`');
  return false;
}

interface Trained extends TrainingResult {
  readonly values: Map<string, Float32Array>;
}

/** Trains a fresh copy of a small model. */
async function trained(
  source: Family,
  method: string,
  settings: Record<string, unknown>,
  more: Partial<TrainingRun> & { prepare?: (adapters: Adapters) => void } = {},
): Promise<Trained> {
  const model = source.make();
  const adapters = attachTo(findMethod(method), source, model);
  more.prepare?.(adapters);
  const options = trainingSchema.parse({ steps: 50, batch: 2, lr: 3e-3, warmup: 0.1, ...settings });
  try {
    const result = await train({ model, adapters, data: dataOf(source), options, random: new Random(11), ...more });
    const values = new Map(
      adapters.trainable.map(({ name, value }) => [name, value.dataSync().slice() as Float32Array]),
    );
    return { ...result, values };
  } finally {
    adapters.dispose();
    disposeModel(model);
  }
}

/** Methods whose update begins in JavaScript. */
const PARTLY = new Set(['lora-pro']);
/** Methods compared over 50 steps. */
const LONG = new Set(['full', 'lora', 'dora', 'gora']);

/** Wraps what a linear layer computes. */
function around(adapters: Adapters, change: (y: tf.Tensor2D) => tf.Tensor2D): void {
  const { net } = adapters;
  const { linear } = net;
  net.linear = (name, x) => change(linear(name, x));
}

for (const { name } of allMethods()) {
  const steps = LONG.has(name) ? 50 : 15;
  test(`${name}: ${steps} compiled steps equal eager ones, encoder and decoder`, async (t) => {
    if (!native(t)) return;
    for (const kind of ['encoder', 'decoder']) {
      const source = family(kind);
      const settings = { weightDecay: 0.01, loraPlusRatio: name === 'lora+' ? 16 : 1, steps };
      const compiled = await trained(source, name, settings);
      const eager = await trained(source, name, { ...settings, compile: false });
      assert.equal(compiled.mode, PARTLY.has(name) ? 'compiled gradients' : 'compiled', `${kind}: ${compiled.why}`);
      assert.equal(eager.mode, 'eager');
      assert.equal(eager.why, 'switched off');
      assert.notEqual(compiled.curve.loss[steps - 1], compiled.curve.loss[0]);
      assertClose(compiled.curve.loss, eager.curve.loss, 1e-5, `${kind}: losses`);
      assertClose(compiled.curve.norm, eager.curve.norm, 1e-3, `${kind}: gradient norms`);
    }
  });
}

test('evaluation and cancelling see the values of the last step', async (t) => {
  if (!native(t)) return;
  const source = family('encoder');
  const seen: { compiled: number[][]; eager: number[][] } = { compiled: [], eager: [] };
  for (const compile of [true, false]) {
    let adapters: Adapters | null = null;
    const stop = new AbortController();
    const result = await trained(
      source,
      'lora',
      { evalEvery: 5, compile },
      {
        prepare: (attached) => {
          adapters = attached;
        },
        onEvaluate: async (step) => {
          const values = adapters!.trainable.flatMap(({ value }) => [...value.dataSync()]);
          seen[compile ? 'compiled' : 'eager'].push(values);
          if (step === 20) stop.abort();
        },
        signal: stop.signal,
      },
    );
    assert.equal(result.cancelled, true);
    assert.equal(result.curve.step.length, 20);
    seen[compile ? 'compiled' : 'eager'].push([...result.values.values()].flatMap((values) => [...values]));
  }
  assert.equal(seen.compiled.length, 5);
  seen.compiled.forEach((values, i) => {
    assertClose(values, seen.eager[i], 1e-3, `evaluation ${i}`);
  });
  assert.notDeepEqual(seen.compiled[1], seen.compiled[2]);
});

test('batches of another shape run eagerly in between, with the same result', async (t) => {
  if (!native(t)) return;
  const source = family('encoder');
  let calls = 0;
  const batch = (number: number) => {
    const whole = source.batch(number);
    calls += 1;
    if (calls % 5 !== 0) return whole;
    const short = {
      features: tf.slice(whole.features, [0, 0, 0], [3, -1, -1]),
      labels: tf.slice(whole.labels, [0], [3]),
    };
    tf.dispose([whole.features, whole.labels]);
    return short;
  };
  const run = (compile: boolean) => {
    calls = 0;
    return trained(source, 'lora', { steps: 24, compile }, { data: dataOf(source, batch) });
  };
  const compiled = await run(true);
  const eager = await run(false);
  assert.equal(compiled.mode, 'compiled');
  assertClose(compiled.curve.loss, eager.curve.loss, 1e-5, 'losses');
});

test('a random mask made in JavaScript is refused, and training goes on eagerly', async (t) => {
  if (!native(t)) return;
  const source = family('encoder');
  const random = new Random(3, 'mask');
  const mask = (y: tf.Tensor2D) => tf.mul(y, tf.tensor2d(random.uniforms(y.size, 0.9, 1.1), y.shape)) as tf.Tensor2D;
  const result = await trained(source, 'lora', { steps: 10 }, { prepare: (adapters) => around(adapters, mask) });
  assert.equal(result.mode, 'eager');
  assert.match(result.why!, /^operation \d+ \(\w+\) is not the same in two calls/);
  assert.equal(result.curve.loss.length, 10);
});

test('a branch on values is refused', async (t) => {
  if (!native(t)) return;
  const peek = (y: tf.Tensor2D) => (y.dataSync()[0] > 0 ? y : (tf.mul(y, 1) as tf.Tensor2D));
  const prepare = (adapters: Adapters) => around(adapters, peek);
  const result = await trained(family('encoder'), 'lora', { steps: 10 }, { prepare });
  assert.equal(result.mode, 'eager');
  assert.match(result.why!, /^reads values in JavaScript.*the result of \w+ \[\d+,\d+\] \(compiled\.test\.ts:\d+\)$/);
});

test('where graphs are checked, one that differs from the eager step is dropped', async (t) => {
  if (!native(t)) return;
  // what eager TensorFlow computes is changed behind the recording, so the graph computes something else
  const backend = nativeBackend()!;
  const raw = backend.binding;
  const wrong = Object.create(raw) as typeof raw;
  for (const key of Object.getOwnPropertyNames(raw) as (keyof typeof raw)[]) {
    const value = raw[key] as unknown;
    Object.defineProperty(wrong, key, { value: typeof value === 'function' ? value.bind(raw) : value, writable: true });
  }
  (wrong as { executeOp: typeof raw.executeOp }).executeOp = (name, attrs, inputs, count) =>
    raw.executeOp(name === 'Sigmoid' ? 'Tanh' : name, attrs, inputs, count);
  checkGraphs(true);
  try {
    const right = await trained(family('encoder'), 'lora', { steps: 10 });
    assert.equal(right.mode, 'compiled');
    backend.binding = wrong;
    const result = await trained(family('encoder'), 'lora', { steps: 10 });
    assert.equal(result.mode, 'eager');
    assert.match(result.why!, /^\w+ (\d+ )?of the graph differs from the eager one/);
    assert.equal(result.curve.loss.length, 10);
  } finally {
    checkGraphs(false);
    backend.binding = raw;
  }
});

test('runs of one shape share a graph, whatever their weights and seeds', async (t) => {
  if (!native(t)) return;
  const source = family('decoder');
  const losses = async (seed: number, compile: boolean): Promise<number[]> => {
    const model = source.make();
    for (const value of model.params.values()) tf.tidy(() => value.assign(tf.mul(value, 1 + seed / 100)));
    const adapters = adapt(model, findMethod('lora'), { rank: 2 }, {}, { random: new Random(seed) });
    const options = trainingSchema.parse({ steps: 9, batch: 2, lr: 3e-3, compile });
    const { curve } = await train({ model, adapters, data: dataOf(source), options, random: new Random(seed) });
    adapters.dispose();
    disposeModel(model);
    return curve.loss;
  };
  await losses(3, true);
  const built = graphsBuilt();
  for (const seed of [4, 5]) assertClose(await losses(seed, true), await losses(seed, false), 1e-5, `seed ${seed}`);
  assert.equal(graphsBuilt(), built);
});

test('the loop lets timers run between compiled steps, and leaves neither folders nor tensors', async (t) => {
  if (!native(t)) return;
  const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`gora-graph-${process.pid}-`));
  const source = family('encoder');
  await trained(source, 'lora', { steps: 10 });
  const tensors = tf.memory().numTensors;
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 0);
  const result = await trained(source, 'lora', { steps: 30 });
  clearInterval(timer);
  assert.equal(result.mode, 'compiled');
  assert.ok(ticks >= 15, `${ticks} ticks in 30 steps`);
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(folders(), []);
});

test('one seed gives the same bits in two processes', async (t) => {
  if (!native(t)) return;
  const run = () =>
    execFileSync(process.execPath, ['--import', 'tsx', join(__dirname, 'compiled-once.ts')], { encoding: 'utf8' });
  const [first, second] = [run(), run()];
  assert.match(first, /^compiled [0-9a-f]{64}\ncompiled [0-9a-f]{64}\n$/);
  assert.equal(first, second);
});

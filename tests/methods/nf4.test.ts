/** NF4: code books, packing, the tensor on the backend, and methods over a 4-bit base. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { estimateActivations } from '../../src/methods/activations';
import { adapt } from '../../src/methods/adapt';
import { estimateGradients, probeOn } from '../../src/methods/gradients';
import { defineMethod } from '../../src/methods/method';
import { type Nf4Facts, type Nf4Options, quantiseBase } from '../../src/methods/nf4-base';
import { allMethods, findMethod } from '../../src/methods/registry';
import type { Model, Net } from '../../src/models/model';
import {
  baseNet,
  countParams,
  disposeModel,
  exportWeights,
  param,
  type StoredWeight,
  storedWeights,
} from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { DYNAMIC_CODE, dequantiseNf4, NF4_CODE, nf4Scales, quantiseNf4 } from '../../src/tensor/nf4';
import { storeNf4 } from '../../src/tensor/nf4-tensor';
import { Random } from '../../src/tensor/random';
import { AdamW } from '../../src/training/adamw';
import { trainStep } from '../../src/training/step';
import { type Given, given, logitsOf, pretendTrained } from '../support/models';
import { chain, encoderBatch, SMALL, smallEncoder } from './gora/support';

before(() => startBackend());

const golden = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'nf4.json'), 'utf8')) as Record<
  string,
  number[]
> & {
  offset: number;
};
const near = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) => {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Math.abs(actual[i] - expected[i]) <= tolerance, `${i}: ${actual[i]}, expected ${expected[i]}`);
  }
};
const unpack = (codes: Uint8Array) => [...codes].flatMap((byte) => [byte >> 4, byte & 15]);
const relative = (actual: Float32Array, expected: Float32Array) =>
  Math.hypot(...actual.map((v, i) => v - expected[i])) / Math.hypot(...expected);

test('code books: NF4 are quantiles of the normal distribution, the 8-bit map is the dynamic one', () => {
  near(NF4_CODE, golden.normalMap, 2e-6);
  assert.equal(DYNAMIC_CODE.length, 256);
  near(
    DYNAMIC_CODE.filter((_, i) => i % 17 === 0),
    golden.dynamic,
    1e-7,
  );
  assert.ok(DYNAMIC_CODE.every((v, i) => i === 0 || v > DYNAMIC_CODE[i - 1]));
  assert.ok(DYNAMIC_CODE.includes(0) && DYNAMIC_CODE[255] === 1);
});

test('codes and double-quantised scales equal the reference', () => {
  const values = Float32Array.from(golden.values);
  assert.deepEqual(unpack(quantiseNf4(values).codes), golden.codes);
  // a matrix whose blocks have the reference's scales
  const spread = new Float32Array(golden.scales.length * 64);
  golden.scales.forEach((scale, block) => {
    spread[64 * block + (block % 64)] = block % 2 ? scale : -scale;
  });
  const stored = quantiseNf4(spread);
  near([stored.offset], [golden.offset], 1e-7);
  near(stored.scaleMaxima, golden.scaleMaxima, 1e-7);
  const moved = golden.scaleCodes.filter((code, i) => code !== stored.scaleCodes[i]);
  assert.ok(moved.length <= 1, `${moved.length} scale codes differ`); // the mean's last bit may tip a tie
  near(
    nf4Scales(stored).filter((_, i) => i % 25 === 0),
    golden.dequantisedScales,
    1e-4 * golden.offset,
  );
});

test('the nearest code is taken, zeros stay zero, a short last block is its own', () => {
  const random = new Random(3);
  const values = random.normals(64 * 5 + 7, 0, 0.02);
  values.fill(0, 64, 128);
  const stored = quantiseNf4(values);
  assert.equal(stored.size, values.length);
  assert.equal(stored.scaleCodes.length, 6);
  const codes = unpack(stored.codes);
  values.forEach((v, i) => {
    const block = values.subarray(64 * Math.floor(i / 64), 64 * Math.floor(i / 64) + 64);
    const scale = Math.max(...block.map(Math.abs));
    if (scale === 0) assert.equal(codes[i], 7);
    else {
      const best = Math.min(...NF4_CODE.map((code) => Math.abs(v / scale - code)));
      assert.ok(Math.abs(Math.abs(v / scale - NF4_CODE[codes[i]]) - best) < 1e-6);
    }
  });
  assert.ok(
    dequantiseNf4(stored)
      .slice(64, 128)
      .every((v) => v === 0),
  );
});

test('round trip of normal weights: 9 to 10 % error, values of the grid come back', () => {
  const values = new Random(4).normals(64 * 600, 0, 0.02);
  const error = relative(dequantiseNf4(quantiseNf4(values)), values);
  assert.ok(error > 0.08 && error < 0.105, `${error}`);
  const grid = Float32Array.from({ length: 640 }, (_, i) => 0.5 * NF4_CODE[i % 16]);
  near(dequantiseNf4(quantiseNf4(grid)), grid, 1e-7);
});

test('the tensor on the device equals the host, at 0.6 bytes a weight or less, for any shape', () => {
  for (const [out, fanIn] of [
    [1, 1],
    [3, 5],
    [64, 64],
    [100, 130],
    [172, 64],
    [192, 300], // more than 256 blocks: two second-level scales
  ] as const) {
    const values = new Random(out).normals(out * fanIn, 0, 0.03);
    const before = tf.memory().numBytes;
    const stored = quantiseNf4(values);
    for (const place of ['host', 'device'] as const) {
      const tensor = storeNf4(stored, [out, fanIn], place);
      assert.equal(tf.memory().numBytes - before, place === 'host' ? 0 : tensor.bytes);
      if (out * fanIn >= 4096) assert.ok(tensor.bytes <= 0.6 * out * fanIn, `${tensor.bytes / (out * fanIn)}`);
      const value = tensor.value();
      assert.deepEqual(value.shape, [out, fanIn]);
      near(value.dataSync(), dequantiseNf4(stored), 1e-8);
      value.dispose();
      tensor.dispose();
      assert.equal(tf.memory().numBytes, before);
    }
  }
});

for (const place of ['host', 'device'] as const) {
  test(`apply on the ${place}: product and gradient of x; float32 values live only while they are used`, async () => {
    const [out, fanIn] = [192, 320];
    const tensor = storeNf4(quantiseNf4(new Random(5).normals(out * fanIn)), [out, fanIn], place);
    const x = tf.tensor2d(new Random(6).normals(2 * fanIn), [2, fanIn]);
    const value = tensor.value();
    const gradient = (f: (x: tf.Tensor2D) => tf.Tensor) =>
      tf.tidy(() => tf.valueAndGrad((t: tf.Tensor) => tf.sum(tf.square(f(t as tf.Tensor2D))))(x));
    const [mine, plain] = [gradient((t) => tensor.apply(t)), gradient((t) => tf.matMul(t, value, false, true))];
    assert.ok(relative(mine.grad.dataSync() as Float32Array, plain.grad.dataSync() as Float32Array) < 1e-5);
    assert.ok(Math.abs(mine.value.dataSync()[0] / plain.value.dataSync()[0] - 1) < 1e-5);
    tf.dispose([value, mine.grad, mine.value, plain.grad, plain.value]);
    const atRest = tf.memory().numBytes;
    const profile = await tf.profile(() => tf.tidy(() => gradient((t) => tensor.apply(t)) && undefined));
    // one copy, or 2.5 while decoding on the device, where tfjs counts reshaped aliases as well
    const most = (place === 'host' ? 1.1 : 4) * 4 * out * fanIn;
    assert.ok(profile.peakBytes - atRest < most, `peak ${profile.peakBytes - atRest}`);
    assert.equal(tf.memory().numBytes, atRest);
    tensor.dispose();
    x.dispose();
  });
}

function withSmall(body: (model: Model, batch: Batch, evidence: Given) => void): void {
  const atStart = tf.memory().numTensors;
  const model = smallEncoder(8, { hidden_size: 32, intermediate_size: 64 });
  const batch = encoderBatch(SMALL, 4, 1);
  const evidence = { ...estimateGradients(model, model.linears, [batch]), probeLoss: probeOn(model, batch) };
  body(model, batch, evidence);
  tf.dispose(batch as never);
  disposeModel(model);
  assert.equal(tf.memory().numTensors, atStart, 'tensors left behind');
}

const attach = (name: string, model: Model, evidence: Given, options: object = {}, nf4: Nf4Options = {}) => {
  const method = findMethod(name);
  const context = { random: new Random(1), steps: 20, nf4 };
  return adapt(model, method, { rank: 2, ...options }, given(evidence), context);
};

for (const place of ['host', 'device'] as const) {
  test(`quantiseBase on the ${place}: the model shrinks, still runs, and comes back dequantised`, async () => {
    const model = chain(24, 64);
    const before = tf.memory().numBytes;
    const parameters = countParams(model);
    const base = quantiseBase(model, model.linears, place);
    const { bytesPerWeight, quantisationError, quantisedWeights } = base.facts;
    const expected = 24 * 64 * 64;
    assert.equal(quantisedWeights, expected);
    assert.ok(bytesPerWeight <= 0.6 && quantisationError > 0.08 && quantisationError < 0.11);
    assert.ok(tf.memory().numBytes <= before - (4 - 0.6) * expected, 'the float32 weights are gone');
    assert.equal(countParams(model), parameters);
    assert.throws(
      () => param(model, 'layers.0.weight'),
      (e) => e instanceof UserError && /4 bits/.test(e.message),
    );
    assert.throws(() => quantiseBase(model, model.linears), /4 bits/);
    const x = tf.ones([2, 64]) as tf.Tensor2D;
    const run = () => tf.tidy(() => model.logits(baseNet(model), { x }).dataSync().slice() as Float32Array);
    const packed = run();
    const exported = await exportWeights(model);
    base.release();
    assert.equal(tf.memory().numBytes, before + x.size * 4);
    near(run(), packed, 1e-6);
    assert.deepEqual(exported.get('layers.3.weight')?.data, param(model, 'layers.3.weight').dataSync().slice());
    x.dispose();
    disposeModel(model);
  });
}

test('QGoRA: the start comes from the full weights, the base is in NF4, dispose restores it exactly', () => {
  withSmall((model, batch, evidence) => {
    const before = new Map([...model.params].map(([name, value]) => [name, value.dataSync().slice()]));
    const plain = adapt(model, findMethod('gora'), { rank: 2 }, given(evidence), { random: new Random(1) });
    const values = plain.trainable.map(({ value }) => value.dataSync().slice());
    const loss = probeOn(model, batch)(plain.net);
    plain.dispose();
    const adapters = attach('gora', model, evidence);
    adapters.trainable.forEach(({ value }, i) => void assert.deepEqual(value.dataSync().slice(), values[i]));
    const { base, quantisationError, gamma } = adapters.notes as unknown as Nf4Facts & { gamma: number };
    assert.equal(base, 'nf4');
    assert.ok(gamma === 0.05 && quantisationError > 0.05 && quantisationError < 0.12);
    const quantised = probeOn(model, batch)(adapters.net);
    assert.ok(quantised !== loss && Math.abs(quantised - loss) < 0.5, `${loss} → ${quantised}`);
    adapters.dispose();
    adapters.dispose();
    for (const [name, value] of before) assert.deepEqual(param(model, name).dataSync().slice(), value, name);
  });
});

test('training over an NF4 base moves the adapters and lowers the loss', () => {
  withSmall((model, batch, evidence) => {
    const adapters = attach('rslora', model, evidence);
    const optimiser = new AdamW(adapters.trainable, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
    const losses = Array.from({ length: 12 }, (_, i) => {
      const scalars = optimiser.scalars(i + 1, 1e-2);
      const { loss, norm } = trainStep(model, adapters, optimiser, batch, scalars, 1, i + 1);
      const value = loss.dataSync()[0];
      tf.dispose([loss, norm, scalars as never]);
      return value;
    });
    assert.ok(losses[11] < 0.8 * losses[0], `${losses[0]} → ${losses[11]}`);
    optimiser.dispose();
    adapters.dispose();
  });
});

test('merge through float32 and back: same outputs, then the same 4 bits', () => {
  withSmall((model, batch, evidence) => {
    const adapters = attach('gora', model, evidence);
    const logits = (net = adapters.net) => tf.tidy(() => model.logits(net, batch).dataSync().slice() as Float32Array);
    const before = logits();
    const base = logits(baseNet(model));
    const bytes = tf.memory().numBytes;
    adapters.merge();
    adapters.merge();
    near(logits(baseNet(model)), before, 1e-4);
    near(logits(), before, 1e-4);
    assert.ok(param(model, model.linears[0].weight), 'the merged weight is float32');
    adapters.unmerge();
    assert.equal(tf.memory().numBytes, bytes);
    near(logits(), before, 0);
    near(logits(baseNet(model)), base, 0);
    adapters.merge();
    adapters.dispose();
  });
});

test('a shifted base is quantised after the shift and restored at the end', () => {
  withSmall((model, batch, evidence) => {
    const before = new Map([...model.params].map(([name, value]) => [name, value.dataSync().slice()]));
    const loss = probeOn(model, batch)(baseNet(model));
    for (const name of ['lora-ga', 'pissa']) {
      for (const keepOriginal of [true, false]) {
        const adapters = attach(name, model, evidence, {}, { keepOriginal });
        assert.ok((adapters.notes.quantisationError as number) > 0.05);
        assert.ok(Math.abs(probeOn(model, batch)(adapters.net) - loss) < 0.5);
        adapters.dispose();
        for (const [key, value] of before) assert.deepEqual(param(model, key).dataSync().slice(), value, key);
      }
    }
  });
});

for (const method of allMethods().filter(({ name }) => !name.startsWith('full'))) {
  test(`${method.name} over NF4: trained values merge to the same function; W₀ plus every change is that function too`, () => {
    withSmall((model, batch, evidence) => {
      const { activations } = estimateActivations(model, model.linears, [batch], { rank: 2, rho: 2, tau: 0.99 });
      const adapters = attach(method.name, model, { ...evidence, activations });
      pretendTrained(adapters);
      const adapted = logitsOf(model, adapters.net, batch);
      assert.ok(relative(adapted, logitsOf(model, baseNet(model), batch)) > 1e-2);
      const deltas = adapters.targets.map(({ name }) => adapters.delta(name));
      adapters.merge();
      assert.ok(relative(logitsOf(model, baseNet(model), batch), adapted) < 1e-4);
      const merged = adapters.targets.map(({ weight }) => param(model, weight).dataSync().slice() as Float32Array);
      adapters.unmerge();
      adapters.targets.forEach(({ weight }, i) => {
        const sum = tf.tidy(() => {
          const value = (storedWeights(model).get(weight) as StoredWeight).value();
          return tf.add(value, deltas[i]).dataSync() as Float32Array;
        });
        assert.ok(relative(sum, merged[i]) < 1e-6);
      });
      tf.dispose(deltas);
      adapters.dispose();
    });
  });
}

test('DoRA over NF4: rows of the effective weight have length m, measured on the rounded base', () => {
  withSmall((model, _batch, evidence) => {
    const adapters = attach('dora', model, evidence);
    pretendTrained(adapters);
    adapters.merge();
    for (const { name, weight, out, in: fanIn } of adapters.targets) {
      const m = adapters.trainable.find((p) => p.name === `${name}.lora_magnitude_vector`)?.value.dataSync();
      const values = param(model, weight).dataSync();
      for (let i = 0; i < out; i++) {
        const length = Math.hypot(...values.slice(i * fanIn, (i + 1) * fanIn));
        assert.ok(
          Math.abs(length - Math.abs(m?.[i] as number)) < 1e-4 * length,
          `${name} row ${i}: ${length}, ${m?.[i]}`,
        );
      }
    }
    adapters.dispose();
  });
});

test('without the originals, dispose leaves the dequantised base', () => {
  withSmall((model, batch, evidence) => {
    const adapters = attach('lora', model, evidence, {}, { keepOriginal: false });
    const quantised = probeOn(model, batch)(adapters.net);
    adapters.dispose();
    assert.ok(Math.abs(probeOn(model, batch)(baseNet(model)) - quantised) < 1e-5);
  });
});

test('methods that need the float32 base are refused, and the model stays as it was', () => {
  withSmall((model, _batch, evidence) => {
    const before = new Map([...model.params].map(([name, value]) => [name, value.dataSync().slice()]));
    const { title: _, ...lora } = findMethod('lora');
    const reading = defineMethod({
      ...lora,
      title: 'Reader',
      init: (site) => {
        const inner = adapt(site.model, findMethod('lora'), {}, {}, site);
        const linear: Net['linear'] = (name) => param(model, `${name}.weight`).clone() as tf.Tensor2D;
        return { ...inner, dispose: () => inner.dispose(), net: { ...inner.net, linear } } as typeof inner;
      },
    });
    for (const [method, message] of [
      [findMethod('full'), /trains the base weights/],
      [reading, /Reader computes with float32/],
    ] as const) {
      const run = () => adapt(model, method, {}, given(evidence), { random: new Random(1), nf4: {} });
      assert.throws(run, (e) => e instanceof UserError && message.test(e.message));
      for (const [key, value] of before) assert.deepEqual(param(model, key).dataSync().slice(), value, key);
    }
    tf.tidy(() => void param(model, model.linears[2].weight).assign(tf.fill([32, 32], Number.NaN)));
    const tensors = tf.memory().numTensors;
    assert.throws(() => quantiseBase(model, model.linears), new RegExp(`${model.linears[2].name}.*NaN`));
    assert.equal(tf.memory().numTensors, tensors);
    assert.ok(param(model, model.linears[0].weight));
  });
});

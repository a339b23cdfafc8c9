/** AdamW against its formula in float64, keyed by name, with groups. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Group, Parameter } from '../../src/methods/method';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { AdamW } from '../../src/training/adamw';

before(() => startBackend());

const OPTIONS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };

function parameter(name: string, group: Group, values: Float32Array): Parameter {
  return { name, group, value: tf.variable(tf.tensor1d(values), false) };
}

/** Loshchilov & Hutter 2019, algorithm 2. */
function reference(start: Float32Array, gradients: Float32Array[], lr: number): number[] {
  const { beta1, beta2, epsilon, weightDecay } = OPTIONS;
  return Array.from(start, (initial, i) => {
    let [w, m, v] = [initial, 0, 0];
    gradients.forEach((gradient, t) => {
      m = beta1 * m + (1 - beta1) * gradient[i];
      v = beta2 * v + (1 - beta2) * gradient[i] ** 2;
      const step = m / (1 - beta1 ** (t + 1)) / (Math.sqrt(v / (1 - beta2 ** (t + 1))) + epsilon);
      w -= lr * (step + weightDecay * w);
    });
    return w;
  });
}

test('five steps equal the formula; group B moves at its own rate', async () => {
  const random = new Random(3);
  const start = random.normals(6);
  const gradients = Array.from({ length: 5 }, () => random.normals(6));
  const a = parameter('layer.lora_A', 'A', start);
  const b = parameter('layer.lora_B', 'B', start);
  const optimiser = new AdamW([a, b], { ...OPTIONS, rates: { B: 16 } });
  gradients.forEach((gradient, t) => {
    const scalars = optimiser.scalars(t + 1, 0.01);
    const values = tf.tensor1d(gradient);
    optimiser.apply({ 'layer.lora_B': values, 'layer.lora_A': values }, scalars);
  });
  for (const [{ value }, rate] of [
    [a, 0.01],
    [b, 0.16],
  ] as const) {
    const expected = reference(start, gradients, rate);
    const got = await value.data();
    expected.forEach((w, i) => {
      assert.ok(Math.abs(w - got[i]) < 1e-5 * Math.max(1, Math.abs(w)), `${got[i]} against ${w}`);
    });
  }
  optimiser.dispose();
});

test('state follows the name, not the position', async () => {
  const start = new Float32Array([1, 1]);
  const run = async (names: string[]) => {
    const parameters = names.map((name) => parameter(name, 'A', start));
    const optimiser = new AdamW(parameters, OPTIONS);
    for (let t = 1; t <= 3; t++) {
      const gradients = { p: tf.tensor1d([1, -1]), q: tf.tensor1d([0.1 * t, 5]) };
      optimiser.apply(gradients, optimiser.scalars(t, 0.1));
    }
    return Object.fromEntries(await Promise.all(parameters.map(async (p) => [p.name, [...(await p.value.data())]])));
  };
  assert.deepEqual(await run(['p', 'q']), await run(['q', 'p']));
});

test('a parameter without a gradient stays, two of one name are refused', async () => {
  const only = parameter('w', 'A', new Float32Array([2]));
  const optimiser = new AdamW([only], OPTIONS);
  optimiser.apply({}, optimiser.scalars(1, 0.1));
  assert.deepEqual([...(await only.value.data())], [2]);
  assert.throws(() => new AdamW([only, only], OPTIONS), /two parameters are named "w"/);
});

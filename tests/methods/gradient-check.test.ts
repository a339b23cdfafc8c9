/**
 * Gradients of every method's layer against central differences. The loss is linear in a layer's output, so the
 * layers are at most quadratic along A, B, Λ alone and the difference is exact but for rounding.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { allMethods } from '../../src/methods/registry';
import type { Net } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { attachTo, families, pretendTrained } from '../support/models';

before(() => startBackend());

const [mlp] = families;
const STEP = 0.25;

for (const method of allMethods()) {
  test(`${method.name}: every parameter, and the input`, () => {
    const model = mlp.make();
    const adapters = attachTo(method, mlp, model);
    pretendTrained(adapters);
    const layer = model.linears[0];
    const random = new Random(21);
    const x = tf.variable(tf.tensor2d(random.normals(5 * layer.in), [5, layer.in]), false);
    const weights = tf.tensor2d(random.normals(5 * layer.out), [5, layer.out]);
    const loss = (net: Net) => tf.sum(tf.mul(net.linear(layer.name, x), weights)) as tf.Scalar;
    const own = adapters.trainable.filter(({ name }) => name.startsWith(layer.name) && !name.endsWith('bias'));
    // DoRA's norm is a constant of the gradient but not of the function: only m and x can be checked this way
    const checked = method.name === 'dora' ? own.filter(({ group }) => group === 'magnitude') : own;
    assert.ok(checked.length > 0);
    for (const [name, value] of [...checked.map((p) => [p.name, p.value] as const), ['x', x] as const]) {
      const direction = tf.tensor(random.normals(value.size), value.shape);
      const along = tf.tidy(() => {
        const [gradient] = tf.grads(() => loss(adapters.net))([value]);
        return tf.sum(tf.mul(gradient, direction)).dataSync()[0];
      });
      const before = value.clone();
      const at = (step: number) =>
        tf.tidy(() => {
          value.assign(tf.add(before, tf.mul(direction, step)));
          return loss(adapters.net).dataSync()[0];
        });
      const difference = (at(STEP) - at(-STEP)) / (2 * STEP);
      value.assign(before);
      const scale = Math.max(Math.abs(difference), 1);
      assert.ok(Math.abs(along - difference) < 1e-4 * scale, `${name}: ${along}, difference ${difference}`);
      tf.dispose([direction, before]);
    }
    tf.dispose([x, weights]);
    adapters.dispose();
    disposeModel(model);
  });
}

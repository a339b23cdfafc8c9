/** A method is one object: this file adds one and runs it like the others. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../../src/errors';
import { LoraAdapters } from '../../src/methods/forms/lora';
import { loraInit } from '../../src/methods/init';
import { defineMethod } from '../../src/methods/method';
import { allMethods, findMethod, registerMethod } from '../../src/methods/registry';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { AdamW } from '../../src/training/adamw';
import { trainStep } from '../../src/training/step';
import { attachTo, baseLogits, families, logitsOf } from '../support/models';

before(() => startBackend());

const options = z.strictObject({ rank: z.int().positive().default(1), alpha: z.number().default(1) });

/** LoRA with the scale 1. */
const toy = defineMethod({
  name: 'toy',
  title: 'Toy',
  reference: 'this file',
  options,
  init: ({ model, targets, random }, { rank }) =>
    new LoraAdapters(model, loraInit(targets, rank, 1, random), { method: 'toy' }),
});

test('a toy method takes one object to register, attach and train', () => {
  registerMethod(toy);
  assert.equal(findMethod('toy').title, 'Toy');
  const [mlp] = families;
  const model = mlp.make();
  const adapters = attachTo(findMethod('toy'), mlp, model);
  const batch = mlp.batch(1);
  assert.deepEqual(logitsOf(model, adapters.net, batch), baseLogits(model, batch));
  const optimiser = new AdamW(adapters.trainable, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
  const losses = Array.from({ length: 5 }, (_, i) => {
    const result = trainStep(model, adapters, optimiser, batch, optimiser.scalars(i + 1, 1e-2), 1, i + 1);
    return result.loss.dataSync()[0];
  });
  assert.ok(losses[4] < losses[0]);
  optimiser.dispose();
  adapters.dispose();
  tf.dispose(batch as unknown as tf.TensorContainer);
  disposeModel(model);
});

test('a name is taken once', () => {
  const again = { ...toy, name: 'lora' };
  assert.throws(
    () => registerMethod(again),
    (error) => error instanceof UserError && error.message.includes('"lora" is registered already'),
  );
});

test('an unknown name lists the known ones', () => {
  assert.throws(
    () => findMethod('lorra'),
    (error) => error instanceof UserError && /"lorra".*lora.*gora/.test(error.message),
  );
});

test('every method says what it is', () => {
  const names = allMethods().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, title, reference } of allMethods()) {
    assert.ok(title.length > 0 && reference.length > 0, name);
    assert.match(name, /^[a-z0-9+-]+$/);
  }
});

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
import { methodStyle } from '../../src/reports/style';
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

/** The methods of the kit, in their order: title, first author and year, what it wants measured. */
const METHODS = `
  full          Full fine-tuning    -                   -
  full-targets  Full, targets only  -                   -
  lora          LoRA                Hu 2021             -
  rslora        rsLoRA              Kalajdzievski 2023  -
  lora+         LoRA+               Hayou 2024          -
  lora-fa       LoRA-FA             Zhang 2023          -
  dora          DoRA                Liu 2024            -
  pissa         PiSSA               Meng 2024           -
  olora         OLoRA               Büyükakyüz 2024     -
  adalora       AdaLoRA             Zhang 2023          -
  eva           EVA                 Paischer 2024       activations
  lora-one      LoRA-One            Zhang 2025          gradients
  lora-pro      LoRA-Pro            Wang 2024           -
  lora-ga       LoRA-GA             Wang 2024           gradients
  gora          GoRA                He 2025             gradients
  ls-lora       LS-LoRA             He 2025             gradients`;

test('every method has its name, its title here and in charts, its paper and its needs', () => {
  const rows = METHODS.trim()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));
  const builtIn = allMethods().filter(({ name }) => name !== 'toy');
  assert.deepEqual(
    builtIn.map(({ name, title, measures }) => [name, title, measures ?? '-']),
    rows.map(([name, title, , needs]) => [name, title, needs]),
  );
  for (const [name, title, paper] of rows) {
    assert.equal(methodStyle(name).title, title, `${name} in charts`);
    const { reference } = findMethod(name);
    const [author, year] = paper.split(' ');
    if (year) assert.match(reference, new RegExp(`\\b${author}\\b.*\\b${year}\\b|${author} .*${year}`), name);
    else assert.doesNotMatch(reference, /\d{4}/, name);
  }
});

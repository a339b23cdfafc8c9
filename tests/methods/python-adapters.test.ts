/** Adapters that PEFT trained and saved, on the models they belong to: the logits are PEFT's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { loadAdapters, saveAdapters } from '../../src/methods/save';
import { loadModel } from '../../src/models/load';
import { baseNet, disposeModel } from '../../src/models/params';
import { differenceFrom, type Golden, goldenBatch } from '../../src/models/verify';
import { startBackend } from '../../src/tensor/backend';
import { sharedFile } from '../support/data';
import { tempDir } from '../support/temp';

before(() => startBackend());

/** Compares one adapter folder, then the same saved and loaded again, then merged. */
async function compare(t: TestContext, folder: string, bases: string): Promise<void> {
  const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as Golden & { base: string };
  const base = join(bases, golden.base);
  const { model } = await loadModel(base);
  const batch = goldenBatch(model, golden);
  const tensors = tf.memory().numTensors;
  const off = async (net = baseNet(model)) => {
    const logits = tf.tidy(() => model.logits(net, batch));
    const most = await differenceFrom(golden, model, 'logits', logits);
    logits.dispose();
    return most;
  };
  assert.ok((await off()) > 0.01, 'without the adapter the outputs are others');
  const adapters = loadAdapters(model, folder);
  assert.ok((await off(adapters.net)) <= 1e-4, 'loaded');
  const again = tempDir(t);
  await saveAdapters(adapters, model, again);
  adapters.merge();
  assert.ok((await off()) <= 1e-4, 'merged');
  adapters.unmerge();
  const ranks = new Map(adapters.ranks);
  adapters.dispose();
  const twice = loadAdapters(model, again);
  assert.ok((await off(twice.net)) <= 1e-4, 'saved here and loaded');
  assert.deepEqual(new Map(twice.ranks), ranks);
  twice.dispose();
  assert.equal(tf.memory().numTensors, tensors);
  for (const tensor of Object.values(batch)) tensor.dispose();
  disposeModel(model);
}

const NAMES = ['bert', 'llama', 't5'].flatMap((model) =>
  ['adalora', 'dora', 'lora', 'patterns', 'pissa', 'rslora'].map((form) => `${model}-${form}`),
);
for (const name of NAMES) {
  test(`${name} of PEFT`, async (t) => {
    const folder = sharedFile(t, 'models', 'tiny-adapters', name);
    const bases = sharedFile(t, 'models');
    if (folder && bases) await compare(t, folder, bases);
  });
}

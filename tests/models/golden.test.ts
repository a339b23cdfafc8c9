/** The real checkpoints must give their published outputs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { mfcc } from '../../src/data/mfcc';
import { readWav } from '../../src/formats/wav';
import { generateGreedy } from '../../src/models/generate';
import { loadModel } from '../../src/models/load';
import type { Decoder, Model } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { dataFile } from '../support/data';
import { weightsIn } from '../support/weights';

before(() => startBackend());

const golden = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

test('KWT-1 gives the reference logits from raw audio, within 1e-4', async (t) => {
  const path = dataFile(t, 'kwt1', 'kwt1.safetensors');
  const goldenPath = dataFile(t, 'kwt1', 'golden.json');
  if (!path || !goldenPath) return;
  const { model } = await loadModel('kwt1', { dataDir: dirname(dirname(path)) });
  assert.equal(model.linears.length, 72);
  const frontend = weightsIn(path);
  for (const vector of golden(goldenPath).vectors) {
    const clip = dataFile(t, 'kwt1', 'testwav', vector.wav);
    if (!clip) return;
    const features = mfcc(readWav(clip).samples, frontend);
    const batch = { features: tf.tensor3d(features, [1, 98, 40]) };
    const logits = await tf.tidy(() => model.logits(baseNet(model), batch)).data();
    vector.logits.forEach((v: number, i: number) => {
      assert.ok(Math.abs(v - logits[i]) < 1e-4, `${vector.wav} logit ${i}: ${logits[i]}, reference ${v}`);
    });
  }
  disposeModel(model);
});

const nll = async (model: Model, ids: number[]) => {
  const steps = ids.length - 1;
  const batch = {
    tokens: tf.tensor2d(ids.slice(0, -1), [1, steps], 'int32'),
    targets: tf.tensor2d(ids.slice(1), [1, steps], 'int32'),
    weights: tf.ones([1, steps]),
  };
  return (await tf.tidy(() => model.loss(baseNet(model), batch)).data())[0];
};

test('stories260K: logits, greedy text and NLL equal the golden', async (t) => {
  const path = dataFile(t, 'stories260K', 'stories260K.bin');
  const goldenPath = dataFile(t, 'stories260K', 'golden.json');
  if (!path || !goldenPath) return;
  const { model, tokenizer } = await loadModel('stories260K', { dataDir: dirname(dirname(path)) });
  assert.equal(tokenizer?.vocabSize, 512);
  const expected = golden(goldenPath);
  const tokens = await generateGreedy(model as Decoder, baseNet(model), [1], expected.greedy_ids.length);
  assert.deepEqual(tokens, expected.greedy_ids);
  const batch = { tokens: tf.tensor2d(expected.greedy_ids.slice(0, 32), [1, 32], 'int32') };
  const logits = await tf.tidy(() => model.logits(baseNet(model), batch)).data();
  expected.logits_pos31_first8.forEach((v: number, i: number) => {
    assert.ok(Math.abs(v - logits[31 * 512 + i]) < 1e-3);
  });
  assert.ok(Math.abs((await nll(model, expected.greedy_ids)) - expected.nll_greedy_text) < 1e-3);
  assert.ok(Math.abs((await nll(model, expected.gsm8k_test0_ids)) - expected.gsm8k_test0_nll) < 1e-3);
  disposeModel(model);
});

test('BabyLlama: greedy ids and NLL equal the golden', async (t) => {
  const path = dataFile(t, 'babyllama-tok105', 'model5000.bin');
  const goldenPath = dataFile(t, 'babyllama-tok105', 'golden.json');
  if (!path || !goldenPath) return;
  const { model } = await loadModel(path);
  const expected = golden(goldenPath);
  const tokens = await generateGreedy(model as Decoder, baseNet(model), [1], expected.greedy_ids.length);
  assert.deepEqual(tokens, expected.greedy_ids);
  assert.ok(Math.abs((await nll(model, expected.greedy_ids)) - expected.nll) < 1e-3);
  disposeModel(model);
});

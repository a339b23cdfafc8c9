/** Adapters and models that do not fit, heads that adapters bring, and picture models' names of two versions. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { writeAdapterFolder } from '../../src/experiments/adapter-folder';
import { rewriteConfig } from '../../src/formats/peft-convert';
import { openSafetensors } from '../../src/formats/safetensors';
import { adapterDifferences, attachFolder, headIn } from '../../src/methods/adapter-fit';
import { findMethod } from '../../src/methods/registry';
import { saveAdapters } from '../../src/methods/save';
import { randomModel } from '../../src/models/auto';
import type { Net } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { attachTo, families, pretendTrained } from '../support/models';
import { tempDir } from '../support/temp';

before(() => startBackend());

const decoder = families.find(({ name }) => name === 'decoder') as (typeof families)[number];

const LLAMA = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 11,
  max_position_embeddings: 8,
  tie_word_embeddings: true,
};

test('base and adapter that do not fit: the first three differences by name', async (t) => {
  const model = decoder.make();
  const adapters = attachTo(findMethod('lora'), decoder, model, { rank: 2 });
  const folder = tempDir(t);
  await saveAdapters(adapters, model, folder);
  assert.deepEqual(adapterDifferences(model, folder), []);
  const wider = randomModel('wider', { ...LLAMA, intermediate_size: 20 }, new Random(1));
  assert.throws(
    () => attachFolder(wider, folder),
    /does not fit wider: "model\.layers\.0\.mlp\.down_proj" reads 24 numbers in the adapter and 20 in the model; .*gives 24 numbers in the adapter and 20 in the model; .*; and 3 more\. Name the model/,
  );
  const shorter = randomModel('shorter', { ...LLAMA, num_hidden_layers: 1 }, new Random(1));
  const found = adapterDifferences(shorter, folder);
  assert.equal(found.length, 7, found.join('\n'));
  assert.match(found[0], /the model has no linear layer "model\.layers\.1\./);
  adapters.dispose();
  for (const one of [model, wider, shorter]) disposeModel(one);
});

const VIT = {
  model_type: 'vit',
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 20,
  image_size: 8,
  patch_size: 4,
  num_channels: 3,
  num_labels: 3,
};

test('a picture model: written under the names of transformers 5 or 4, both come back the same', async (t) => {
  const model = randomModel('vit', VIT, new Random(2));
  const pixels = tf.tensor4d(new Random(3).normals(2 * 3 * 8 * 8), [2, 3, 8, 8]);
  const { features } = model;
  assert.ok(features);
  const outputs = (net: Net) => tf.tidy(() => Array.from(features(net, { pixels }).dataSync()));
  const method = findMethod('lora');
  const family = { ...decoder, make: () => model };
  const adapters = attachTo(method, family, model, { rank: 2 });
  pretendTrained(adapters);
  const expected = outputs(adapters.net);
  const parent = tempDir(t);
  const from = { source: 'vit', found: '' };
  for (const transformers of [4, 5] as const) {
    await writeAdapterFolder(adapters, model, join(parent, String(transformers)), from, { transformers });
  }
  adapters.dispose();
  const namesOf = (folder: string) => {
    const file = openSafetensors(join(folder, 'adapter_model.safetensors'));
    file.close();
    return file.names;
  };
  assert.ok(namesOf(join(parent, '4')).every((name) => name.startsWith('base_model.model.vit.encoder.layer.')));
  assert.ok(namesOf(join(parent, '5')).every((name) => name.startsWith('base_model.model.vit.layers.')));
  for (const version of ['4', '5']) {
    const loaded = attachFolder(model, join(parent, version));
    assert.deepEqual(outputs(loaded.net), expected, version);
    loaded.dispose();
  }
  // patterns by the new names, as PEFT's users write them
  const five = join(parent, '5');
  rewriteConfig(five, (config) => ({
    ...config,
    target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'fc1', 'fc2'],
  }));
  attachFolder(model, five).dispose();
  rewriteConfig(five, (config) => ({ ...config, alpha_pattern: { 'attention.q_proj': 99 } }));
  const louder = attachFolder(model, five);
  assert.notDeepEqual(outputs(louder.net), expected);
  louder.dispose();
  rewriteConfig(five, (config) => ({ ...config, alpha_pattern: { q_projj: 99 } }));
  assert.throws(
    () => attachFolder(model, five),
    (error: Error) => {
      assert.match(error.message, /"q_projj" matches none/);
      return error.message.includes(five);
    },
  );
  assert.deepEqual(readdirSync(parent).sort(), ['4', '5']);
  pixels.dispose();
  disposeModel(model);
});

test('the head that an adapter brings', async (t) => {
  const model = decoder.make();
  const adapters = attachTo(findMethod('lora'), decoder, model, { rank: 2 });
  const folder = tempDir(t);
  await saveAdapters(adapters, model, folder);
  assert.equal(headIn(folder), undefined);
  assert.equal(headIn(tempDir(t)), undefined);
  const params = new Map([...model.params, ['classifier.weight', tf.variable(tf.zeros([5, 16]), false)]]);
  await saveAdapters(adapters, { ...model, params, head: ['classifier.weight'] }, folder);
  assert.deepEqual(headIn(folder), { labels: 5, fresh: true });
  adapters.dispose();
  disposeModel(model);
});

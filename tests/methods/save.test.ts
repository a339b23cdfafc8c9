/** Adapter folders as PEFT reads them: which config each method writes, and what loading refuses. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { readSafetensors, toFloat32 } from '../../src/formats/safetensors';
import { findMethod } from '../../src/methods/registry';
import { loadAdapters, saveAdapters } from '../../src/methods/save';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { attachTo, families, pretendTrained } from '../support/models';
import { tempDir } from '../support/temp';

before(() => startBackend());

const [mlp, encoder, decoder] = families;

async function saved(t: TestContext, name: string, options: Record<string, unknown> = {}, family = decoder) {
  const model = family.make();
  const adapters = attachTo(findMethod(name), family, model, options);
  pretendTrained(adapters);
  const folder = tempDir(t);
  await saveAdapters(adapters, model, folder, { taskType: 'CAUSAL_LM', base: 'some/model' });
  const config = JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
  const { tensors } = readSafetensors(path.join(folder, 'adapter_model.safetensors'));
  return { model, adapters, folder, config, tensors };
}

test('LoRA: rank, α, targets, base model and task', async (t) => {
  const { config, tensors } = await saved(t, 'lora', { rank: 3, alpha: 16 });
  assert.equal(config.peft_type, 'LORA');
  assert.equal(config.r, 3);
  assert.equal(config.lora_alpha, 16);
  assert.equal(config.use_rslora, false);
  assert.deepEqual(config.rank_pattern, {});
  assert.deepEqual(config.alpha_pattern, {});
  assert.equal(config.base_model_name_or_path, 'some/model');
  assert.equal(config.task_type, 'CAUSAL_LM');
  assert.deepEqual(tensors.get('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight')?.shape, [3, 16]);
});

test('rsLoRA and LoRA-GA keep α and say use_rslora; LoRA-GA takes twice the rank and √2·α', async (t) => {
  const rs = await saved(t, 'rslora', { rank: 4, alpha: 16 });
  assert.deepEqual([rs.config.r, rs.config.lora_alpha, rs.config.use_rslora], [4, 16, true]);
  const ga = await saved(t, 'lora-ga', { rank: 3, alpha: 16 });
  assert.deepEqual([ga.config.r, ga.config.use_rslora], [6, true]);
  assert.ok(Math.abs((ga.config.lora_alpha as number) - 16 * Math.SQRT2) < 1e-9);
});

test('GoRA: one rank a layer in rank_pattern, one α, use_rslora', async (t) => {
  const { config, adapters } = await saved(t, 'gora', { rank: 2, minRank: 1, maxRank: 8, alpha: 16 });
  assert.equal(config.use_rslora, true);
  assert.equal(config.lora_alpha, 16);
  assert.deepEqual(config.alpha_pattern, {});
  const pattern = config.rank_pattern as Record<string, number>;
  assert.ok(Object.keys(pattern).length > 0, 'ranks differ');
  for (const [name, rank] of adapters.ranks!) assert.equal(pattern[name] ?? config.r, rank, name);
});

test('EVA: ranks and the α that keeps the common scale', async (t) => {
  const { config, adapters } = await saved(t, 'eva', { rank: 2, alpha: 5 });
  const [ranks, alphas] = [config.rank_pattern, config.alpha_pattern] as Record<string, number>[];
  for (const [name, rank] of adapters.ranks!) {
    assert.equal(ranks[name] ?? config.r, rank, name);
    assert.equal((alphas[name] ?? (config.lora_alpha as number)) / rank, 2.5, name);
  }
});

test('DoRA and AdaLoRA: their own tensors and types', async (t) => {
  const dora = await saved(t, 'dora');
  assert.equal(dora.config.use_dora, true);
  assert.deepEqual(dora.tensors.get('base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector')?.shape, [24]);
  const ada = await saved(t, 'adalora', { rank: 2, alpha: 5 });
  assert.deepEqual([ada.config.peft_type, ada.config.init_r, ada.config.lora_alpha], ['ADALORA', 3, 5]);
  assert.deepEqual(ada.tensors.get('base_model.model.model.layers.0.mlp.up_proj.lora_E')?.shape, [3, 1]);
});

test('a fresh head is saved beside the adapters and comes back', async (t) => {
  const head = ['head.weight', 'head.bias'];
  const model = { ...encoder.make(), head };
  const adapters = attachTo(findMethod('lora'), encoder, model);
  const weight = model.params.get('head.weight')!;
  tf.tidy(() => weight.assign(tf.add(weight, 1)));
  const folder = tempDir(t);
  await saveAdapters(adapters, model, folder);
  const { tensors } = readSafetensors(path.join(folder, 'adapter_model.safetensors'));
  assert.deepEqual(toFloat32(tensors.get('base_model.model.head.weight')!), weight.dataSync());
  const fresh = { ...encoder.make(), head };
  loadAdapters(fresh, folder);
  assert.deepEqual(fresh.params.get('head.weight')!.dataSync(), weight.dataSync());
  const narrow = { ...mlp.make() };
  assert.throws(() => loadAdapters(narrow, folder), /mlp has no linear layer "blocks\.0/);
  for (const each of [model, fresh, narrow]) disposeModel(each);
});

test('an adapter of another shape is refused with both shapes', async (t) => {
  const { folder, model } = await saved(t, 'lora', {}, mlp);
  const other = { ...model, linears: model.linears.map((layer) => ({ ...layer, in: layer.in + 1 })) };
  assert.throws(
    () => loadAdapters(other, folder),
    (error) =>
      error instanceof UserError && /layers\.0 adapts \[12, 10\], the model has \[12, 11\]/.test(error.message),
  );
});

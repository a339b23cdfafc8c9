/** Adapter folders as PEFT reads them: which config each method writes, and what loading refuses. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { readSafetensors, toFloat32 } from '../../src/formats/safetensors';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import { adapt } from '../../src/methods/adapt';
import { allMethods, findMethod } from '../../src/methods/registry';
import { loadAdapters, saveAdapters } from '../../src/methods/save';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { fixture } from '../support/data';
import { attachTo, families, measured, pretendTrained, smallOptions } from '../support/models';
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

test('tensors and config must speak of the same layers and modules of the model', async (t) => {
  const { folder, model, config } = await saved(t, 'lora');
  const file = path.join(folder, 'adapter_config.json');
  const load = (change: Record<string, unknown>) => {
    writeFileSync(file, JSON.stringify({ ...config, ...change }));
    return loadAdapters(model, folder);
  };
  load({ target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] }).dispose();
  load({ target_modules: 'all-linear' }).dispose();
  const weights = path.join(folder, 'adapter_model.safetensors');
  const tensors = new Map(
    [...readSafetensors(weights).tensors].map(([name, tensor]) => [
      name,
      { dtype: 'F32' as const, shape: tensor.shape, data: toFloat32(tensor) },
    ]),
  );
  const write = (...without: string[]) =>
    writeSafetensors(weights, new Map([...tensors].filter(([name]) => !without.some((part) => name.includes(part)))));
  write('layers.1.mlp.up_proj');
  assert.throws(
    () => load({}),
    /target_modules names model\.layers\.1\.mlp\.up_proj, and the weights hold nothing of it/,
  );
  write('layers.1.mlp.up_proj.lora_B');
  assert.throws(() => load({}), /model\.layers\.1\.mlp\.up_proj must have lora_A and lora_B/);
  write();
  // as PEFT lists the usual names of a head, there or not; what the model has must be in the file
  load({ modules_to_save: ['classifier', 'score'] }).dispose();
  assert.throws(() => load({ modules_to_save: ['score', 'norm'] }), /modules_to_save names norm, and the weights hold/);
  disposeModel(model);
});

test('an adapter trained over a base in NF4 is saved with a warning that says what it needs', async (t) => {
  const warn = t.mock.method(console, 'warn', () => undefined);
  const save = async (name: string, nf4: boolean) => {
    const model = mlp.make();
    const method = findMethod(name);
    const source = method.measures ? measured(mlp, model) : {};
    const context = { random: new Random(1), ...(nf4 && { nf4: {} }) };
    const adapters = adapt(model, method, smallOptions(method), source, context);
    await saveAdapters(adapters, model, tempDir(t));
    adapters.dispose();
    disposeModel(model);
    const texts = warn.mock.calls.map(({ arguments: [text] }) => String(text));
    warn.mock.resetCalls();
    return texts;
  };
  assert.deepEqual(await save('lora', false), []);
  const [plain, ...none] = await save('lora', true);
  assert.deepEqual(none, []);
  assert.match(plain, /trained over a base in NF4, \d+\.\d % off\. Load it over the base in NF4/);
  assert.match((await save('lora-ga', true))[0], /moved the base before it was rounded.*measure it again/);
});

/** What the saved config must say of options, by PEFT's own names; everything else must be PEFT's default. */
const LABELS: Record<string, { options: Record<string, unknown>; labels: Record<string, unknown> }[]> = {
  lora: [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7 } }],
  'lora+': [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7 } }],
  'lora-fa': [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7 } }],
  'lora-pro': [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7 } }],
  rslora: [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7, use_rslora: true } }],
  dora: [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7, use_dora: true } }],
  'lora-one': [{ options: { rank: 3, alpha: 7 }, labels: { r: 3, lora_alpha: 7, use_rslora: true } }],
  // a start taken from the base: twice the rank, the same scale
  pissa: [{ options: { rank: 3, alpha: 7 }, labels: { r: 6, lora_alpha: 14 } }],
  olora: [{ options: { rank: 3, alpha: 7 }, labels: { r: 6, lora_alpha: 14 } }],
  'lora-ga': [
    { options: { rank: 2, alpha: 8 }, labels: { r: 4, lora_alpha: 11.313708499, use_rslora: true } },
    { options: { rank: 2, alpha: 8, rankStabilised: false }, labels: { r: 4, lora_alpha: 16 } },
  ],
  gora: [
    {
      options: { rank: 3, alpha: 7, allocation: 'uniform' },
      labels: { r: 3, lora_alpha: 7, use_rslora: true },
    },
    {
      options: { rank: 3, alpha: 7, allocation: 'uniform', rankStabilised: false },
      labels: { r: 3, lora_alpha: 7 },
    },
  ],
  'ls-lora': [
    {
      options: { rank: 3, alpha: 7, allocation: 'uniform' },
      labels: { r: 3, lora_alpha: 7, use_rslora: true },
    },
    {
      options: { rank: 3, alpha: 7, allocation: 'uniform', rankStabilised: false, ownScale: false },
      labels: { r: 3, lora_alpha: 7 },
    },
  ],
  eva: [{ options: { rank: 2, alpha: 7, rho: 1 }, labels: { r: 2, lora_alpha: 7 } }],
  adalora: [
    {
      options: {
        rank: 2,
        alpha: 7,
        initRank: 4,
        tinit: 3,
        tfinal: 5,
        every: 2,
        beta1: 0.8,
        beta2: 0.7,
        orthogonality: 0.1,
      },
      labels: {
        ...{ peft_type: 'ADALORA', init_r: 4, target_r: 2, lora_alpha: 7, rank_pattern: null },
        ...{ tinit: 3, tfinal: 5, deltaT: 2, beta1: 0.8, beta2: 0.7, orth_reg_weight: 0.1, total_step: 20 },
      },
    },
  ],
};
const { defaults: UNUSED } = fixture<{ defaults: Record<string, unknown> }>('patterns.json');

for (const { name } of allMethods().filter((method) => !method.name.startsWith('full'))) {
  test(`${name}: every field of the saved config is what was asked, or not used; saved again it says the same`, async (t) => {
    for (const { options, labels } of LABELS[name]) {
      const { config, folder, model, adapters } = await saved(t, name, options);
      const targets = model.linears.map((layer) => layer.name).sort();
      const own = { base_model_name_or_path: 'some/model', task_type: 'CAUSAL_LM', target_modules: targets };
      const { lora_alpha, ...rest } = config;
      const { lora_alpha: alpha, ...expected } = { ...UNUSED, ...own, ...labels } as Record<string, unknown>;
      assert.deepEqual(rest, expected, JSON.stringify(options));
      assert.ok(Math.abs(Number(lora_alpha) - Number(alpha)) < 1e-9, `${lora_alpha} ≠ ${alpha}`);
      adapters.dispose();
      const again = tempDir(t);
      const loaded = loadAdapters(model, folder);
      await saveAdapters(loaded, model, again, { taskType: 'CAUSAL_LM', base: 'some/model' });
      assert.deepEqual(JSON.parse(readFileSync(path.join(again, 'adapter_config.json'), 'utf8')), config);
      loaded.dispose();
      disposeModel(model);
    }
  });
}

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import {
  type AdaptedLayer,
  type AdapterFolder,
  changeFromInit,
  loadAdapter as load,
  type Matrix,
  saveAdapter as save,
} from '../../src/formats/peft';
import { allForms } from '../../src/methods/forms';
import { adaloraForm } from '../../src/methods/forms/adalora';
import { doraForm } from '../../src/methods/forms/dora';
import { loraForm } from '../../src/methods/forms/lora';
import { Random } from '../../src/tensor/random';
import { dataDir, fixture } from '../support/data';
import { baseWeight, PEFT_LAYERS, peftCases } from '../support/peft-cases';
import { tempDir } from '../support/temp';

interface Golden {
  adapters: Record<string, { sha256: string; layers: Record<string, { scaling: number; change: number[] }> }>;
}
const loadAdapter = (folder: string) => load(folder, allForms);
/** Plain LoRA where no form is named. */
const saveAdapter = (folder: string, adapter: Omit<AdapterFolder, 'form'> & Partial<Pick<AdapterFolder, 'form'>>) =>
  save(folder, { form: loraForm, ...adapter });
const golden = fixture<Golden>('peft_roundtrip.json');

/** scale · B·diag(E)·A in float64, [out, in]. */
function lowRank({ A, B, extra, rank, scale }: AdaptedLayer): Float64Array {
  const E = extra?.E;
  const [out, fanIn] = [B.shape[0], A.shape[1]];
  return Float64Array.from({ length: out * fanIn }, (_, at) => {
    const [o, i] = [Math.floor(at / fanIn), at % fanIn];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += B.data[o * rank + k] * A.data[k * fanIn + i] * (E ? E.data[k] : 1);
    return scale * sum;
  });
}

/** The change of the layer's weight over `baseWeight`, with DoRA's renormalised rows where there are magnitudes. */
function change(layer: AdaptedLayer): Float64Array {
  const low = lowRank(layer);
  if (!layer.extra?.magnitude) return low;
  const [out, fanIn] = PEFT_LAYERS[layer.name];
  const base = baseWeight(out, fanIn);
  const moved = low.map((value, i) => value + base[i]);
  const norms = Array.from({ length: out }, (_, o) => Math.hypot(...moved.subarray(o * fanIn, (o + 1) * fanIn)));
  const { data } = layer.extra.magnitude;
  return moved.map((value, i) => (value * data[Math.floor(i / fanIn)]) / norms[Math.floor(i / fanIn)] - base[i]);
}

for (const [name, adapter] of Object.entries(peftCases())) {
  test(`${name}: PEFT computes what we mean, from the very bytes we write`, (t) => {
    const folder = tempDir(t);
    saveAdapter(folder, adapter);
    const bytes = fs.readFileSync(path.join(folder, 'adapter_model.safetensors'));
    const expected = golden.adapters[name];
    assert.equal(createHash('sha256').update(bytes).digest('hex'), expected.sha256);
    const { layers } = loadAdapter(folder);
    assert.deepEqual(layers.map((layer) => layer.name).sort(), Object.keys(expected.layers).sort());
    for (const layer of layers) {
      const { scaling, change: reference } = expected.layers[layer.name];
      // PEFT's `scaling` of AdaLoRA is α alone; the division by the rank follows in its forward pass
      if (name !== 'adalora') assert.ok(Math.abs(layer.scale - scaling) < 1e-12, `${layer.scale} ≠ ${scaling}`);
      const ours = change(layer);
      for (let i = 0; i < ours.length; i++) assert.ok(Math.abs(ours[i] - reference[i]) < 4e-6, `${layer.name} ${i}`);
    }
  });

  test(`${name}: comes back as it was saved`, (t) => {
    const folder = tempDir(t);
    saveAdapter(folder, adapter);
    const { layers, config } = loadAdapter(folder);
    for (const saved of adapter.layers) {
      const loaded = layers.find((layer) => layer.name === saved.name)!;
      assert.deepEqual({ ...loaded, scale: 0 }, { ...saved, scale: 0 });
      assert.ok(Math.abs(loaded.scale / saved.scale - 1) < 1e-12);
    }
    assert.equal(config.base_model_name_or_path, 'tiny-llama');
    const text = fs.readFileSync(path.join(folder, 'adapter_config.json'), 'utf8');
    const keys = [...text.matchAll(/^ {2}"(\w+)":/gm)].map((match) => match[1]);
    assert.deepEqual(keys, [...keys].sort());
    saveAdapter(folder, adapter);
    assert.equal(fs.readFileSync(path.join(folder, 'adapter_config.json'), 'utf8'), text);
  });
}

test('the change from an init taken off the base is s·(BA − B₀A₀)', (t) => {
  const random = new Random(3);
  const make = (...shape: number[]) => ({ shape, data: random.normals(shape[0] * shape[1]) });
  const init = { A: make(2, 5), B: make(3, 2) };
  for (const use_rslora of [false, true]) {
    const scale = 7 / (use_rslora ? Math.SQRT2 : 2);
    const layer = { name: 'l', rank: 2, scale, A: make(2, 5), B: make(3, 2), init };
    const [trained, initial] = [lowRank(layer), lowRank({ ...layer, ...init })];
    const folder = path.join(tempDir(t), `${use_rslora}`);
    saveAdapter(folder, { layers: [changeFromInit(layer)], config: { r: 4, lora_alpha: 1, use_rslora } });
    const both = lowRank(loadAdapter(folder).layers[0]);
    assert.equal(both.length, 15);
    both.forEach((value, i) => {
      assert.ok(Math.abs(value - (trained[i] - initial[i])) < 1e-6);
    });
    assert.throws(() => changeFromInit({ ...layer, init: { ...init, A: make(3, 5) } }), /other shapes/);
  }
});

test('scales: α/r, α/√r, AdaLoRA by its starting rank whatever is left', () => {
  const scale = (form: typeof loraForm, config: Record<string, unknown>) => form.read(config, 'f').scaleOf('l');
  assert.equal(scale(loraForm, { lora_alpha: 16, r: 4, use_rslora: true }), 8);
  assert.equal(scale(loraForm, { lora_alpha: 16, r: 4 }), 4);
  assert.equal(scale(loraForm, { lora_alpha: 16, r: 4, rank_pattern: { l: 8 }, alpha_pattern: { l: 2 } }), 0.25);
  const left = { rank_pattern: { 'l.lora_E': [true, false, false] } };
  assert.ok(Math.abs(scale(adaloraForm, { lora_alpha: 8, init_r: 3, ...left }) - 8 / 3.00001) < 1e-15);
  for (const [form, choice] of [
    [loraForm, { r: 5 }],
    [loraForm, { r: 5, use_rslora: true }],
    [adaloraForm, { r: 5 }],
  ] as const) {
    const config = { init_r: 5, lora_alpha: 1.7 / form.unitScale(5, choice), ...choice };
    assert.ok(Math.abs(scale(form, config) - 1.7) < 1e-12);
  }
});

const mat = (rows: number, columns: number) => ({ shape: [rows, columns], data: new Float32Array(rows * columns) });
const small = (name = 'a.q', rank = 2): AdaptedLayer & { A: Matrix; B: Matrix } => ({
  name,
  rank,
  scale: 2 / rank,
  A: mat(rank, 3),
  B: mat(4, rank),
});

test('heads travel with the adapter as modules_to_save', (t) => {
  const folder = tempDir(t);
  const head = { shape: [2], data: Float32Array.of(1, -1) };
  saveAdapter(folder, {
    layers: [small()],
    config: { r: 2, lora_alpha: 2 },
    modules: new Map([
      ['classifier.weight', mat(2, 4)],
      ['classifier.bias', head],
    ]),
  });
  const { modules, config } = loadAdapter(folder);
  assert.deepEqual(modules.get('classifier.bias'), head);
  assert.deepEqual(config.modules_to_save, ['classifier']);
});

test('a layer whose path ends another one gets an anchored pattern', (t) => {
  const folder = tempDir(t);
  saveAdapter(folder, { layers: [small('q', 1), small('block.q', 3)], config: { r: 2, lora_alpha: 2 } });
  const { layers, config } = loadAdapter(folder);
  assert.deepEqual(config.rank_pattern, { '^q': 1, 'block.q': 3 });
  assert.deepEqual(Object.fromEntries(layers.map((layer) => [layer.name, layer.rank])), { q: 1, 'block.q': 3 });
});

const unsavable: [what: string, adapter: Parameters<typeof saveAdapter>[1], message: RegExp][] = [
  ['no layer', { layers: [], config: { r: 2, lora_alpha: 2 } }, /no adapted layer/],
  ['one name twice', { layers: [small(), small()], config: { r: 2, lora_alpha: 2 } }, /two tensors named a\.q/],
  ['unequal ranks', { layers: [{ ...small(), B: mat(4, 3) }], config: { r: 2, lora_alpha: 2 } }, /do not fit together/],
  ['rank 0', { layers: [small('a', 0)], config: { r: 2, lora_alpha: 2 } }, /do not fit together/],
  [
    'missing magnitudes',
    { form: doraForm, layers: [small()], config: { r: 2, lora_alpha: 2 } },
    /a\.q must have lora_A, lora_B and lora_magnitude_vector and has 2 .* use_dora = true disagree/,
  ],
  [
    'magnitudes of another length',
    { form: doraForm, layers: [{ ...small(), extra: { magnitude: mat(1, 3) } }], config: { r: 2, lora_alpha: 2 } },
    /do not fit together.*lora_magnitude_vector \[1,3\]; right is .*\[4\]/,
  ],
  [
    'a missed layer',
    { layers: [small()], config: { r: 2, lora_alpha: 2, target_modules: ['k'] } },
    /does not name.*a\.q/,
  ],
  [
    'AdaLoRA of more than its starting rank',
    { form: adaloraForm, layers: [{ ...small(), extra: { E: mat(2, 1) } }], config: { r: 1, lora_alpha: 2 } },
    /one starting rank r, none above it, and one alpha .*a\.q/,
  ],
];
for (const [what, adapter, message] of unsavable) {
  test(`refuses to save ${what}, and writes nothing`, (t) => {
    const folder = path.join(tempDir(t), 'adapter');
    assert.throws(
      () => saveAdapter(folder, adapter),
      (error) => error instanceof UserError && message.test(error.message),
    );
    assert.equal(fs.existsSync(folder), false);
  });
}

const badConfig: [change: Record<string, unknown> | string, message: RegExp][] = [
  ['{', /not JSON/],
  ['[]', /not a JSON object/],
  [{ peft_type: 'IA3' }, /peft_type must be LORA or ADALORA, not "IA3"/],
  [{ peft_type: undefined }, /peft_type/],
  [{ r: 0 }, /r must be a whole number/],
  [{ r: '2' }, /r must be a whole number/],
  [{ r: 3 }, /has rank 2, but adapter_config\.json gives it rank 3/],
  [{ lora_alpha: null, alpha_pattern: { q: 'x' } }, /alpha_pattern of q must be a number/],
  [{ rank_pattern: [] }, /rank_pattern must be an object/],
  [{ rank_pattern: { '(a+)+b': 2 } }, /rank_pattern: "\(a\+\)\+b" matches none of the 1 adapted layers, e\.g\. a\.q/],
  [{ rank_pattern: { '(': 2 } }, /rank_pattern: the pattern "\(" is no regular expression .*not closed/],
  [{ rank_pattern: { q: 2, no_such_layer: 100 } }, /rank_pattern: "no_such_layer" matches none/],
  [{ alpha_pattern: { '^q': 3 } }, /alpha_pattern: "\^q" matches none/],
  [{ alpha_pattern: { 'base_model.model.a.q': 3 } }, /alpha_pattern: "base_model\.model\.a\.q" matches none/],
  [{ use_dora: true }, /use_dora = true disagree/],
  [{ bias: 'all' }, /bias must be "none", not "all"/],
  [{ peft_type: 'ADALORA', init_r: 2 }, /must have lora_A, lora_B and lora_E/],
  // fields that change what is computed, and fields of a PEFT to come
  ...Object.entries({
    lora_bias: true,
    use_qalora: true,
    target_parameters: ['experts.gate_up_proj'],
    trainable_token_indices: { embed_tokens: [1] },
    megatron_config: { tensor_model_parallel_size: 2 },
    layer_replication: [[0, 4]],
    alora_invocation_tokens: [1],
    use_bdlora: { nblocks: 2 },
    arrow_config: { top_k: 3 },
    kasa_config: { beta: 1 },
    monteclora_config: { num_samples: 2 },
    velora_config: { num_groups: 2 },
    ensure_weight_tying: true,
  }).map(([key, value]): [Record<string, unknown>, RegExp] => [
    { [key]: value },
    new RegExp(`${key} = .* is not supported; save the adapter without it`),
  ]),
  [{ future_scale: 3.5 }, /future_scale = 3\.5 is a field that this kit does not know.*remove it from the file/],
  [{ future_parts: ['a'] }, /future_parts = \["a"\] is a field/],
  // inits that move the base
  ...['pissa', 'pissa_niter_16', 'olora', 'corda', 'lora_ga'].map((init): [Record<string, unknown>, RegExp] => [
    { init_lora_weights: init },
    new RegExp(
      `"${init}" moved the base weights .*model\\.save_pretrained\\(DIR, path_initial_model_for_weight_conversion=INIT\\)`,
    ),
  ]),
  [{ init_lora_weights: 'pissa', use_rslora: true, rank_pattern: { q: 2 } }, /cannot convert it .*merge_and_unload/],
  [{ init_lora_weights: 'loftq', loftq_config: { loftq_bits: 4 } }, /"loftq" .*rounded.*merge_and_unload/],
  [{ init_lora_weights: 'pissa_niter_x' }, /"pissa_niter_x" is none that this kit knows/],
  [{ init_lora_weights: 'new_init' }, /"new_init" is none that this kit knows.*merge_and_unload/],
  // a layer that PEFT would leave out
  [{ target_modules: ['k'] }, /adapts a\.q, which target_modules of adapter_config\.json does not name/],
  [{ target_modules: 'q' }, /adapts a\.q, which target_modules/],
  [{ exclude_modules: ['a.q'] }, /adapts a\.q, which target_modules/],
  [{ target_modules: 3 }, /target_modules must be a list of module names or a pattern, not 3/],
];
for (const [bad, message] of badConfig) {
  test(`refuses a config with ${JSON.stringify(bad)}`, (t) => {
    const folder = tempDir(t);
    saveAdapter(folder, { layers: [small()], config: { r: 2, lora_alpha: 2 } });
    const file = path.join(folder, 'adapter_config.json');
    const good = JSON.parse(fs.readFileSync(file, 'utf8'));
    fs.writeFileSync(file, typeof bad === 'string' ? bad : JSON.stringify({ ...good, ...bad }));
    assert.throws(
      () => loadAdapter(folder),
      (error) => error instanceof UserError && error.message.includes(folder) && message.test(error.message),
    );
  });
}

test('takes every field that is not set, and those that only say how it was trained', (t) => {
  const folder = tempDir(t);
  saveAdapter(folder, { layers: [small()], config: { r: 2, lora_alpha: 2 } });
  const file = path.join(folder, 'adapter_config.json');
  const good = JSON.parse(fs.readFileSync(file, 'utf8'));
  const more = {
    ...{ lora_bias: false, use_qalora: null, target_parameters: [], trainable_token_indices: {}, future: '' },
    ...{ eva_config: { rho: 2 }, corda_config: { x: 1 }, lora_ga_config: { scale: 'stable' }, lora_dropout: 0.1 },
    ...{ auto_mapping: { base_model_class: 'M', unsloth_fixed: true }, revision: 'main', fan_in_fan_out: true },
    ...{ peft_version: '0.22.0', qalora_group_size: 32, inference_mode: false, megatron_core: 'other.core' },
  };
  for (const init of [true, false, 'gaussian', 'eva', 'orthogonal', 'mica']) {
    fs.writeFileSync(file, JSON.stringify({ ...good, ...more, init_lora_weights: init }));
    assert.equal(loadAdapter(folder).layers.length, 1, String(init));
  }
  fs.writeFileSync(file, '{"peft_type":"LORA","r":2}'); // as little as PEFT asks for
  assert.equal(loadAdapter(folder).layers.length, 1);
});

test('patterns as PEFT reads them: anchors, groups, classes; the first that fits wins', (t) => {
  const folder = tempDir(t);
  const names = ['blocks.0.attn.k', 'blocks.0.attn.q', 'blocks.1.attn.k', 'blocks.1.mlp.fc1'];
  saveAdapter(folder, { layers: names.map((name) => small(name)), config: { r: 2, lora_alpha: 2 } });
  const file = path.join(folder, 'adapter_config.json');
  const good = JSON.parse(fs.readFileSync(file, 'utf8'));
  const alphas = (patterns: Record<string, number>) => {
    fs.writeFileSync(file, JSON.stringify({ ...good, alpha_pattern: patterns }));
    return loadAdapter(folder).layers.map(({ scale }) => 2 * scale);
  };
  assert.deepEqual(alphas({ '.*(k)$': 100 }), [100, 2, 100, 2]);
  assert.deepEqual(alphas({ '^blocks.0.attn.k': 9, k: 7 }), [9, 2, 7, 2]);
  assert.deepEqual(alphas({ 'blocks\\.[1-9]\\..*': 5, '(q|k)': 3 }), [3, 3, 5, 5]);
  assert.deepEqual(alphas({ '^(?!.*mlp).*': 4 }), [4, 4, 4, 2]);
});

test('a pickle alone is refused with the command that converts it; beside safetensors it is left alone', (t) => {
  const folder = tempDir(t);
  saveAdapter(folder, { layers: [small()], config: { r: 2, lora_alpha: 2 } });
  fs.writeFileSync(path.join(folder, 'adapter_model.bin'), 'PK');
  assert.equal(loadAdapter(folder).layers.length, 1);
  fs.rmSync(path.join(folder, 'adapter_model.safetensors'));
  assert.throws(
    () => loadAdapter(folder),
    (error) =>
      error instanceof UserError &&
      /adapter_model\.bin is a Python pickle.*safetensors\.torch.*save_file.*weights_only=True/.test(error.message),
  );
});

test('what keeps an adapter from being right is found before its weights are read', (t) => {
  const folder = tempDir(t);
  fs.writeFileSync(path.join(folder, 'adapter_config.json'), '{"peft_type":"LORA","init_lora_weights":"pissa"}');
  fs.writeFileSync(path.join(folder, 'adapter_model.safetensors'), 'broken');
  assert.throws(() => loadAdapter(folder), /"pissa" moved the base weights/);
});

test('names missing files', (t) => {
  const folder = tempDir(t);
  assert.throws(() => loadAdapter(folder), /adapter_config\.json: no such file/);
  fs.writeFileSync(path.join(folder, 'adapter_config.json'), '{"peft_type":"LORA"}');
  assert.throws(() => loadAdapter(folder), /adapter_model\.safetensors: no such file/);
});

test('reads an adapter that PEFT 0.21.0 saved', (t) => {
  const folder = path.join(dataDir() ?? '', '..', 'fixtures', 'peft_adapter_rank_pattern');
  if (!fs.existsSync(folder)) return t.skip('peft_adapter_rank_pattern not found: set GORA_DATA');
  const { layers } = loadAdapter(folder);
  const ranks = Object.fromEntries(layers.map((layer) => [layer.name.replace('model.layers.', ''), layer.rank]));
  assert.deepEqual(ranks, {
    '0.self_attn.k_proj': 5,
    '0.self_attn.o_proj': 7,
    '0.self_attn.q_proj': 4,
    '0.self_attn.v_proj': 13,
    '1.self_attn.k_proj': 6,
    '1.self_attn.o_proj': 8,
    '1.self_attn.q_proj': 5,
    '1.self_attn.v_proj': 14,
  });
  for (const layer of layers) assert.equal(layer.scale, 16 / Math.sqrt(layer.rank));
  const again = tempDir(t);
  saveAdapter(again, {
    layers,
    config: {
      r: 8,
      lora_alpha: 16,
      use_rslora: true,
      task_type: 'CAUSAL_LM',
      target_modules: ['q_proj', 'o_proj', 'k_proj', 'v_proj'],
    },
  });
  const parse = (root: string) => JSON.parse(fs.readFileSync(path.join(root, 'adapter_config.json'), 'utf8'));
  const reference = parse(folder);
  delete reference.rank_pattern['model.layers.1.self_attn.o_proj']; // equal to r, which needs no entry
  assert.deepEqual(parse(again), reference);
  const bytes = (root: string) => fs.readFileSync(path.join(root, 'adapter_model.safetensors'));
  assert.deepEqual(bytes(again), bytes(folder));
});

/** Names of picture models' modules in transformers 4 and 5, and floats in configurations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configJson } from '../../src/formats/config-json';
import { fromTransformers5, toTransformers5 } from '../../src/formats/peft-names';

/** As `named_modules()` of transformers 4.57 and 5.24 list them. */
const PAIRS = [
  ['vit.encoder.layer.0.attention.attention.query', 'vit.layers.0.attention.q_proj'],
  ['vit.encoder.layer.11.attention.attention.key', 'vit.layers.11.attention.k_proj'],
  ['vit.encoder.layer.0.attention.attention.value', 'vit.layers.0.attention.v_proj'],
  ['vit.encoder.layer.0.attention.output.dense', 'vit.layers.0.attention.o_proj'],
  ['vit.encoder.layer.0.intermediate.dense', 'vit.layers.0.mlp.fc1'],
  ['vit.encoder.layer.0.output.dense', 'vit.layers.0.mlp.fc2'],
  ['deit.encoder.layer.3.output.dense', 'deit.layers.3.mlp.fc2'],
  ['dinov2.encoder.layer.0.attention.attention.query', 'dinov2.encoder.layer.0.attention.q_proj'],
  ['dinov2.encoder.layer.0.attention.output.dense', 'dinov2.encoder.layer.0.attention.o_proj'],
] as const;

test('module paths of picture models go there and back, with what stands around them', () => {
  for (const [four, five] of PAIRS) {
    assert.equal(toTransformers5(four), five);
    assert.equal(fromTransformers5(five), four);
    const tensor = (name: string) => `base_model.model.${name}.lora_A.weight`;
    assert.equal(toTransformers5(tensor(four)), tensor(five));
    assert.equal(fromTransformers5(tensor(five)), tensor(four));
  }
});

test('names of other models, and of the other version, stay', () => {
  for (const name of [
    'bert.encoder.layer.0.output.dense',
    'bert.encoder.layer.0.attention.output.dense',
    'model.layers.0.self_attn.q_proj',
    'dinov2.encoder.layer.0.mlp.fc1',
    'classifier',
  ]) {
    assert.equal(toTransformers5(name), name);
    assert.equal(fromTransformers5(name), name);
  }
  assert.equal(toTransformers5('vit.layers.0.mlp.fc1'), 'vit.layers.0.mlp.fc1');
});

test('whole numbers in float fields keep their point, others do not get one', () => {
  const text = configJson({
    initializer_factor: 1,
    rope_theta: 10000,
    attention_dropout: 0,
    hidden_size: 32,
    layer_norm_eps: 1e-12,
    rope_scaling: { factor: 8, original_max_position_embeddings: 8192 },
    eos_token_id: 2,
  });
  for (const line of [
    '"initializer_factor": 1.0,',
    '"rope_theta": 10000.0,',
    '"attention_dropout": 0.0,',
    '"factor": 8.0,',
  ])
    assert.ok(text.includes(line), `${line} in ${text}`);
  for (const line of [
    '"hidden_size": 32,',
    '"layer_norm_eps": 1e-12,',
    '"original_max_position_embeddings": 8192\n',
    '"eos_token_id": 2\n',
  ])
    assert.ok(text.includes(line), `${line} in ${text}`);
  assert.equal(JSON.parse(text).rope_scaling.factor, 8);
});

/** A checkpoint that would be computed wrongly is refused, with the file and the key or weight by name. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { openSafetensors } from '../../src/formats/safetensors';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import type { HostTensor } from '../../src/formats/weights';
import { modelTypes } from '../../src/models/auto';
import { loadModel } from '../../src/models/load';
import type { HeadRequest } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { fixturePath } from '../support/data';
import { tempDir } from '../support/temp';

type Config = Record<string, unknown>;
type Weights = Map<string, HostTensor>;

/** A copy of a small checkpoint with a changed configuration, changed weights, or both. */
function changed(
  t: TestContext,
  name: string,
  { config = (own) => own, weights }: { config?: (own: Config) => object; weights?: (own: Weights) => void },
): string {
  const folder = join(tempDir(t), name);
  cpSync(fixturePath('models', name), folder, { recursive: true });
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify(config(JSON.parse(readFileSync(path, 'utf8')))));
  if (weights) {
    const file = openSafetensors(join(folder, 'model.safetensors'));
    const own: Weights = new Map(file.names.map((key) => [key, { shape: file.shape(key), data: file.read(key) }]));
    file.close();
    weights(own);
    writeSafetensors(join(folder, 'model.safetensors'), own);
  }
  return folder;
}

/** Loading is a UserError that holds all of these words, and leaves no tensor behind. */
async function refuses(folder: string, words: readonly string[], head?: HeadRequest): Promise<void> {
  const tensors = tf.memory().numTensors;
  await assert.rejects(loadModel(folder, { head }), (error: Error) => {
    assert.ok(error instanceof UserError, `${error.name}: ${error.message}`);
    for (const word of words) assert.ok(error.message.includes(word), `"${word}" is not in: ${error.message}`);
    return true;
  });
  assert.equal(tf.memory().numTensors, tensors, 'tensors left behind');
}

async function loads(folder: string, warn?: (message: string) => void): Promise<void> {
  disposeModel((await loadModel(folder, { warn })).model);
}

describe('configurations that ask for another computation', () => {
  before(() => startBackend());

  const set = (keys: Config) => (own: Config) => ({ ...own, ...keys });
  const scaled = (scaling: Config) => (own: Config) => ({ ...own, rope_parameters: { rope_theta: 500, ...scaling } });
  // what, small checkpoint, changed keys, words of the message, the same key with a value that changes nothing
  const cases: [string, string, (own: Config) => object, string[], Config?][] = [
    ['a model_type nobody knows', 'llama', set({ model_type: 'mamba' }), ['model_type "mamba"', modelTypes.join(', ')]],
    ['no model_type', 'llama', ({ model_type: _, ...own }) => own, ['has no model_type', ...modelTypes]],
    ['a window on mistral', 'mistral', set({ sliding_window: 4096 }), ['sliding_window: 4096']],
    [
      'a window that mistral means without saying it',
      'mistral',
      ({ sliding_window: _, ...own }) => ({ ...own, max_position_embeddings: 4097 }),
      ['sliding_window: 4096', 'missing'],
      { max_position_embeddings: 4097 },
    ],
    [
      'a window on qwen2',
      'qwen2',
      set({ use_sliding_window: true, sliding_window: 8 }),
      ['use_sliding_window: must be false'],
      { use_sliding_window: false, sliding_window: 8 },
    ],
    [
      'a window on some layers',
      'qwen3',
      set({ layer_types: ['full_attention', 'sliding_attention'] }),
      ['layer_types', 'full_attention', 'sliding window'],
      { layer_types: ['full_attention', 'full_attention'] },
    ],
    ['experts', 'qwen3', set({ num_experts: 8 }), ['num_experts: must be 0 or null'], { num_experts: 0 }],
    ['local experts', 'mistral', set({ num_local_experts: 8 }), ['num_local_experts'], { num_local_experts: null }],
    ['yarn', 'llama-rope-llama3', scaled({ rope_type: 'yarn', factor: 4 }), ['rope_scaling', '"yarn"', 'linear']],
    [
      'yarn in the older spelling',
      'llama',
      set({ rope_scaling: { type: 'yarn', factor: 4 } }),
      ['rope_scaling', '"yarn"', 'not supported'],
      { rope_scaling: null },
    ],
    ['linear scaling without a factor', 'llama-rope-llama3', scaled({ rope_type: 'linear' }), ['"linear"', 'factor']],
    [
      'rotary positions on a part of a head',
      'llama',
      set({ partial_rotary_factor: 0.5 }),
      ['partial_rotary_factor'],
      { partial_rotary_factor: 1 },
    ],
    [
      'the same in rope_parameters',
      'llama-rope-llama3',
      scaled({ rope_type: 'default', partial_rotary_factor: 0.5 }),
      ['rope_parameters.partial_rotary_factor'],
      { rope_parameters: { rope_type: 'default', rope_theta: 500, partial_rotary_factor: 1 } },
    ],
    [
      'gelu on llama',
      'llama',
      set({ hidden_act: 'gelu' }),
      ['hidden_act: must be "silu" or "swish"'],
      { hidden_act: 'swish' },
    ],
    ['an activation nobody knows', 'bert-cls', set({ hidden_act: 'mish' }), ['hidden_act']],
    [
      'relative positions on bert',
      'bert-cls',
      set({ position_embedding_type: 'relative_key' }),
      ['position_embedding_type: must be "absolute"'],
      { position_embedding_type: 'absolute' },
    ],
    [
      'a bert that decodes',
      'bert-cls',
      set({ is_decoder: true }),
      ['is_decoder: must be false'],
      { is_decoder: false },
    ],
    [
      'scores scaled by layer',
      'gpt2',
      set({ scale_attn_by_inverse_layer_idx: true }),
      ['scale_attn_by_inverse_layer_idx: must be false'],
      { scale_attn_by_inverse_layer_idx: false },
    ],
    [
      'scores not scaled',
      'gpt2',
      set({ scale_attn_weights: false }),
      ['scale_attn_weights: must be true'],
      { scale_attn_weights: true },
    ],
    [
      'another feed-forward on t5',
      't5',
      set({ feed_forward_proj: 'gated-silu' }),
      ['feed_forward_proj'],
      { feed_forward_proj: 'relu' },
    ],
    ['SwiGLU on dinov2', 'dinov2-cls', set({ use_swiglu_ffn: true }), ['use_swiglu_ffn'], { use_swiglu_ffn: false }],
    ['a key that is missing', 'bert-cls', ({ vocab_size: _, ...own }) => own, ['vocab_size']],
    ['a key of another type', 'llama', set({ num_hidden_layers: '2' }), ['num_hidden_layers']],
    ['heads that do not share', 'llama', set({ num_key_value_heads: 3 }), ['num_key_value_heads 3']],
  ];
  for (const [what, name, change, words, harmless] of cases) {
    it(what, async (t) => {
      await refuses(changed(t, name, { config: change }), ['config.json', ...words]);
      if (harmless) await loads(changed(t, name, { config: set(harmless) }));
    });
  }

  it('pictures that patches do not tile', async () => {
    const load = loadModel(fixturePath('models', 'vit-cls'), { imageSize: 18 });
    await assert.rejects(load, /vit-cls.config\.json: pictures of 18 pixels are not tiled by patches of 4\. Try 20/);
  });

  it('pictures of another size for a deit', async () => {
    const load = loadModel(fixturePath('models', 'deit-cls'), { imageSize: 20 });
    await assert.rejects(load, /deit-cls.config\.json: positions of a DeiT.*12 pixels/);
  });
});

describe('weights that do not fit', () => {
  before(() => startBackend());
  const UP = 'model.layers.1.mlp.up_proj.weight';
  const at = (own: Weights, name: string) => own.get(name) as HostTensor;

  it('a weight that is missing', async (t) => {
    const folder = changed(t, 'llama', { weights: (own) => own.delete(UP) });
    await refuses(folder, [join(folder, 'model.safetensors'), `"${UP}" is missing`]);
  });

  it('a weight too many', async (t) => {
    const weights = (own: Weights) => own.set('model.layers.2.mlp.up_proj.weight', at(own, UP));
    const folder = changed(t, 'llama', { weights });
    await refuses(folder, [join(folder, 'model.safetensors'), 'does not have: model.layers.2.mlp.up_proj.weight']);
  });

  it('a bias that the configuration does not have', async (t) => {
    const weights = (own: Weights) => own.set('model.layers.0.mlp.up_proj.bias', at(own, 'model.norm.weight'));
    await refuses(changed(t, 'llama', { weights }), ['does not have: model.layers.0.mlp.up_proj.bias']);
  });

  it('weights of another architecture', async (t) => {
    const config = (own: Config) => ({ ...own, model_type: 'llama' });
    const words = ['does not have', 'q_norm', 'and 1 more', 'model_type'];
    await refuses(changed(t, 'qwen3', { config }), words);
  });

  it('a weight of another shape', async (t) => {
    const weights = (own: Weights) => own.set(UP, { ...at(own, UP), shape: [16, 24] });
    const folder = changed(t, 'llama', { weights });
    await refuses(folder, [join(folder, 'model.safetensors'), `"${UP}" has shape [16,24], expected [24,16]`]);
  });

  it('a configuration of another size than the weights', async (t) => {
    const config = (own: Config) => ({ ...own, vocab_size: 41 });
    await refuses(changed(t, 'bert-cls', { config }), ['word_embeddings', '[40,16], expected [41,16]']);
  });

  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`a weight that holds ${value}`, async (t) => {
      const weights = (own: Weights) => {
        at(own, UP).data[77] = value;
      };
      const folder = changed(t, 'llama', { weights });
      await refuses(folder, [join(folder, 'model.safetensors'), `"${UP}" holds ${value} at index 77`]);
    });
  }

  it('a head of a single class', async () => {
    await refuses(fixturePath('models', 'bert-bare'), ['at least two classes, not 1'], { labels: 1 });
  });
});

describe('keys that are not known', () => {
  before(() => startBackend());

  it('are reported once, with the file', async (t) => {
    const config = (own: Config) => ({ ...own, made_up: 3, embedding_multiplier: 12, unset: null, off: false });
    const folder = changed(t, 'llama', { config });
    const told: string[] = [];
    await loads(folder, (message) => told.push(message));
    const words = 'these keys are not known here and were not used: made_up, embedding_multiplier';
    assert.deepEqual(told, [`${join(folder, 'config.json')}: ${words}`]);
  });

  it('are none in what transformers writes', async () => {
    for (const name of readdirSync(fixturePath('models'))) {
      await loads(fixturePath('models', name), (message) => assert.fail(message));
    }
  });
});

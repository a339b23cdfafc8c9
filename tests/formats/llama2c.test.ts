import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { readLlama2c } from '../../src/formats/llama2c';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';

/** A checkpoint whose float k has the value k: dim 4, hidden 6, 2 layers, 2 heads, 1 kv head, vocab 3, context 5. */
function smallFile(tied: boolean): Buffer {
  const header = Int32Array.of(4, 6, 2, 2, 1, tied ? 3 : -3, 5);
  const count = 12 + 2 * (4 + 16 + 8 + 8 + 16 + 4 + 24 + 24 + 24) + 4 + 2 * 5 + (tied ? 0 : 12);
  const floats = Float32Array.from({ length: count }, (_, i) => i);
  return Buffer.concat([Buffer.from(header.buffer), Buffer.from(floats.buffer)]);
}

test('every weight comes from its own place in the file', (t) => {
  const file = path.join(tempDir(t), 'm.bin');
  fs.writeFileSync(file, smallFile(false));
  const { config, tensors } = readLlama2c(file);
  assert.deepEqual(config, { dim: 4, hidden: 6, layers: 2, heads: 2, kvHeads: 1, vocab: 3, context: 5, tied: false });
  const first = Object.fromEntries(Array.from(tensors, ([name, { data }]) => [name, data[0]]));
  assert.deepEqual(first, {
    'model.embed_tokens.weight': 0,
    'model.layers.0.input_layernorm.weight': 12,
    'model.layers.1.input_layernorm.weight': 16,
    'model.layers.0.self_attn.q_proj.weight': 20,
    'model.layers.1.self_attn.q_proj.weight': 36,
    'model.layers.0.self_attn.k_proj.weight': 52,
    'model.layers.1.self_attn.k_proj.weight': 60,
    'model.layers.0.self_attn.v_proj.weight': 68,
    'model.layers.1.self_attn.v_proj.weight': 76,
    'model.layers.0.self_attn.o_proj.weight': 84,
    'model.layers.1.self_attn.o_proj.weight': 100,
    'model.layers.0.post_attention_layernorm.weight': 116,
    'model.layers.1.post_attention_layernorm.weight': 120,
    'model.layers.0.mlp.gate_proj.weight': 124,
    'model.layers.1.mlp.gate_proj.weight': 148,
    'model.layers.0.mlp.down_proj.weight': 172,
    'model.layers.1.mlp.down_proj.weight': 196,
    'model.layers.0.mlp.up_proj.weight': 220,
    'model.layers.1.mlp.up_proj.weight': 244,
    'model.norm.weight': 268,
    'lm_head.weight': 282,
  });
  assert.deepEqual(tensors.get('model.layers.0.mlp.down_proj.weight')?.shape, [4, 6]);
  assert.deepEqual(tensors.get('model.layers.0.self_attn.k_proj.weight')?.shape, [2, 4]);
});

test('tied checkpoints have no output matrix', (t) => {
  const file = path.join(tempDir(t), 'm.bin');
  fs.writeFileSync(file, smallFile(true));
  const { config, tensors } = readLlama2c(file);
  assert.equal(config.tied, true);
  assert.equal(tensors.has('lm_head.weight'), false);
});

/** The header with another int32 at a byte offset. */
function withField(bytes: Buffer, offset: number, value: number): Buffer {
  bytes.writeInt32LE(value, offset);
  return bytes;
}

const broken: [what: string, change: (bytes: Buffer) => Buffer, message: RegExp][] = [
  ['an empty file', () => Buffer.alloc(0), /fewer than its header/],
  ['a cut header', (b) => b.subarray(0, 20), /fewer than its header/],
  ['truncation', (b) => b.subarray(0, b.length - 4), /truncated/],
  ['trailing bytes', (b) => Buffer.concat([b, Buffer.alloc(1)]), /bytes follow the last weight/],
  ['text', () => Buffer.from('{"not": "a checkpoint, but a JSON text"}'), /header says dim/],
  ['a negative dim', (b) => withField(b, 0, -4), /dim = -4/],
  ['no layers', (b) => withField(b, 8, 0), /layers = 0/],
  ['heads that do not divide dim', (b) => withField(b, 12, 3), /no even head size/],
  ['an odd head size', (b) => withField(b, 12, 4), /no even head size/],
  ['kv heads that do not divide heads', (b) => withField(b, 16, 3), /not a multiple/],
];
for (const [what, change, message] of broken) {
  test(`refuses ${what}`, (t) => {
    const file = path.join(tempDir(t), 'm.bin');
    fs.writeFileSync(file, change(smallFile(true)));
    assert.throws(
      () => readLlama2c(file),
      (error) => error instanceof UserError && error.message.includes(file) && message.test(error.message),
    );
  });
}

test('names a missing file', () => {
  assert.throws(() => readLlama2c('/nowhere/m.bin'), /\/nowhere\/m\.bin: no such file/);
});

test('reads the published stories260K', (t) => {
  const file = dataFile(t, 'stories260K', 'stories260K.bin');
  if (!file) return;
  const { config, tensors } = readLlama2c(file);
  assert.deepEqual(config, {
    dim: 64,
    hidden: 172,
    layers: 5,
    heads: 8,
    kvHeads: 4,
    vocab: 512,
    context: 512,
    tied: true,
  });
  let count = 0;
  for (const { data } of tensors.values()) {
    count += data.length;
    assert.ok(data.every((value) => Number.isFinite(value) && Math.abs(value) < 20));
  }
  assert.equal(count, 260_032);
});

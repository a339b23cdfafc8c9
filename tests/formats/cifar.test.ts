import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greyPicture, readCifar } from '../../src/formats/cifar';
import { dataFile } from '../support/data';
import { tempFile } from '../support/files';

test('records of a class and three planes', (t) => {
  const record = (label: number) => [label, 1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24];
  const path = tempFile(t, 'a.bin', Uint8Array.from([...record(7), ...record(0).map((v) => v * 2)]));
  const { labels, picture, size } = readCifar(path, 2);
  assert.deepEqual([size, ...labels], [2, 7, 0]);
  assert.deepEqual(picture(0), {
    width: 2,
    height: 2,
    data: Uint8Array.from([1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24]),
  });
  assert.deepEqual([...picture(1).data.subarray(9)], [8, 28, 48]);
});

test('files of another size', (t) => {
  assert.throws(
    () => readCifar(tempFile(t, 'a.bin', new Uint8Array(3074))),
    /no CIFAR file of 32 x 32 .* multiple of 3073/,
  );
  assert.throws(() => readCifar(tempFile(t, 'a.bin', '')), /a\.bin is empty/);
  assert.throws(() => readCifar('none.bin'), /none\.bin: no such file/);
});

test('a grey picture as RGB', () => {
  const { data } = greyPicture(Uint8Array.of(5, 250), 2, 1);
  assert.deepEqual([...data], [5, 5, 5, 250, 250, 250]);
});

test('the real parts', (t) => {
  const cifar = dataFile(t, 'images', 'cifar10', 'test.bin');
  const textures = dataFile(t, 'images', 'dtd10', 'test.bin');
  if (!cifar || !textures) return;
  const counts = (labels: Uint8Array) =>
    Array.from({ length: 10 }, (_, k) => labels.filter((label) => label === k).length);
  assert.deepEqual(counts(readCifar(cifar).labels), Array(10).fill(100));
  assert.deepEqual(counts(readCifar(textures, 64).labels), Array(10).fill(20));
  assert.throws(() => readCifar(textures, 32), /no multiple/);
});

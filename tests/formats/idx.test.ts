import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { UserError } from '../../src/errors';
import { readIdx } from '../../src/formats/idx';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';

/** Two images of 1 × 3 pixels. */
const images = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255]);

test('reads images, plain and compressed', (t) => {
  const folder = tempDir(t);
  for (const [name, bytes] of [
    ['i', images],
    ['i.gz', zlib.gzipSync(images)],
  ] as const) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, bytes);
    const { shape, data } = readIdx(file, 3);
    assert.deepEqual(
      [shape, [...data]],
      [
        [2, 1, 3],
        [1, 2, 3, 4, 5, 255],
      ],
    );
  }
});

const broken: [what: string, bytes: Buffer, message: RegExp][] = [
  ['an empty file', Buffer.alloc(0), /fewer than its header/],
  ['truncation', images.subarray(0, -1), /truncated/],
  ['bytes left over', Buffer.concat([images, Buffer.of(0)]), /bytes follow/],
  ['labels as images', Buffer.concat([Buffer.of(0, 0, 8, 1, 0, 0, 0, 8), Buffer.alloc(8)]), /1 dimension/],
  ['floats', Buffer.concat([Buffer.of(0, 0, 0x0d, 3), images.subarray(4)]), /type 0xd/],
  ['a text', Buffer.from('not an image at all'), /two zero bytes/],
  ['huge sizes', Buffer.concat([Buffer.of(0, 0, 8, 3), Buffer.alloc(12, 255)]), /truncated/],
];
for (const [what, bytes, message] of broken) {
  test(`refuses ${what}`, (t) => {
    const file = path.join(tempDir(t), 'i');
    fs.writeFileSync(file, bytes);
    assert.throws(
      () => readIdx(file, 3),
      (error) => error instanceof UserError && error.message.includes(file) && message.test(error.message),
    );
  });
}

test('names a missing file', () => {
  assert.throws(() => readIdx('/nowhere/i', 1), /\/nowhere\/i: no such file/);
});

test("reads MNIST's test set", (t) => {
  const imageFile = dataFile(t, 'mnist', 't10k-images-idx3-ubyte.gz');
  const labelFile = dataFile(t, 'mnist', 't10k-labels-idx1-ubyte.gz');
  if (!imageFile || !labelFile) return;
  assert.deepEqual(readIdx(imageFile, 3).shape, [10000, 28, 28]);
  const labels = readIdx(labelFile, 1).data;
  assert.deepEqual([...labels.subarray(0, 10)], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
});

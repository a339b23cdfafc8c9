/** Picture files against Pillow's pixels, and files that are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { decodePicture } from '../../src/formats/picture-file';
import { Random } from '../../src/tensor/random';
import { farthest, goldenPicture, pictureBytes, pictureGolden } from '../support/pictures';

for (const name of Object.keys(pictureGolden.files)) {
  test(`reads ${name} as Pillow does, to the bit`, async () => {
    const found = await decodePicture(pictureBytes(name), name);
    const wanted = goldenPicture(name);
    assert.deepEqual([found.width, found.height], [wanted.width, wanted.height]);
    assert.equal(farthest(found.data, wanted.data), 0);
  });
}

test('the kinds of files that the goldens cover', () => {
  const names = Object.keys(pictureGolden.files);
  for (const part of [
    '.png',
    '.jpg',
    '.jpeg',
    '.webp',
    'grey',
    'rgba',
    'palette',
    'turned',
    'profile',
    'deep',
    'bits',
  ]) {
    assert.ok(
      names.some((name) => name.includes(part)),
      part,
    );
  }
});

test('files of another kind are refused before they are decoded, whatever their names say', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>';
  for (const content of ['GIF89a', svg, 'text', 'RIFF0000WAVE', '%PDF-1.4']) {
    await assert.rejects(
      decodePicture(Buffer.from(content), 'a.png'),
      /^UserError: a\.png is no PNG, JPEG or WebP file/,
    );
  }
  await assert.rejects(decodePicture(Buffer.alloc(0), 'a.png'), /^UserError: a\.png is empty; replace or remove it/);
});

test('cut and damaged files are errors that name the file, or pictures', async () => {
  for (const name of ['rgb.png', 'colours-420.jpg', 'progressive.jpg', 'lossy.webp']) {
    const whole = pictureBytes(name);
    for (const part of [0.05, 0.3, 0.6, 0.9]) {
      const cut = whole.subarray(0, Math.floor(whole.length * part));
      await assert.rejects(decodePicture(cut, name), new RegExp(`^UserError: ${name} `), `${part}`);
    }
    for (let seed = 0; seed < 10; seed++) {
      const random = new Random(seed, name);
      const damaged = new Uint8Array(whole);
      for (let i = 0; i < 5; i++) damaged[random.int(damaged.length)] = random.int(256);
      await decodePicture(damaged, name).catch((error) => assert.ok(error instanceof UserError, String(error)));
    }
  }
});

test('a small file that claims billions of pixels is refused', async () => {
  const bomb = Buffer.from(pictureBytes('rgb.png'));
  bomb.writeUInt32BE(60000, 16);
  bomb.writeUInt32BE(60000, 20);
  await assert.rejects(decodePicture(bomb, 'bomb.png'), /^UserError: bomb\.png cannot be read as PNG/);
});

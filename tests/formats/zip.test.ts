import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../src/errors';
import { readZipEntry } from '../../src/formats/zip';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';

/**
 * Python: z = zipfile.ZipFile(…); z.writestr(ZipInfo('a/stored.txt'), 'stored');
 * z.writestr(ZipInfo('a/deflated.txt'), 'deflated ' * 20, ZIP_DEFLATED); z.comment = b'a comment'
 */
const archive = Buffer.from(
  'UEsDBBQAAAAAAAAAIQAL+UNWBgAAAAYAAAAMAAAAYS9zdG9yZWQudHh0c3RvcmVkUEsDBBQAAAAIAAAAIQAH1m+QDgAAALQAAAAO' +
    'AAAAYS9kZWZsYXRlZC50eHRLSU3LSSxJTVFIGToMAFBLAQIUAxQAAAAAAAAAIQAL+UNWBgAAAAYAAAAMAAAAAAAAAAAAAACAAQAA' +
    'AABhL3N0b3JlZC50eHRQSwECFAMUAAAACAAAACEAB9ZvkA4AAAC0AAAADgAAAAAAAAAAAAAAgAEwAAAAYS9kZWZsYXRlZC50eHRQ' +
    'SwUGAAAAAAIAAgB2AAAAagAAAAkAYSBjb21tZW50',
  'base64',
);

function write(t: TestContext, bytes: Uint8Array): string {
  const file = path.join(tempDir(t), 'a.zip');
  fs.writeFileSync(file, bytes);
  return file;
}

test('reads stored and deflated entries', (t) => {
  const file = write(t, archive);
  assert.equal(Buffer.from(readZipEntry(file, 'a/stored.txt')).toString(), 'stored');
  assert.equal(Buffer.from(readZipEntry(file, 'a/deflated.txt')).toString(), 'deflated '.repeat(20));
  assert.throws(() => readZipEntry(file, 'b'), /no entry "b"; it has a\/stored\.txt, a\/deflated\.txt/);
});

test('every truncation and every flipped byte gives the content or a UserError', (t) => {
  const whole = 'deflated '.repeat(20);
  const file = write(t, archive);
  const attempt = (bytes: Uint8Array, what: string) => {
    fs.writeFileSync(file, bytes);
    try {
      assert.equal(Buffer.from(readZipEntry(file, 'a/deflated.txt')).toString(), whole, what);
    } catch (error) {
      assert.ok(error instanceof UserError, `${what}: ${error}`);
    }
  };
  for (let i = 0; i < archive.length; i++) {
    attempt(archive.subarray(0, i), `${i} bytes`);
    const flipped = Buffer.from(archive);
    flipped[i] ^= 0xff;
    attempt(flipped, `byte ${i} flipped`);
  }
});

test('says what is wrong', (t) => {
  const body = archive.indexOf('stored', 'stored.txt'.length + archive.indexOf('stored.txt'));
  const changed = Buffer.from(archive);
  changed[body] ^= 1;
  assert.throws(() => readZipEntry(write(t, changed), 'a/stored.txt'), /does not match its checksum/);
  assert.throws(() => readZipEntry(write(t, Buffer.from('<html>not found</html>      ')), 'a'), /no end record/);
  assert.throws(() => readZipEntry(write(t, new Uint8Array(0)), 'a'), /no end record/);
  assert.throws(() => readZipEntry('/nowhere/a.zip', 'a'), /\/nowhere\/a\.zip: no such file/);
});

test('reads the published sentences', (t) => {
  const file = dataFile(t, 'nltk', 'subjectivity.zip');
  if (!file) return;
  const lines = Buffer.from(readZipEntry(file, 'subjectivity/quote.tok.gt9.5000'))
    .toString('latin1')
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, 5000);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { writeFileAtomic } from '../../src/formats/atomic';
import { tempDir } from '../support/temp';

/** Asserts a UserError that names the path and says what to do. */
function refuses(write: () => void, file: string, remedy: RegExp): void {
  assert.throws(
    write,
    (error) => error instanceof UserError && error.message.includes(file) && remedy.test(error.message),
  );
}

test('writes text, bytes and pieces, over an old file and into new folders', (t) => {
  const file = path.join(tempDir(t), 'new', 'folder', 'a.txt');
  writeFileAtomic(file, 'grüße');
  assert.equal(fs.readFileSync(file, 'utf8'), 'grüße');
  writeFileAtomic(file, Uint8Array.of(104, 105));
  assert.equal(fs.readFileSync(file, 'utf8'), 'hi');
  writeFileAtomic(file, [Uint8Array.of(104), new Uint8Array(0), Uint8Array.of(111)]);
  assert.equal(fs.readFileSync(file, 'utf8'), 'ho');
  writeFileAtomic(file, '');
  assert.equal(fs.statSync(file).size, 0);
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['a.txt']);
});

test('a reader sees the old content until the new is whole', (t) => {
  const file = path.join(tempDir(t), 'a.txt');
  writeFileAtomic(file, 'old');
  const seen: string[] = [];
  function* pieces(): Generator<Uint8Array> {
    for (const letter of 'new') {
      yield Buffer.from(letter);
      seen.push(fs.readFileSync(file, 'utf8'));
    }
  }
  writeFileAtomic(file, pieces());
  assert.deepEqual(seen, ['old', 'old', 'old']);
  assert.equal(fs.readFileSync(file, 'utf8'), 'new');
});

test('a failure half way leaves the old file alone and removes the temporary one', (t) => {
  const file = path.join(tempDir(t), 'a.txt');
  writeFileAtomic(file, 'old');
  function* pieces(): Generator<Uint8Array> {
    yield Buffer.from('half');
    throw new RangeError('no more');
  }
  assert.throws(() => writeFileAtomic(file, pieces()), RangeError);
  assert.equal(fs.readFileSync(file, 'utf8'), 'old');
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['a.txt']);
});

test('a folder in the place of the file', (t) => {
  const folder = path.join(tempDir(t), 'taken');
  fs.mkdirSync(folder);
  refuses(() => writeFileAtomic(folder, 'x'), folder, /it is a folder/);
  assert.deepEqual(fs.readdirSync(path.dirname(folder)), ['taken']);
});

test('a file in the place of a folder', (t) => {
  const base = path.join(tempDir(t), 'file');
  fs.writeFileSync(base, '');
  for (const file of [path.join(base, 'a.txt'), path.join(base, 'deep', 'a.txt')]) {
    refuses(() => writeFileAtomic(file, 'x'), file, /a part of the path is a file/);
  }
});

test('a name that is too long', (t) => {
  const file = path.join(tempDir(t), 'x'.repeat(300));
  refuses(() => writeFileAtomic(file, 'x'), file, /too long/);
});

test('a folder without permission to write', (t) => {
  const folder = path.join(tempDir(t), 'locked');
  fs.mkdirSync(folder, { mode: 0o555 });
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const file = path.join(folder, 'a.txt');
  refuses(() => writeFileAtomic(file, 'x'), file, /permission denied/);
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('a full disk', (t) => {
  const mount = path.join(tempDir(t), 'disk');
  fs.mkdirSync(mount);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount], { stdio: 'ignore' });
  } catch {
    return t.skip('this user may not mount a small disk');
  }
  try {
    const file = path.join(mount, 'a.bin');
    writeFileAtomic(file, 'old');
    refuses(() => writeFileAtomic(file, new Uint8Array(1 << 20)), file, /disk is full/);
    assert.equal(fs.readFileSync(file, 'utf8'), 'old');
    assert.deepEqual(fs.readdirSync(mount), ['a.bin']);
  } finally {
    execFileSync('umount', [mount]);
  }
});

/** Folders that appear whole or not at all. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkNewFolder, writeFolderWhole } from '../../src/formats/whole-folder';
import { tempDir } from '../support/temp';

test('a folder appears when it is full, also in place of an empty one', async (t) => {
  const place = join(tempDir(t), 'deep', 'folder');
  await writeFolderWhole(place, (made) => {
    assert.ok(!existsSync(place));
    writeFileSync(join(made, 'a'), '1');
  });
  assert.equal(readFileSync(join(place, 'a'), 'utf8'), '1');
  const empty = join(tempDir(t), 'empty');
  mkdirSync(empty);
  await writeFolderWhole(empty, (made) => writeFileSync(join(made, 'b'), '2'));
  assert.deepEqual(readdirSync(empty), ['b']);
});

test('when filling fails, nothing is left', async (t) => {
  const parent = tempDir(t);
  const fill = (made: string) => {
    writeFileSync(join(made, 'a'), '1');
    throw new Error('half way');
  };
  await assert.rejects(writeFolderWhole(join(parent, 'x'), fill), /half way/);
  assert.deepEqual(readdirSync(parent), []);
});

test('a folder that holds something, and a file, are refused and stay', async (t) => {
  const parent = tempDir(t);
  mkdirSync(join(parent, 'full'));
  writeFileSync(join(parent, 'full', 'own'), 'keep');
  await assert.rejects(
    writeFolderWhole(join(parent, 'full'), () => assert.fail('nothing is written')),
    /full is there and not empty: name a new folder, or empty it/,
  );
  assert.throws(() => checkNewFolder(join(parent, 'full', 'own')), /is a file: name a new folder/);
  assert.equal(readFileSync(join(parent, 'full', 'own'), 'utf8'), 'keep');
});

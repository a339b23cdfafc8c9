/** A folder of pictures from end to end. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { pictureProcessor, processPicture, withPictureSize } from '../../src/data/picture-processor';
import { fittedPictures, listPictures, loadPictures, type PictureFile } from '../../src/data/pictures-folder';
import { readCifar } from '../../src/formats/cifar';
import { decodePicture } from '../../src/formats/picture-file';
import { dataFile } from '../support/data';
import { fixturePath } from '../support/files';
import { farthest, pictureBytes } from '../support/pictures';
import { tempDir } from '../support/temp';

const put = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
};

/** A small picture of one colour. */
const dot = (value: number) =>
  sharp(Buffer.alloc(12 * 10 * 3, value), { raw: { width: 12, height: 10, channels: 3 } })
    .png()
    .toBuffer();

/** `counts` pictures a class, each of a colour of its own. */
async function folderOf(t: TestContext, counts: Record<string, number>, inside = ''): Promise<string> {
  const root = tempDir(t);
  let value = 0;
  for (const [name, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) put(join(root, inside, name, `p${i}.png`), await dot(value++));
  }
  return root;
}

const small = withPictureSize(pictureProcessor({ do_normalize: false }), 8);
const countsOf = (files: readonly PictureFile[], classes: number) =>
  Array.from({ length: classes }, (_, label) => files.filter((file) => file.label === label).length);

test('a folder a class: classes by name, a tenth of each cut off, written down', async (t) => {
  const root = await folderOf(t, { dogs: 30, cats: 20 });
  put(join(root, '.DS_Store'), 'x');
  put(join(root, 'cats', 'notes.txt'), 'x');
  put(join(root, 'cats', '.hidden.png'), 'x');
  put(join(root, 'dogs', 'more', 'a.png'), 'x');
  const { labels, train, validation, test: held, notes } = listPictures(root);
  assert.deepEqual(labels, ['cats', 'dogs']);
  assert.deepEqual(
    [countsOf(train, 2), countsOf(validation, 2), countsOf(held, 2)],
    [
      [16, 24],
      [2, 3],
      [2, 3],
    ],
  );
  for (const { path, label } of [...train, ...validation, ...held])
    assert.equal(basename(dirname(path)), labels[label]);
  assert.deepEqual(
    { ...notes, sha256: notes.sha256.length },
    {
      validation: 'split 10 % of train, seed 2024, stratified by label',
      test: 'split 10 % of train, seed 2024, stratified by label',
      sizes: { train: 40, validation: 5, test: 5 },
      majority: 0.6,
      remarks: [
        `${basename(root)}: 1 files left out that are not .png .jpg .jpeg .webp`,
        `${basename(root)}: 1 folders inside the classes' folders left out`,
      ],
      sha256: 64,
    },
  );
  assert.deepEqual(listPictures(root).test, held);
  assert.notDeepEqual(listPictures(root, { splitSeed: 3 }).test, held);
});

test('equal files stay together; numbers are ordered as numbers; links are followed', async (t) => {
  const root = await folderOf(t, { 10: 12, 9: 12 });
  for (let i = 0; i < 12; i++) copyFileSync(join(root, '9', `p${i}.png`), join(root, '9', `copy${i}.png`));
  const { labels, train, validation, test: held } = listPictures(root);
  assert.deepEqual(labels, ['9', '10']);
  const places = new Map<string, Set<string>>();
  for (const [part, files] of Object.entries({ train, validation, held })) {
    for (const { path, label } of files) {
      const twin = `${label}${basename(path).replace('copy', 'p')}`;
      places.set(twin, (places.get(twin) ?? new Set()).add(part));
    }
  }
  assert.ok([...places.values()].every((parts) => parts.size === 1));
  rmSync(join(root, '10'), { recursive: true });
  symlinkSync(join(root, '9'), join(root, '10'));
  assert.equal(listPictures(root, { shares: { validation: 0, test: 0 } }).train.length, 48);
});

test('parts of their own; shared pictures are counted', async (t) => {
  const root = await folderOf(t, { a: 3, b: 2 }, 'train');
  put(join(root, 'val', 'b', 'x.png'), await dot(200));
  put(join(root, 'test', 'a', 'y.png'), await dot(0));
  const { train, validation, test: held, notes } = listPictures(root);
  assert.deepEqual([train.length, validation.length, held.length], [5, 1, 1]);
  assert.deepEqual(validation, [{ path: join(root, 'val', 'b', 'x.png'), label: 1 }]);
  assert.deepEqual([notes.validation, notes.test], ['val', 'test']);
  assert.deepEqual(notes.remarks, ['1 of 1 test pictures are in the training set too']);
});

test('folders that are refused', async (t) => {
  const root = await folderOf(t, { a: 2, b: 2 }, 'train');
  assert.throws(() => listPictures(join(root, 'nowhere')), /nowhere: no such folder/);
  assert.throws(() => listPictures(join(root, 'train', 'a', 'p0.png')), /is a file; name a folder/);
  assert.throws(() => listPictures(join(root, 'train', 'a')), /has no picture in folders of classes/);
  put(join(root, 'test', 'B', 'x.png'), 'x');
  assert.throws(
    () => listPictures(root),
    /B: the class "B" is not among the training pictures' "a", "b" \(did you mean "b"\?\)/,
  );
  rmSync(join(root, 'test'), { recursive: true });
  mkdirSync(join(root, 'c'));
  assert.throws(() => listPictures(root), /c: beside .*train only folders of validation and test pictures may be/);
  rmSync(join(root, 'c'), { recursive: true });
  mkdirSync(join(root, 'val'));
  mkdirSync(join(root, 'valid'));
  assert.throws(() => listPictures(root), /has "val", "valid"; only one folder of validation/);
  const one = await folderOf(t, { a: 3 });
  assert.throws(() => listPictures(one), /has one class only, "a"/);
  mkdirSync(join(one, 'b'));
  put(join(one, 'b', 'x.gif'), 'x');
  assert.throws(() => listPictures(one), /b has no picture \(\.png \.jpg \.jpeg \.webp\); fill or remove it/);
});

test('pictures in memory are those of the processor', async () => {
  const names = ['rgb.png', 'turned-6.jpg', 'grey.png', 'alpha.webp', 'palette-clear.png'];
  const files = names.map((name, label) => ({ path: fixturePath('pictures', name), label }));
  const processor = withPictureSize(pictureProcessor(null, 'dinov2'), 14);
  const seen: number[] = [];
  const loaded = await loadPictures(files, processor, (done, of) => seen.push(done / of));
  assert.deepEqual([loaded.size, loaded.height, loaded.width], [5, 14, 14]);
  assert.deepEqual([...loaded.labels], [0, 1, 2, 3, 4]);
  assert.equal(seen.at(-1), 1);
  for (const [i, name] of names.entries()) {
    const wanted = processPicture(await decodePicture(pictureBytes(name), name), processor);
    assert.equal(farthest(loaded.pixels(i), wanted), 0, name);
  }
});

test('a broken picture is named, also among others', async (t) => {
  const root = await folderOf(t, { a: 9, b: 9 });
  const broken = join(root, 'b', 'p3.png');
  put(broken, (await dot(1)).subarray(0, 60));
  put(join(root, 'b', 'p4.png'), 'no picture');
  const { train } = listPictures(root, { shares: { validation: 0, test: 0 } });
  await assert.rejects(loadPictures(train, small), (error: Error) => {
    return error.name === 'UserError' && error.message.startsWith(`${broken} cannot be read as PNG`);
  });
});

test('sizes that differ need a processor that resizes to one', async () => {
  const files = ['rgb.png', 'tall.png'].map((name) => ({ path: fixturePath('pictures', name), label: 0 }));
  const shapes = pictureProcessor({ size: { shortest_edge: 8 }, do_normalize: false });
  await assert.rejects(loadPictures(files, shapes), /tall\.png is 8 x 17 where the others are 12 x 8/);
  await assert.rejects(loadPictures([], shapes), /no picture to load/);
  await assert.rejects(
    loadPictures(Array(200_000).fill(files[0]), pictureProcessor({})),
    /200000 pictures of 224 x 224 need more than 8 GiB/,
  );
});

test("CIFAR's pictures as a model takes them", (t) => {
  const file = dataFile(t, 'images', 'cifar10', 'test.bin');
  if (!file) return;
  const cifar = readCifar(file);
  const loaded = fittedPictures([cifar.picture(0), cifar.picture(1)], cifar.labels.subarray(0, 2), small);
  assert.deepEqual([loaded.size, loaded.width], [2, 8]);
  assert.equal(farthest(loaded.pixels(1), processPicture(cifar.picture(1), small)), 0);
});

/**
 * A person's pictures: a folder of folders, each of the pictures of one class, perhaps under `train`, `validation` and
 * `test`. What is missing is cut off the training pictures.
 */
import { createHash } from 'node:crypto';
import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { UserError } from '../errors';
import { decodePicture, pictureEndings, type RgbPicture } from '../formats/picture-file';
import { readBytes } from '../formats/read';
import { inLabelOrder } from './label-values';
import { didYouMean, listed } from './names';
import { fitPicture, outputSize, type PictureProcessor, pixelReader } from './picture-processor';
import { HELD_OUT_SHARES, type Parts, SPLIT_SEED, type SplitShares, splitExamples } from './split';

export interface PictureFile {
  readonly path: string;
  /** Number of the class. */
  readonly label: number;
}

/** What was done, for the record: plain JSON. */
export interface PictureNotes {
  /** Where a part comes from: its folder's name, or how it was cut off. */
  readonly validation: string;
  readonly test: string;
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
  /** Share of the test pictures that are of the commonest class, 0 … 1; null without test pictures. */
  readonly majority: number | null;
  readonly remarks: readonly string[];
  /** sha256 over the names and contents of all files. */
  readonly sha256: string;
}

export interface PictureFolder extends Parts<PictureFile> {
  /** Names of the classes: the folders' names, numbers in numeric order. */
  readonly labels: readonly string[];
  readonly notes: PictureNotes;
}

export interface PictureFolderOptions {
  /** Shares that are cut off where a folder is missing; a tenth each by default. */
  readonly shares?: Partial<SplitShares>;
  /** Seed of the split, 2024 by default. */
  readonly splitSeed?: number;
}

const PARTS = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test', 'testing'],
} as const;

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Entries but hidden ones, in the order of their names. */
function entriesOf(folder: string): Dirent[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith('.'));
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Folders inside, links to folders too. */
const foldersOf = (folder: string) =>
  entriesOf(folder).flatMap(({ name }) => (isFolder(join(folder, name)) ? [name] : []));

/** Pictures of one part, by class. */
interface Listed {
  readonly files: readonly PictureFile[];
  readonly remarks: readonly string[];
}

/** @param known classes of the training part; null to find them. */
function listPart(folder: string, known: readonly string[] | null): Listed & { labels: readonly string[] } {
  const names = foldersOf(folder);
  const labels = known ?? inLabelOrder(names);
  const files: PictureFile[] = [];
  let [others, deeper] = [0, 0];
  for (const name of inLabelOrder(names)) {
    const label = labels.indexOf(name);
    if (label < 0) {
      throw new UserError(
        `${join(folder, name)}: the class "${name}" is not among the training pictures' ${listed(labels)}${didYouMean(name, labels)}`,
      );
    }
    const before = files.length;
    for (const entry of entriesOf(join(folder, name))) {
      const path = join(folder, name, entry.name);
      if (isFolder(path)) deeper += 1;
      else if (pictureEndings.includes(extname(entry.name).toLowerCase())) files.push({ path, label });
      else others += 1;
    }
    if (known === null && files.length === before) {
      throw new UserError(`${join(folder, name)} has no picture (${pictureEndings.join(' ')}); fill or remove it`);
    }
  }
  if (files.length === 0) throw new UserError(`${folder} has no picture in folders of classes`);
  const remarks: string[] = [];
  if (others > 0)
    remarks.push(`${basename(folder)}: ${others} files left out that are not ${pictureEndings.join(' ')}`);
  if (deeper > 0) remarks.push(`${basename(folder)}: ${deeper} folders inside the classes' folders left out`);
  return { files, labels, remarks };
}

/** The folder of each part; the folder itself trains when it has no `train`. */
function partFolders(root: string): Record<keyof typeof PARTS, string | null> {
  if (!existsSync(root)) throw new UserError(`Cannot read pictures ${root}: no such folder; check the path.`);
  if (!isFolder(root)) throw new UserError(`${root} is a file; name a folder that has a folder of pictures a class`);
  const inside = foldersOf(root);
  const folderOf = (part: keyof typeof PARTS) => {
    const fits = inside.filter((name) => PARTS[part].some((usual) => usual === name.toLowerCase()));
    if (fits.length > 1)
      throw new UserError(`${root} has ${listed(fits)}; only one folder of ${part} pictures is read`);
    return fits.length === 1 ? join(root, fits[0]) : null;
  };
  const train = folderOf('train');
  if (train === null) return { train: root, validation: null, test: null };
  const usual: readonly string[] = [...PARTS.train, ...PARTS.validation, ...PARTS.test];
  const other = inside.find((name) => !usual.includes(name.toLowerCase()));
  if (other !== undefined) {
    throw new UserError(`${join(root, other)}: beside ${train} only folders of validation and test pictures may be`);
  }
  return { train, validation: folderOf('validation'), test: folderOf('test') };
}

/**
 * Lists a folder's pictures (PNG, JPEG, WebP) without decoding them: `DIR/class/*.png`, or `DIR/train/class/*.png` with
 * `validation` (`val`) and `test` beside it. A missing part is a tenth of the training pictures, the same share of
 * every class; equal files stay together. Hidden files are passed over.
 * @throws UserError when there is no such folder, no picture in a class, one class only, or a class that the training
 * pictures do not have.
 */
export function listPictures(root: string, options: PictureFolderOptions = {}): PictureFolder {
  const folders = partFolders(root);
  const train = listPart(folders.train ?? root, null);
  const { labels } = train;
  if (labels.length < 2) {
    throw new UserError(
      `${folders.train} has one class only, "${labels[0]}"; two folders of pictures at least are needed`,
    );
  }
  const given = (part: 'validation' | 'test') => (folders[part] === null ? null : listPart(folders[part], labels));
  const [validation, test] = [given('validation'), given('test')];
  const shares = {
    validation: validation ? 0 : (options.shares?.validation ?? HELD_OUT_SHARES.validation),
    test: test ? 0 : (options.shares?.test ?? HELD_OUT_SHARES.test),
  };
  const seed = options.splitSeed ?? SPLIT_SEED;
  const all = [...train.files, ...(validation?.files ?? []), ...(test?.files ?? [])];
  const hashes = new Map(all.map(({ path }) => [path, hashOf(path)]));
  const key = ({ path }: PictureFile) => hashes.get(path) ?? path;
  const split =
    shares.validation + shares.test === 0
      ? { train: train.files, validation: [], test: [] }
      : splitExamples(train.files, { shares, seed, key, stratum: ({ label }) => label });
  const parts = {
    train: split.train,
    validation: validation?.files ?? split.validation,
    test: test?.files ?? split.test,
  };
  const cut = (share: number) =>
    share === 0
      ? 'none, as asked'
      : `split ${Number((100 * share).toFixed(2))} % of train, seed ${seed}, stratified by label`;
  const trained = new Set(parts.train.map(key));
  const shared = (['validation', 'test'] as const).flatMap((name) => {
    const count = parts[name].filter((file) => trained.has(key(file))).length;
    return count === 0 ? [] : [`${count} of ${parts[name].length} ${name} pictures are in the training set too`];
  });
  const counts = labels.map((_, label) => parts.test.filter((file) => file.label === label).length);
  const whole = createHash('sha256');
  for (const { path } of all) whole.update(`${path.slice(root.length)}\n${hashes.get(path)}\n`);
  return {
    labels,
    ...parts,
    notes: {
      validation: (folders.validation && basename(folders.validation)) ?? cut(shares.validation),
      test: (folders.test && basename(folders.test)) ?? cut(shares.test),
      sizes: { train: parts.train.length, validation: parts.validation.length, test: parts.test.length },
      majority: parts.test.length === 0 ? null : Math.max(...counts) / parts.test.length,
      remarks: [...train.remarks, ...(validation?.remarks ?? []), ...(test?.remarks ?? []), ...shared],
      sha256: whole.digest('hex'),
    },
  };
}

const hashOf = (path: string) => createHash('sha256').update(readBytes(path, 'picture')).digest('hex');

/** Pictures of one size in memory: bytes, which become numbers when they are asked for. */
export interface LoadedPictures {
  readonly size: number;
  readonly height: number;
  readonly width: number;
  readonly labels: Int32Array;
  /** Float32 [3, height, width], as the model takes it. */
  pixels(index: number): Float32Array;
}

/** Largest set that is held in memory, in bytes. */
const MAX_BYTES = 8 * 2 ** 30;

function checkMemory(count: number, { width, height }: { width: number; height: number }): void {
  if (count * width * height * 3 <= MAX_BYTES) return;
  throw new UserError(`${count} pictures of ${width} x ${height} need more than 8 GiB; take fewer or smaller ones`);
}

/** Pictures that are decoded at once. */
const TOGETHER = 8;

/**
 * Decodes, resizes and crops pictures.
 * @param onProgress called after each few pictures.
 * @throws UserError naming the file that is broken, or whose size differs from the others' when nothing resizes them.
 */
export async function loadPictures(
  files: readonly PictureFile[],
  processor: PictureProcessor,
  onProgress: (done: number, of: number) => void = () => {},
): Promise<LoadedPictures> {
  const wanted = outputSize(processor);
  if (wanted) checkMemory(files.length, wanted);
  const pictures: RgbPicture[] = [];
  for (let from = 0; from < files.length; from += TOGETHER) {
    const part = files.slice(from, from + TOGETHER);
    const decoded = part.map(async ({ path }) =>
      fitPicture(await decodePicture(readBytes(path, 'picture'), path), processor, path),
    );
    // all are awaited, so that a second broken file of the part is no unhandled rejection
    for (const result of await Promise.allSettled(decoded)) {
      if (result.status === 'rejected') throw result.reason;
      pictures.push(result.value);
    }
    onProgress(pictures.length, files.length);
  }
  return heldPictures(
    pictures,
    files.map(({ label }) => label),
    processor,
    (i) => files[i].path,
  );
}

/**
 * Pictures that are decoded already (CIFAR's or MNIST's files), resized and cropped.
 * @throws UserError when their sizes differ although nothing resizes them.
 */
export function fittedPictures(
  pictures: readonly RgbPicture[],
  labels: ArrayLike<number>,
  processor: PictureProcessor,
): LoadedPictures {
  const fitted = pictures.map((picture) => fitPicture(picture, processor));
  return heldPictures(fitted, labels, processor, (i) => `picture ${i}`);
}

function heldPictures(
  pictures: readonly RgbPicture[],
  labels: ArrayLike<number>,
  processor: PictureProcessor,
  nameOf: (index: number) => string,
): LoadedPictures {
  const size = outputSize(processor) ?? pictures[0];
  if (!size) throw new UserError('no picture to load');
  const { width, height } = size;
  const other = pictures.findIndex((picture) => picture.width !== width || picture.height !== height);
  if (other >= 0) {
    const { width: w, height: h } = pictures[other];
    throw new UserError(
      `${nameOf(other)} is ${w} x ${h} where the others are ${width} x ${height}: let the processor resize to height and width, or crop`,
    );
  }
  checkMemory(pictures.length, size);
  const read = pixelReader(processor);
  return {
    size: pictures.length,
    height,
    width,
    labels: Int32Array.from(labels),
    pixels: (index) => read(pictures[index]),
  };
}

/**
 * Draws a contact sheet of the generated pictures: the base set in two blocks, then the seven sets to adapt to;
 * a column is a class.
 *
 *   npx tsx scripts/pictures-sheet.ts [file.png]
 */
import { fromPatches } from '../src/data/glyphs/raster';
import { FEATURES, firstPictures, TOKENS, transferSets } from '../src/data/pictures';
import { PATCH, SIDE } from '../src/data/pictures/canvas';
import { primitives } from '../src/data/pictures/sets/primitives';
import { Random } from '../src/tensor/random';
import { type Block, writeSheet } from './sheet';

const ROWS = 2;
const ACROSS = 25;

const blocks = [primitives, ...transferSets].flatMap((set): Block[] => {
  const classes = Object.keys(set.classes).length;
  const { features } = firstPictures(set, new Random(1, `sheet/${set.name}`), ROWS * classes);
  const rows = Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: classes }, (_, label) =>
      fromPatches(features, (row * classes + label) * TOKENS * FEATURES, SIDE, PATCH),
    ),
  );
  const starts = Array.from({ length: Math.ceil(classes / ACROSS) }, (_, k) => k * ACROSS);
  return starts.map((start) => rows.map((row) => row.slice(start, start + ACROSS)));
});
writeSheet(process.argv[2] ?? 'data/pictures-vit/pictures.png', blocks, SIDE);

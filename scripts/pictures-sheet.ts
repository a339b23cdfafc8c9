/**
 * Draws a contact sheet of the generated pictures: a row of boxes a set, base set first; a column is a class.
 *
 *   npx tsx scripts/pictures-sheet.ts [file.png]
 */
import { writeFileSync } from 'node:fs';
import { createCanvas } from '@napi-rs/canvas';
import { fromPatches } from '../src/data/glyphs/raster';
import { FEATURES, firstPictures, TOKENS, transferSets } from '../src/data/pictures';
import { PATCH, SIDE } from '../src/data/pictures/canvas';
import { primitives } from '../src/data/pictures/sets/primitives';
import { Random } from '../src/tensor/random';

const ROWS = 2;
const ACROSS = 25;
const ZOOM = 2;
const CELL = SIDE * ZOOM + 2;

const blocks = [primitives, ...transferSets].flatMap((set) => {
  const classes = Object.keys(set.classes).length;
  const { features } = firstPictures(set, new Random(1, `sheet/${set.name}`), ROWS * classes);
  const starts = Array.from({ length: Math.ceil(classes / ACROSS) }, (_, k) => k * ACROSS);
  return starts.map((start) => ({ features, classes, start }));
});
const canvas = createCanvas(ACROSS * CELL, blocks.length * (ROWS * CELL + 6));
const context = canvas.getContext('2d');
context.fillStyle = '#335577';
context.fillRect(0, 0, canvas.width, canvas.height);
blocks.forEach(({ features, classes, start }, block) => {
  for (let row = 0; row < ROWS; row++) {
    for (let label = start; label < Math.min(classes, start + ACROSS); label++) {
      const [left, top] = [(label - start) * CELL, block * (ROWS * CELL + 6) + row * CELL];
      const picture = fromPatches(features, (row * classes + label) * TOKENS * FEATURES, SIDE, PATCH);
      picture.forEach((value, p) => {
        const grey = Math.max(0, Math.min(15, Math.round((value + 1) * 7.5))) * 17; // 16 levels keep the file small
        context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
        context.fillRect(left + (p % SIDE) * ZOOM, top + Math.floor(p / SIDE) * ZOOM, ZOOM, ZOOM);
      });
    }
  }
});
writeFileSync(process.argv[2] ?? 'data/pictures-vit/pictures.png', canvas.toBuffer('image/png'));

/**
 * Draws a contact sheet of the glyph task: three rows of the base alphabet in the style of pretraining, three rows
 * of the new alphabet in the foreign style; a column is a letter.
 *
 *   npx tsx scripts/glyphs-sheet.ts [file.png]
 */
import { writeFileSync } from 'node:fs';
import { createCanvas } from '@napi-rs/canvas';
import { baseAlphabet, FEATURES, firstGlyphs, NEW_LETTERS, newAlphabet, TOKENS } from '../src/data/glyphs';
import { fromPatches, SIDE } from '../src/data/glyphs/raster';
import { FOREIGN, PLAIN } from '../src/data/glyphs/style';
import { Random } from '../src/tensor/random';

const ROWS = 3;
const ZOOM = 2;
const CELL = SIDE * ZOOM + 2;

const blocks = [
  { letters: baseAlphabet().slice(0, NEW_LETTERS), style: PLAIN },
  { letters: newAlphabet(), style: FOREIGN },
];
const canvas = createCanvas(NEW_LETTERS * CELL, blocks.length * ROWS * CELL);
const context = canvas.getContext('2d');
context.fillStyle = '#335577';
context.fillRect(0, 0, canvas.width, canvas.height);
blocks.forEach(({ letters, style }, block) => {
  const count = ROWS * NEW_LETTERS;
  const { features } = firstGlyphs(letters, style, new Random(1, 'sheet'), count);
  for (let i = 0; i < count; i++) {
    const left = (i % NEW_LETTERS) * CELL;
    const top = (block * ROWS + Math.floor(i / NEW_LETTERS)) * CELL;
    fromPatches(features, i * TOKENS * FEATURES).forEach((value, p) => {
      const grey = Math.max(0, Math.min(15, Math.round((value + 1) * 7.5))) * 17; // 16 levels keep the file small
      context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
      context.fillRect(left + (p % SIDE) * ZOOM, top + Math.floor(p / SIDE) * ZOOM, ZOOM, ZOOM);
    });
  }
});
writeFileSync(process.argv[2] ?? 'data/glyphs-vit/letters.png', canvas.toBuffer('image/png'));

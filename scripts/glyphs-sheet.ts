/**
 * Draws a contact sheet of the glyph task: three rows of the base alphabet in the style of pretraining, three rows
 * of the new alphabet in the foreign style; a column is a letter.
 *
 *   npx tsx scripts/glyphs-sheet.ts [file.png]
 */
import { baseAlphabet, FEATURES, firstGlyphs, NEW_LETTERS, newAlphabet, TOKENS } from '../src/data/glyphs';
import type { Glyph } from '../src/data/glyphs/alphabet';
import { fromPatches, SIDE } from '../src/data/glyphs/raster';
import { FOREIGN, PLAIN, type Style } from '../src/data/glyphs/style';
import { Random } from '../src/tensor/random';
import { type Block, writeSheet } from './sheet';

const ROWS = 3;

function block(letters: readonly Glyph[], style: Style): Block {
  const { features } = firstGlyphs(letters, style, new Random(1, 'sheet'), ROWS * NEW_LETTERS);
  return Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: NEW_LETTERS }, (_, i) => fromPatches(features, (row * NEW_LETTERS + i) * TOKENS * FEATURES)),
  );
}

const blocks = [block(baseAlphabet().slice(0, NEW_LETTERS), PLAIN), block(newAlphabet(), FOREIGN)];
writeSheet(process.argv[2] ?? 'data/glyphs-vit/letters.png', blocks, SIDE);

/**
 * DejaVu Sans, from the npm package `dejavu-fonts-ttf`: charts look the same on a machine without any font
 * installed, and text is measured with the font it is drawn in.
 */
import { dirname, join } from 'node:path';

const folder = join(dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf');

export const fontName = 'DejaVu Sans';

/** Paths of the faces used in charts. */
export const fontFiles = {
  regular: join(folder, 'DejaVuSans.ttf'),
  bold: join(folder, 'DejaVuSans-Bold.ttf'),
  italic: join(folder, 'DejaVuSans-Oblique.ttf'),
} as const;

/** Height above and below the baseline in units of the font size (the font's `hhea` table). */
export const ascent = 0.928;
export const descent = 0.236;

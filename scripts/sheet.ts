/** Contact sheets of small grey pictures, for the cards of the kit's models. */
import { writeFileSync } from 'node:fs';
import { createCanvas } from '@napi-rs/canvas';

const ZOOM = 2;
const GAP = 6;

/** Rows that belong together: one after the other, from the left. */
export type Block = readonly (readonly Float32Array[])[];

/** Writes a PNG of blocks of rows of pictures with `side` · `side` grey values between −1 and 1. */
export function writeSheet(path: string, blocks: readonly Block[], side: number): void {
  const cell = side * ZOOM + 2;
  const columns = Math.max(...blocks.flat().map((row) => row.length));
  const rows = blocks.reduce((sum, block) => sum + block.length, 0);
  const canvas = createCanvas(columns * cell, rows * cell + (blocks.length - 1) * GAP);
  const context = canvas.getContext('2d');
  context.fillStyle = '#335577';
  context.fillRect(0, 0, canvas.width, canvas.height);
  let top = 0;
  for (const block of blocks) {
    for (const row of block) {
      row.forEach((picture, column) => {
        picture.forEach((value, p) => {
          const grey = Math.max(0, Math.min(15, Math.round((value + 1) * 7.5))) * 17; // 16 levels keep the file small
          context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
          context.fillRect(column * cell + (p % side) * ZOOM, top + Math.floor(p / side) * ZOOM, ZOOM, ZOOM);
        });
      });
      top += cell;
    }
    top += GAP;
  }
  writeFileSync(path, canvas.toBuffer('image/png'));
}

/** Committed pictures and what other people's software makes of them (scripts/goldens/pictures.py). */
import { readFileSync } from 'node:fs';
import type { RgbPicture } from '../../src/formats/picture-file';
import { fixture } from './data';
import { fixturePath } from './files';

interface Golden {
  readonly files: Record<string, { width: number; height: number; rgb: string }>;
  readonly processors: readonly {
    readonly file: string;
    readonly config: Record<string, unknown>;
    readonly shape: readonly number[];
    readonly pixels: string;
  }[];
}

export const pictureGolden = fixture<Golden>('pictures/golden.json');

export const pictureBytes = (name: string) => readFileSync(fixturePath('pictures', name));

/** The pixels of a committed picture as Pillow reads them. */
export function goldenPicture(name: string): RgbPicture {
  const { width, height, rgb } = pictureGolden.files[name];
  return { width, height, data: new Uint8Array(Buffer.from(rgb, 'base64')) };
}

/** Largest difference of two lists of one length. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

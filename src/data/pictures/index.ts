/** Sets of generated pictures, each picture a function of (seed, split, index) alone. */
import type { Random } from '../../tensor/random';
import { toPatches } from '../glyphs/raster';
import { expose, PATCH, SIDE } from './canvas';
import type { PictureSet } from './set';
import { aerial } from './sets/aerial';
import { houseNumbers } from './sets/house-numbers';
import { land } from './sets/land';
import { scenes } from './sets/scenes';
import { signs } from './sets/signs';
import { textures } from './sets/textures';
import { vehicles } from './sets/vehicles';

export const TOKENS = (SIDE / PATCH) ** 2;
export const FEATURES = PATCH * PATCH;

/** The sets to adapt to; they stand in for Cars, DTD, EuroSAT, GTSRB, RESISC45, SUN397 and SVHN, in this order. */
export const transferSets = [vehicles, textures, land, signs, aerial, scenes, houseNumbers] as const;

export interface Pictures {
  /** [n, TOKENS, FEATURES] row-major. */
  readonly features: Float32Array;
  /** Class of every picture. */
  readonly labels: Int32Array;
}

/** The pictures numbered in `indices` of an endless set; picture i shows class i mod classes. */
export function drawPictures(set: PictureSet, random: Random, indices: readonly number[]): Pictures {
  const painters = Object.values(set.classes);
  const features = new Float32Array(indices.length * TOKENS * FEATURES);
  const labels = Int32Array.from(indices, (i) => i % painters.length);
  indices.forEach((index, row) => {
    const stream = random.fork(String(index));
    const pixels = expose(painters[labels[row]](stream), set.camera, stream);
    toPatches(pixels, features, row * TOKENS * FEATURES, SIDE, PATCH);
  });
  return { features, labels };
}

/** Pictures 0 … n − 1. */
export const firstPictures = (set: PictureSet, random: Random, n: number): Pictures =>
  drawPictures(
    set,
    random,
    Array.from({ length: n }, (_, i) => i),
  );

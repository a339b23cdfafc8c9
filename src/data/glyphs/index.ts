/** Sets of written glyphs, each image a function of (seed, split, index) alone. */
import { Random } from '../../tensor/random';
import { type Glyph, makeAlphabet } from './alphabet';
import { PATCH, SIDE, toPatches } from './raster';
import { drawGlyph, type Style } from './style';

export const TOKENS = (SIDE / PATCH) ** 2;
export const FEATURES = PATCH * PATCH;

/** Letters the base model was trained on. */
export const BASE_LETTERS = 60;
/** Letters of the adaptation task, none of them in the base alphabet. */
export const NEW_LETTERS = 24;

const ALPHABET_SEED = 20;

/** The alphabet of pretraining. */
export const baseAlphabet = (): Glyph[] => makeAlphabet(new Random(ALPHABET_SEED, 'base'), BASE_LETTERS, 24, 4);
/** The alphabet of the adaptation task: other strokes, other letters. */
export const newAlphabet = (): Glyph[] => makeAlphabet(new Random(ALPHABET_SEED, 'new'), NEW_LETTERS, 12, 4);

export interface GlyphSet {
  /** [n, TOKENS, FEATURES] row-major. */
  readonly features: Float32Array;
  /** Letter of each image: image i shows letter i mod letters. */
  readonly labels: Int32Array;
}

/** The images numbered in `indices` of an endless set. */
export function drawGlyphs(
  alphabet: readonly Glyph[],
  style: Style,
  random: Random,
  indices: readonly number[],
): GlyphSet {
  const features = new Float32Array(indices.length * TOKENS * FEATURES);
  const labels = Int32Array.from(indices, (i) => i % alphabet.length);
  indices.forEach((index, row) => {
    const pixels = drawGlyph(alphabet[labels[row]], style, random.fork(String(index)));
    toPatches(pixels, features, row * TOKENS * FEATURES);
  });
  return { features, labels };
}

/** Images 0 … n − 1. */
export const firstGlyphs = (alphabet: readonly Glyph[], style: Style, random: Random, n: number): GlyphSet =>
  drawGlyphs(
    alphabet,
    style,
    random,
    Array.from({ length: n }, (_, i) => i),
  );

/** What the base model is pretrained on: plain shapes, counts, gratings, blobs, splits and made-up letters. */
import { Random } from '../../../tensor/random';
import { flatten, makeAlphabet } from '../../glyphs/alphabet';
import { type Field, Picture, within } from '../canvas';
import { fractal, noise, shaded, wave } from '../fields';
import type { Painter, PictureSet } from '../set';
import { anyPose, bar, box, disc, minus, posed, regular, rim, type Shape, standing, star, union } from '../shapes';

const ALPHABET_SEED = 21;
const LETTERS = 16;

/** Two shades at least 0.35 apart. */
function shades(random: Random): readonly [ground: number, ink: number] {
  const ground = within(random, 0.1, 0.9);
  const gap = within(random, 0.35, 0.7);
  const ink = ground + gap <= 1 && (ground - gap < 0 || random.uniform() < 0.5) ? ground + gap : ground - gap;
  return [ground, Math.max(0, ink)];
}

const rough = (random: Random, middle: number) => shaded(middle, 0.08, noise(random, 4));

const shape =
  (make: (random: Random) => Shape, turn = 0.35): Painter =>
  (random) => {
    const [ground, ink] = shades(random);
    const pose = anyPose(random, 0.25, turn, [0.4, 0.75]);
    return new Picture(rough(random, ground)).fill(standing(make(random), pose), ink);
  };

const count =
  (n: number): Painter =>
  (random) => {
    const [ground, ink] = shades(random);
    const cells = random.permutation(9).slice(0, n);
    const at = (k: number) => (k - 1) * 0.62 + within(random, -0.08, 0.08);
    const discs = cells.map((k) => disc(at(k % 3), at(Math.floor(k / 3)), within(random, 0.14, 0.24)));
    return new Picture(rough(random, ground)).fill(union(...discs), ink);
  };

const grating =
  (direction: number, crests: readonly [number, number]): Painter =>
  (random) => {
    const lines = wave(within(random, ...crests), direction + within(random, -0.2, 0.2), within(random, 0, 6.3));
    return new Picture(shaded(within(random, 0.4, 0.6), within(random, 0.2, 0.4), lines));
  };

const blobs =
  (cells: number, octaves: number): Painter =>
  (random) =>
    new Picture(shaded(within(random, 0.4, 0.6), within(random, 0.35, 0.6), fractal(random, cells, octaves)));

const split =
  (angle: number): Painter =>
  (random) => {
    const [ground, ink] = shades(random);
    const half = box(0, 3, 9, 3);
    const pose = anyPose(random, 0.3, 0.25, [1, 1]);
    return new Picture(rough(random, ground)).fill(standing(half, { ...pose, angle: pose.angle + angle }), ink);
  };

const mixture =
  (first: Field, second: Field): Field =>
  (x, y) =>
    first(x, y) * second(x, y);

const alphabet = makeAlphabet(new Random(ALPHABET_SEED, 'pictures'), LETTERS, 12, 3);

const letter =
  (k: number): Painter =>
  (random) => {
    const [ground, ink] = shades(random);
    const map = posed(anyPose(random, 0.12, 0.25, [0.7, 0.95]));
    const lines = alphabet[k].map((stroke) => flatten(stroke, map));
    return new Picture(rough(random, ground)).lines(lines, within(random, 1.6, 3), ink);
  };

export const primitives: PictureSet = {
  name: 'primitives',
  title: 'Plain shapes, counts, gratings, blobs, splits and made-up letters',
  classes: {
    disc: shape(() => disc(0, 0, 1)),
    ring: shape(() => rim(disc(0, 0, 0.85), 0.16)),
    square: shape(() => box(0, 0, 0.85, 0.85)),
    frame: shape(() => rim(box(0, 0, 0.75, 0.75), 0.14)),
    triangle: shape(() => regular(3, 1.1)),
    'hollow triangle': shape(() => minus(regular(3, 1.25), regular(3, 0.6))),
    hexagon: shape(() => minus(regular(6, 1), disc(0, 0, 0.35))),
    star: shape(() => star(5, 1.1, 0.45)),
    plus: shape(() => union(box(0, 0, 1, 0.24), box(0, 0, 0.24, 1))),
    moon: shape(() => minus(disc(0, 0, 1), disc(0.55, -0.1, 0.8))),
    'lying bar': shape(() => bar([-1, 0], [1, 0], 0.24)),
    'standing bar': shape(() => bar([0, -1], [0, 1], 0.24)),
    angle: shape(() => union(bar([-0.7, -0.8], [-0.7, 0.7], 0.2), bar([-0.7, 0.7], [0.8, 0.7], 0.2))),
    arch: shape(() => minus(disc(0, 0.3, 1), union(disc(0, 0.3, 0.6), box(0, 1.3, 2, 1)))),
    one: count(1),
    two: count(2),
    three: count(3),
    four: count(4),
    six: count(6),
    'upright grating': grating(0, [2, 4]),
    'level grating': grating(Math.PI / 2, [2, 4]),
    'rising grating': grating(Math.PI / 4, [2, 4]),
    'falling grating': grating(-Math.PI / 4, [2, 4]),
    'fine upright grating': grating(0, [6, 9]),
    'fine level grating': grating(Math.PI / 2, [6, 9]),
    plaid: (random) => {
      const crests = within(random, 2.5, 5);
      const angle = within(random, -0.3, 0.3);
      const threads = mixture(wave(crests, angle, within(random, 0, 6)), wave(crests, angle + Math.PI / 2, 0));
      return new Picture(shaded(0.5, within(random, 0.3, 0.5), threads));
    },
    ripples: (random) => {
      const [x0, y0] = random.uniforms(2, -0.4, 0.4);
      const crests = within(random, 9, 14);
      return new Picture(shaded(0.5, 0.35, (x, y) => Math.sin(crests * Math.hypot(x - x0, y - y0))));
    },
    'coarse blobs': blobs(2.5, 1),
    'middling blobs': blobs(5, 1),
    'fine blobs': blobs(10, 1),
    'rough blobs': blobs(3, 3),
    'top and bottom': split(0),
    'left and right': split(Math.PI / 2),
    corner: split(Math.PI / 4),
    ...Object.fromEntries(alphabet.map((_, k) => [`letter ${k + 1}`, letter(k)])),
  },
  camera: { contrast: [0.6, 1], inverted: 0, gradient: 0.15, noise: 0.08 },
};

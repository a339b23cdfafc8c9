/** Land cover from above, as patches of noise, rows and boxes; 10 m a pixel, one kind a picture. */
import type { Random } from '../../../tensor/random';
import { type Field, Picture, within } from '../canvas';
import { fractal, fraction, noise, shaded, step, turned, wave } from '../fields';
import type { Painter, PictureSet } from '../set';
import { anyPose, bar, box, disc, type Shape, standing, union } from '../shapes';

const anywhere = (random: Random) => random.uniforms(2, -1, 1);
const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** Rows of plants: waves along any direction, broken by noise. */
const rows = (random: Random, crests: number): Field => {
  const ridge = wave(crests, within(random, 0, Math.PI), within(random, 0, 6));
  const patchy = noise(random, 5);
  return (x, y) => ridge(x, y) * (0.75 + 0.25 * patchy(x, y));
};

/** Parcels: a bent grid whose fields have a shade each. */
function parcels(random: Random, across: number, inside: (k: number) => Field): Field {
  const shades = random.uniforms(64, 0.25, 0.85);
  const insides = Array.from({ length: 64 }, (_, k) => inside(k));
  return turned(
    (x, y) => {
      const k = 8 * (Math.floor((y + 2) * across) % 8) + (Math.floor((x + 2) * across) % 8);
      return shades[k] + insides[k](x, y);
    },
    within(random, 0, Math.PI),
    within(random, 0, 0.5),
    within(random, 0, 0.5),
  );
}

const meadow = (random: Random, middle = 0.55): Picture => new Picture(shaded(middle, 0.12, fractal(random, 3, 2)));

/** A winding band across the picture. */
function band(random: Random, half: number, bend: number): Shape {
  const winding = noise(random, 3);
  const pose = anyPose(random, 0.35, Math.PI, [1, 1]);
  return standing((x, y) => Math.abs(y - bend * winding(x * 0.7, 0)) - half, pose);
}

const crops: Painter = (random) => {
  const directions = many(64, () => rows(random, within(random, 8, 12)));
  return new Picture(parcels(random, 0.8, (k) => (x, y) => 0.12 * directions[k](x, y)));
};

const built = (random: Random, across: number, half: readonly [number, number], empty: number): Picture => {
  const houses: Shape[] = [];
  for (let i = 0; i < across * across; i++) {
    if (random.uniform() < empty) continue;
    const cell = (k: number) => (2 * (k + 0.5)) / across - 1 + within(random, -0.06, 0.06);
    const [x, y] = [cell(i % across), cell(Math.floor(i / across))];
    houses.push(box(x, y, within(random, ...half), within(random, ...half)));
  }
  const angle = within(random, 0, Math.PI);
  const shade = shaded(0.85, 0.15, noise(random, 7));
  return meadow(random, 0.4).fill(standing(union(...houses), { x: 0, y: 0, angle, scale: 1.2 }), shade);
};

export const land: PictureSet = {
  name: 'land',
  title: 'Land cover from above',
  classes: {
    'annual crops': crops,
    forest: (random) => new Picture(shaded(0.3, 0.35, fractal(random, 9, 2))),
    vegetation: (random) => new Picture(shaded(0.45, 0.4, fractal(random, 4, 2))),
    highway: (random) => {
      const picture = new Picture(parcels(random, 0.6, () => () => 0));
      const road = standing(bar([-3, 0], [3, 0], 0.09), anyPose(random, 0.4, Math.PI, [1, 1]));
      return picture.fill(road, 0.98);
    },
    industry: (random) => built(random, 3, [0.18, 0.3], 0.15),
    pasture: (random) => {
      const trees = many(3 + random.int(5), () => disc(...(anywhere(random) as unknown as [number, number]), 0.08));
      return meadow(random, 0.65).fill(union(...trees), 0.2);
    },
    orchard: (random) => {
      const period = within(random, 2.2, 3);
      const tree: Field = (x, y) => step(0.3 - Math.hypot(fraction(x) - 0.5, fraction(y) - 0.5), 0.3);
      const grove = turned((x, y) => tree(x * period, y * period), within(random, 0, 1.6), 0, 0);
      const patchy = noise(random, 4);
      return new Picture((x, y) => 0.7 - (0.4 + 0.15 * patchy(x, y)) * grove(x, y));
    },
    housing: (random) => built(random, 6, [0.06, 0.11], 0.2),
    river: (random) => meadow(random).fill(band(random, within(random, 0.14, 0.26), 0.7), 0.12),
    lake: (random) => {
      const shore = noise(random, 3);
      const level = within(random, -0.4, 0.2);
      const slope = turned((x) => x, within(random, 0, 6.3), 0, 0);
      return meadow(random).fill((x, y) => slope(x, y) + 0.5 * shore(x, y) + level, 0.15);
    },
    scrub: (random) => {
      const thicket = fractal(random, 7, 2);
      return meadow(random, 0.7).fill((x, y) => 0.3 * (0.25 - thicket(x, y)), 0.25);
    },
    canal: (random) => {
      const pose = anyPose(random, 0.4, Math.PI, [1, 1]);
      const picture = new Picture(parcels(random, 0.8, () => () => 0));
      return picture.fill(standing(bar([-3, 0], [3, 0], 0.16), pose), 0.12);
    },
  },
  camera: { contrast: [0.45, 0.9], inverted: 0, gradient: 0.2, noise: 0.15 },
};

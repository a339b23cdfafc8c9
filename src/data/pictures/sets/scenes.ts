/** Scenes: what stands on, over or before a horizon. */
import type { Random } from '../../../tensor/random';
import { Picture, within } from '../canvas';
import { fractal, noise, shaded, wave } from '../fields';
import type { Painter, PictureSet } from '../set';
import { bar, below, box, disc, minus, polygon, type Shape, union } from '../shapes';

/** A sky over ground, and the height of the horizon. */
function open(random: Random, ground: number, low = -0.05, high = 0.35): { picture: Picture; horizon: number } {
  const horizon = within(random, low, high);
  const sky = shaded(within(random, 0.65, 0.9), 0.15, fractal(random, 3, 2));
  const floor = shaded(ground, 0.12, fractal(random, 5, 2));
  return { picture: new Picture(sky).fill(box(0, 2 + horizon, 4, 2), floor), horizon };
}

/** A ridge: peaks joined by lines. */
function ridge(random: Random, horizon: number, peaks: number, low: number, high: number): Shape {
  const points: [number, number][] = [[-1.2, horizon]];
  for (let k = 0; k < peaks; k++) {
    const x = -1 + (2 * (k + 0.5)) / peaks;
    points.push([x + within(random, -0.1, 0.1), horizon - within(random, low, high)]);
    points.push([x + 1 / peaks, horizon - within(random, 0, low / 2)]);
  }
  points.push([1.2, horizon]);
  return polygon(points);
}

const hills = (random: Random, horizon: number): Shape => {
  const [a, b] = [noise(random, 3), within(random, 0, 6)];
  return below((x) => horizon - 0.18 + 0.16 * Math.sin(2.2 * x + b) + 0.1 * a(x, 0));
};

function house(x: number, foot: number, size: number): { walls: Shape; roof: Shape } {
  const corners: [number, number][] = [
    [x - size * 1.25, foot - size * 1.2],
    [x, foot - size * 2.1],
    [x + size * 1.25, foot - size * 1.2],
  ];
  return { walls: box(x, foot - size * 0.6, size, size * 0.6), roof: polygon(corners) };
}

// biome-ignore format: four points
/** Points outside the picture's corners. */
const BEYOND: readonly [number, number][] = [[-1.4, -1.4], [1.4, -1.4], [-1.4, 1.4], [1.4, 1.4]];

/** Lines from the frame to a vanishing point. */
const towards = (vx: number, vy: number, ends: readonly [number, number][]): Shape[] =>
  ends.map((end) => bar([vx, vy], end, 0.035));

const trunks = (random: Random, count: number, half: number): Shape =>
  union(
    ...Array.from({ length: count }, (_, k) => {
      const x = -1 + (2 * (k + within(random, 0.2, 0.8))) / count;
      return bar([x, -1.2], [x + within(random, -0.1, 0.1), within(random, 0.3, 0.9)], half);
    }),
  );

const towers = (random: Random, horizon: number): Shape =>
  union(
    ...Array.from({ length: 7 }, (_, k) => {
      const height = within(random, 0.1, 0.4);
      return box(-0.95 + k * 0.32, horizon - height, within(random, 0.1, 0.16), height);
    }),
  );

const vanishing = (random: Random) => [within(random, -0.25, 0.25), within(random, -0.25, 0.15)] as const;

const painters: Readonly<Record<string, Painter>> = {
  sea: (random) => {
    const { picture, horizon } = open(random, 0.35);
    const swell = wave(within(random, 6, 9), Math.PI / 2, within(random, 0, 6));
    return picture.fill(box(0, 2 + horizon, 4, 2), shaded(0.35, 0.14, swell));
  },
  sunset: (random) => {
    const { picture, horizon } = open(random, 0.3);
    const x = within(random, -0.5, 0.5);
    picture.fill(minus(disc(x, horizon, within(random, 0.25, 0.4)), box(0, 2 + horizon, 4, 2)), 0.15);
    return picture.fill(box(x, horizon + 0.5, 0.07, 0.5), 0.55);
  },
  beach: (random) => {
    const { picture, horizon } = open(random, 0.3, -0.3, 0);
    const [tilt, shore] = [within(random, -0.5, 0.5), within(random, 0.25, 0.5)];
    return picture.fill(
      below((x) => horizon + shore + tilt * x),
      0.85,
    );
  },
  mountains: (random) => {
    const { picture, horizon } = open(random, 0.5);
    return picture.fill(ridge(random, horizon, 3, 0.4, 0.8), 0.25);
  },
  hills: (random) => {
    const { picture, horizon } = open(random, 0.5);
    return picture.fill(hills(random, horizon), 0.35);
  },
  dunes: (random) => {
    const { picture, horizon } = open(random, 0.75);
    picture.fill(hills(random, horizon), 0.75);
    return picture.fill(hills(random, horizon + 0.4), 0.5).fill(hills(random, horizon + 0.75), 0.8);
  },
  forest: (random) => {
    const picture = new Picture(shaded(0.65, 0.2, fractal(random, 4, 2))).fill(box(0, 1.3, 3, 0.6), 0.4);
    return picture.fill(trunks(random, 6, within(random, 0.06, 0.1)), 0.15);
  },
  city: (random) => {
    const { picture, horizon } = open(random, 0.45, 0.2, 0.5);
    return picture.fill(towers(random, horizon), 0.25);
  },
  village: (random) => {
    const { picture, horizon } = open(random, 0.5, 0.2, 0.5);
    for (let k = 0; k < 3; k++) {
      const { walls, roof } = house(-0.65 + k * 0.65, horizon + within(random, 0.02, 0.2), within(random, 0.16, 0.24));
      picture.fill(walls, 0.9).fill(roof, 0.2);
    }
    return picture;
  },
  cottage: (random) => {
    const { picture, horizon } = open(random, 0.5);
    const { walls, roof } = house(within(random, -0.3, 0.3), horizon + 0.25, within(random, 0.34, 0.45));
    return picture.fill(walls, 0.9).fill(roof, 0.2);
  },
  road: (random) => {
    const { picture, horizon } = open(random, 0.6);
    const x = within(random, -0.4, 0.4);
    // biome-ignore format: its corners on one line
    const surface = polygon([[x - 0.03, horizon], [x + 0.03, horizon], [0.75, 1.2], [-0.75, 1.2]]);
    return picture.fill(surface, 0.2);
  },
  street: (random) => {
    const { picture } = open(random, 0.5);
    const [vx, vy] = vanishing(random);
    // biome-ignore format: its corners on one line
    const side = (s: number) => polygon([[vx + 0.06 * s, vy - 0.05], [vx + 0.06 * s, vy + 0.05], [1.2 * s, 0.9], [1.2 * s, -1.3]]);
    return picture.fill(side(-1), 0.25).fill(side(1), 0.35);
  },
  corridor: (random) => {
    const [vx, vy] = vanishing(random);
    const picture = new Picture(shaded(0.65, 0.08, noise(random, 4)));
    const far = within(random, 0.12, 0.2);
    const rays = towards(vx, vy, BEYOND);
    return picture.fill(union(...rays), 0.2).fill(box(vx, vy, far, far), 0.15);
  },
  room: (random) => {
    const [vx, vy] = vanishing(random);
    const picture = new Picture(shaded(0.65, 0.08, noise(random, 4)));
    const rays = towards(vx, vy, BEYOND);
    const wall = box(vx, vy, 0.55, 0.5);
    const window = box(vx + within(random, -0.25, 0.25), vy - 0.1, 0.15, 0.18);
    return picture
      .fill(union(...rays), 0.2)
      .fill(wall, 0.5)
      .fill(window, 0.95);
  },
  lighthouse: (random) => {
    const { picture, horizon } = open(random, 0.3, 0.2, 0.5);
    const x = within(random, -0.5, 0.5);
    picture.fill(disc(x, horizon + 0.2, 0.35), 0.35).fill(box(x, horizon - 0.45, 0.1, 0.5), 0.95);
    return picture.fill(box(x, horizon - 0.5, 0.1, 0.12), 0.25).fill(disc(x, horizon - 0.98, 0.12), 0.2);
  },
  bridge: (random) => {
    const { picture, horizon } = open(random, 0.35);
    const deck = horizon - within(random, 0.2, 0.35);
    const arches = union(...[-0.85, 0, 0.85].map((x) => disc(x, deck + 0.45, 0.33)));
    return picture.fill(minus(box(0, deck + 0.22, 3, 0.24), arches), 0.15);
  },
};

/** The scene behind up to four things that stand before the camera. */
const obstructed =
  (paint: Painter): Painter =>
  (random) => {
    const picture = paint(random);
    for (let k = random.int(5); k > 0; k--) {
      const [x, y] = random.uniforms(2, -1, 1);
      const [half, height] = [within(random, 0.06, 0.16), within(random, 0.1, 0.4)];
      picture.fill(bar([x, y], [x, y + height], half), within(random, 0, 1));
    }
    return picture;
  };

export const scenes: PictureSet = {
  name: 'scenes',
  title: 'Scenes around a horizon',
  classes: Object.fromEntries(Object.entries(painters).map(([name, paint]) => [name, obstructed(paint)])),
  camera: { contrast: [0.4, 0.85], inverted: 0, gradient: 0.3, noise: 0.16 },
};

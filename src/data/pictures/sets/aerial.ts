/** Places from the air: layouts of roads, roofs and fields, turned any way. */
import type { Random } from '../../../tensor/random';
import { Picture, type Shade } from '../canvas';
import { fractal, shaded } from '../fields';
import type { Painter, PictureSet } from '../set';
import { anyPose, bar, box, disc, minus, type Point, rim, type Shape, standing, star, union } from '../shapes';

/** One layer of a place: a shape and its brightness. */
type Layer = readonly [shape: Shape, shade: Shade];

/** A place on rough ground of the given brightness, seen from any side. */
const place =
  (ground: number, layers: (random: Random) => readonly Layer[]): Painter =>
  (random) => {
    const picture = new Picture(shaded(ground, 0.22, fractal(random, 4, 2)));
    const pose = anyPose(random, 0.15, Math.PI, [0.8, 1.05]);
    for (const [shape, shade] of layers(random)) picture.fill(standing(shape, pose), shade);
    return picture;
  };

const road = (from: Point, to: Point, half = 0.11) => bar(from, to, half);

/** Things on a grid: each cell's centre shaken, some cells left out. */
function scattered(random: Random, across: number, shake: number, missing: number, make: (p: Point) => Shape): Shape {
  const things: Shape[] = [];
  for (let i = 0; i < across * across; i++) {
    const [dx, dy] = random.uniforms(2, -shake, shake);
    const at = (k: number) => (2 * (k + 0.5)) / across - 1;
    if (random.uniform() >= missing) things.push(make([at(i % across) + dx, at(Math.floor(i / across)) + dy]));
  }
  return union(...things);
}

const house = ([x, y]: Point): Shape => box(x, y, 0.11, 0.08);

export const aerial: PictureSet = {
  name: 'aerial',
  title: 'Places from the air',
  classes: {
    runway: place(0.5, () => [
      [road([-2, 0], [2, 0], 0.2), 0.2],
      [union(...[-0.8, -0.4, 0, 0.4, 0.8].map((x) => box(x, 0, 0.11, 0.04))), 0.95],
    ]),
    road: place(0.5, () => [[road([-2, 0], [2, 0]), 0.85]]),
    crossroads: place(0.5, () => [[union(road([-2, 0], [2, 0]), road([0, -2], [0, 2])), 0.85]]),
    junction: place(0.5, () => [[union(road([-2, 0], [2, 0]), road([0, 0], [0, 2])), 0.85]]),
    roundabout: place(0.5, () => [
      [union(road([-2, 0], [2, 0]), road([0, -2], [0, 2]), disc(0, 0, 0.5)), 0.85],
      [disc(0, 0, 0.27), 0.4],
    ]),
    bridge: place(0.5, () => [
      [box(0, 0, 0.42, 3), 0.1],
      [road([-2, 0], [2, 0]), 0.85],
    ]),
    railway: place(0.5, () => [
      [box(0, 0, 3, 0.26), 0.25],
      [union(box(0, 0.14, 3, 0.05), box(0, -0.14, 3, 0.05)), 0.9],
    ]),
    'dense housing': place(0.35, (random) => [[scattered(random, 6, 0.03, 0.08, house), 0.85]]),
    'sparse housing': place(0.45, (random) => [[scattered(random, 4, 0.14, 0.6, house), 0.85]]),
    'round fields': place(0.7, (random) => [[scattered(random, 2, 0.03, 0, ([x, y]) => disc(x, y, 0.42)), 0.3]]),
    'square fields': place(0.7, (random) => [[scattered(random, 2, 0.03, 0, ([x, y]) => box(x, y, 0.4, 0.4)), 0.3]]),
    'oil tanks': place(0.4, (random) => [[scattered(random, 3, 0.05, 0.2, ([x, y]) => disc(x, y, 0.24)), 0.9]]),
    stadium: place(0.4, () => {
      const oval = bar([-0.3, 0], [0.3, 0], 0.55);
      return [
        [oval, 0.9],
        [bar([-0.3, 0], [0.3, 0], 0.28), 0.3],
      ];
    }),
    track: place(0.5, () => [[rim(bar([-0.35, 0], [0.35, 0], 0.5), 0.08), 0.9]]),
    island: place(0.12, (random) => {
      const shore = fractal(random, 4, 2);
      const land: Shape = (x, y) => Math.hypot(x, y) - 0.5 - 0.28 * shore(x, y);
      return [[land, 0.85]];
    }),
    harbour: place(0.12, (random) => [
      [box(0, -1.2, 3, 0.5), 0.75],
      [union(...[-0.6, 0, 0.6].map((x) => box(x, -0.1, 0.05, 0.65))), 0.75],
      [scattered(random, 5, 0.04, 0.55, ([x, y]) => box(x, 0.1 + y / 2, 0.1, 0.05)), 0.95],
    ]),
    'car park': place(0.3, (random) => [
      [union(...[-0.75, -0.25, 0.25, 0.75].map((y) => box(0, y, 0.95, 0.03))), 0.7],
      [scattered(random, 8, 0.01, 0.4, ([x, y]) => box(x, y, 0.07, 0.1)), 0.95],
    ]),
    'tennis court': place(0.4, () => [
      [box(0, 0, 0.85, 0.55), 0.25],
      [rim(box(0, 0, 0.62, 0.36), 0.045), 0.95],
      [union(box(0, 0, 0.045, 0.4), box(0, 0, 0.36, 0.045)), 0.95],
    ]),
    fort: place(0.5, () => [[minus(star(5, 0.95, 0.5), star(5, 0.5, 0.27)), 0.9]]),
    golf: place(0.35, (random) => [
      [scattered(random, 2, 0.2, 0.25, ([x, y]) => bar([x - 0.1, y], [x + 0.15, y + 0.1], 0.24)), 0.65],
      [scattered(random, 2, 0.3, 0.1, ([x, y]) => disc(x, y, 0.11)), 0.98],
    ]),
  },
  camera: { contrast: [0.4, 0.9], inverted: 0, gradient: 0.25, noise: 0.15 },
};

/** Vehicles from the side, by the parameters of their outline. */
import type { Random } from '../../../tensor/random';
import { Picture, within } from '../canvas';
import { noise, shaded } from '../fields';
import type { Painter, PictureSet } from '../set';
import { box, disc, type Point, type Pose, polygon, type Shape, standing, union } from '../shapes';

/** Outline of a body over its floor, front to the right; heights up from the road's height. */
interface Body {
  readonly length: number;
  readonly bonnet: number;
  /** Foot of the windscreen, front and rear end of the roof, foot of the rear window: x. */
  readonly screen: readonly [foot: number, front: number, rear: number, back: number];
  readonly roof: number;
  readonly boot: number;
  /** Windows from … to, as x, and how many. */
  readonly windows: readonly [from: number, to: number, count: number];
  /** x and radius of the wheels. */
  readonly wheels: readonly (readonly [x: number, r: number])[];
  /** Anything more: boxes by left, right, bottom and top. */
  readonly boxes?: readonly (readonly [number, number, number, number])[];
}

const pair = (x: number, r = 0.15): [number, number][] => [
  [-x, r],
  [x, r],
];

// biome-ignore format: a table of outlines
const BODIES: Readonly<Record<string, Body>> = {
  saloon: { length: 0.88, bonnet: 0.28, screen: [0.38, 0.18, -0.28, -0.52], roof: 0.52, boot: 0.3, windows: [-0.36, 0.24, 2], wheels: pair(0.55) },
  estate: { length: 0.88, bonnet: 0.28, screen: [0.38, 0.18, -0.78, -0.86], roof: 0.52, boot: 0.3, windows: [-0.76, 0.24, 3], wheels: pair(0.55) },
  hatchback: { length: 0.66, bonnet: 0.3, screen: [0.32, 0.12, -0.5, -0.64], roof: 0.56, boot: 0.3, windows: [-0.48, 0.18, 2], wheels: pair(0.42) },
  coupe: { length: 0.88, bonnet: 0.24, screen: [0.24, -0.04, -0.26, -0.82], roof: 0.46, boot: 0.26, windows: [-0.4, 0.02, 1], wheels: pair(0.56) },
  roadster: { length: 0.84, bonnet: 0.26, screen: [0.2, 0.1, 0.06, 0.14], roof: 0.46, boot: 0.27, windows: [0, 0, 0], wheels: pair(0.54, 0.17) },
  'off-roader': { length: 0.74, bonnet: 0.42, screen: [0.34, 0.26, -0.7, -0.73], roof: 0.7, boot: 0.42, windows: [-0.64, 0.24, 2], wheels: pair(0.46, 0.21) },
  pickup: { length: 0.92, bonnet: 0.34, screen: [0.46, 0.3, -0.04, -0.08], roof: 0.62, boot: 0.3, windows: [-0.02, 0.32, 1], wheels: pair(0.6, 0.18) },
  van: { length: 0.86, bonnet: 0.36, screen: [0.7, 0.46, -0.85, -0.86], roof: 0.82, boot: 0.6, windows: [0.24, 0.52, 1], wheels: pair(0.56) },
  minibus: { length: 0.86, bonnet: 0.36, screen: [0.7, 0.46, -0.85, -0.86], roof: 0.82, boot: 0.6, windows: [-0.78, 0.52, 4], wheels: pair(0.56) },
  bus: { length: 0.96, bonnet: 0.5, screen: [0.95, 0.92, -0.95, -0.96], roof: 0.92, boot: 0.6, windows: [-0.88, 0.88, 6], wheels: pair(0.62) },
  lorry: { length: 0.94, bonnet: 0.4, screen: [0.94, 0.84, 0.5, 0.48], roof: 0.74, boot: 0.14, windows: [0.64, 0.86, 1], wheels: [[-0.7, 0.14], [-0.38, 0.14], [0.68, 0.14]], boxes: [[-0.94, 0.4, 0.16, 0.96]] },
  flatbed: { length: 0.94, bonnet: 0.4, screen: [0.94, 0.84, 0.5, 0.48], roof: 0.74, boot: 0.14, windows: [0.64, 0.86, 1], wheels: [[-0.7, 0.14], [-0.38, 0.14], [0.68, 0.14]], boxes: [[-0.9, -0.3, 0.16, 0.4], [-0.1, 0.3, 0.16, 0.4]] },
};

const FLOOR = 0.06;

function outline(body: Body, random: Random): Shape {
  const shaken = (v: number) => v + 0.025 * random.normal();
  const { length, bonnet, roof, boot } = body;
  const [foot, front, rear, back] = body.screen;
  const points: Point[] = [
    [length, -FLOOR],
    [length, -shaken(bonnet - 0.04)],
    [foot, -shaken(bonnet)],
    [front, -roof],
    [rear, -roof],
    [back, -shaken(boot)],
    [-length, -shaken(boot - 0.03)],
    [-length, -FLOOR],
  ];
  const boxes = (body.boxes ?? []).map(([l, r, b, t]) => box((l + r) / 2, -(b + t) / 2, (r - l) / 2, (t - b) / 2));
  return union(polygon(points.map(([x, y]): Point => [shaken(x), y])), ...boxes);
}

function windowsOf({ windows: [from, to, count], roof, bonnet }: Body): Shape[] {
  const pane = (to - from) / Math.max(1, count);
  const [top, bottom] = [roof - 0.06, Math.max(bonnet, roof - 0.3) + 0.03];
  return Array.from({ length: count }, (_, k) =>
    box(from + (k + 0.5) * pane, -(top + bottom) / 2, pane / 2 - 0.035, (top - bottom) / 2),
  );
}

const vehicle =
  (body: Body): Painter =>
  (random) => {
    const ground = within(random, 0.35, 0.6);
    const sky = shaded(within(random, 0.55, 0.8), 0.18, noise(random, 5));
    const picture = new Picture(sky).fill(box(0, 1 + ground, 2, 1), within(random, 0.3, 0.5));
    const pose: Pose = {
      x: within(random, -0.12, 0.12),
      y: ground,
      angle: within(random, -0.12, 0.12),
      scale: within(random, 0.8, 1),
      mirrored: random.uniform() < 0.5,
    };
    const paint = random.uniform() < 0.5 ? within(random, 0, 0.25) : within(random, 0.85, 1);
    picture.fill(standing(outline(body, random), pose), paint);
    picture.fill(standing(union(...windowsOf(body)), pose), paint < 0.5 ? 0.65 : 0.25);
    const hubs = body.wheels.map(([x, r]) => disc(x, -0.06, r));
    return picture
      .fill(standing(union(...hubs), pose), 0.02)
      .fill(standing(union(...body.wheels.map(([x, r]) => disc(x, -0.06, r * 0.4))), pose), 0.6);
  };

export const vehicles: PictureSet = {
  name: 'vehicles',
  title: 'Vehicles from the side',
  classes: Object.fromEntries(Object.entries(BODIES).map(([name, body]) => [name, vehicle(body)])),
  camera: { contrast: [0.6, 1], inverted: 0, gradient: 0.2, noise: 0.12 },
};

/** Traffic signs: six symbols on four plates. */
import { Picture, within } from '../canvas';
import { fractal, shaded } from '../fields';
import type { Painter, PictureSet } from '../set';
import { anyPose, disc, posed, regular, type Shape, standing } from '../shapes';
import { drawn, type Figure, SYMBOLS } from '../strokes';

interface Plate {
  readonly shape: Shape;
  /** Brightness of rim, face and symbol, in units of the paint's range. */
  readonly shades: readonly [rim: number, face: number, symbol: number];
  /** Symbol's size and drop. */
  readonly fit: readonly [scale: number, drop: number];
}

// biome-ignore format: a table of plates
const PLATES: Readonly<Record<string, Plate>> = {
  disc: { shape: disc(0, 0, 0.9), shades: [0.15, 0.95, 0.05], fit: [0.9, 0] },
  triangle: { shape: regular(3, 1.1), shades: [0.15, 0.95, 0.05], fit: [0.62, 0.12] },
  octagon: { shape: standing(regular(8, 0.95), { x: 0, y: 0, angle: Math.PI / 8, scale: 1 }), shades: [0.95, 0.15, 0.95], fit: [0.9, 0] },
  diamond: { shape: regular(4, 1.1), shades: [0.05, 0.75, 0.05], fit: [0.72, 0] },
};

const sign =
  ({ shape, shades: [rim, face, symbol], fit: [size, drop] }: Plate, figure: Figure): Painter =>
  (random) => {
    const street = shaded(within(random, 0.3, 0.7), 0.3, fractal(random, 3, 3));
    const pose = anyPose(random, 0.18, 0.22, [0.6, 0.85]);
    const soil = shaded(0, 0.2, fractal(random, 4, 2));
    const dirty = (shade: number) => (x: number, y: number) => shade + soil(x, y);
    const map = posed(pose);
    const lines = drawn(figure, (u, v) => map(size * u, size * v + drop));
    return new Picture(street)
      .fill(standing(shape, pose), dirty(rim))
      .fill(
        standing((x, y) => shape(x, y) + 0.16, pose),
        dirty(face),
      )
      .lines(lines, within(random, 1.6, 2.6) * pose.scale * 1.2, dirty(symbol));
  };

const pairs = Object.entries(PLATES).flatMap(([plate, how]) =>
  Object.entries(SYMBOLS).map(([symbol, figure]) => [`${plate} ${symbol}`, sign(how, figure)] as const),
);

export const signs: PictureSet = {
  name: 'signs',
  title: 'Traffic signs',
  classes: Object.fromEntries(pairs),
  camera: { contrast: [0.3, 0.9], inverted: 0, gradient: 0.3, noise: 0.12 },
};

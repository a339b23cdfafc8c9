/** A grey picture of 28 × 28 pixels, painted shape by shape. Coordinates are [−1, 1]², x right, y down. */
import type { Random } from '../../tensor/random';
import { type Polyline, rasterise } from '../glyphs/raster';
import type { Shape } from './shapes';

/** Side of a picture in pixels. */
export const SIDE = 28;
/** Side of a patch: 4 × 4 patches of 49 pixels make a picture's 16 tokens. */
export const PATCH = 7;

/** Brightness at a point; 0 is black, 1 white. */
export type Field = (x: number, y: number) => number;
export type Shade = number | Field;

/** A draw of U(low, high). */
export const within = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

/** Coordinate of a row's or column's middle. */
const PLACES = Float64Array.from({ length: SIDE }, (_, pixel) => (2 * (pixel + 0.5)) / SIDE - 1);

export class Picture {
  /** [SIDE · SIDE] row-major. */
  readonly pixels = new Float64Array(SIDE * SIDE);

  constructor(background: Shade) {
    this.mix(() => 1, background);
  }

  /** Moves every pixel towards the shade by a share. */
  private mix(share: (x: number, y: number, i: number) => number, shade: Shade): this {
    const field = typeof shade === 'number' ? () => shade : shade;
    for (let i = 0; i < SIDE * SIDE; i++) {
      const x = PLACES[i % SIDE];
      const y = PLACES[Math.floor(i / SIDE)];
      const weight = share(x, y, i);
      if (weight > 0) this.pixels[i] += weight * (field(x, y) - this.pixels[i]);
    }
    return this;
  }

  /** Paints a shape; its edge falls linearly over one pixel. */
  fill(shape: Shape, shade: Shade): this {
    return this.mix((x, y) => Math.min(1, Math.max(0, 0.5 - (shape(x, y) * SIDE) / 2)), shade);
  }

  /** Paints lines of the given thickness in pixels. */
  lines(lines: readonly Polyline[], thickness: number, shade: Shade): this {
    const ink = rasterise(lines, thickness, SIDE);
    return this.mix((_x, _y, i) => ink[i], shade);
  }
}

/** How a picture is taken. */
export interface Camera {
  /** Factor on the picture's contrast, from … to. */
  readonly contrast: readonly [low: number, high: number];
  /** Probability that bright and dark change places. */
  readonly inverted: number;
  /** Largest slope of additional brightness across the picture. */
  readonly gradient: number;
  /** Standard deviation of pixel noise. */
  readonly noise: number;
}

/** Grey values around 0, within about [−1, 1] before noise: [SIDE · SIDE] row-major. */
export function expose({ pixels }: Picture, camera: Camera, random: Random): Float64Array {
  const sign = random.uniform() < camera.inverted ? -1 : 1;
  const gain = 2 * sign * within(random, ...camera.contrast);
  const [slopeX, slopeY] = random.uniforms(2, -camera.gradient, camera.gradient);
  return pixels.map((value, i) => {
    const light = slopeX * PLACES[i % SIDE] + slopeY * PLACES[Math.floor(i / SIDE)];
    return gain * (value - 0.5) + light + camera.noise * random.normal();
  });
}

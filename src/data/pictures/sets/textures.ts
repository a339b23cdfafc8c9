/** Textures: one pattern over the whole picture, at any turn and a range of sizes. */
import type { Random } from '../../../tensor/random';
import { type Field, Picture, within } from '../canvas';
import { fractal, fraction, noise, shaded, step, turned } from '../fields';
import type { Painter, PictureSet } from '../set';
import type { Point } from '../shapes';

/** A field in [0, 1] of coordinates in periods, and its number of periods over half a picture, from … to. */
const pattern =
  (make: (random: Random) => Field, periods: readonly [number, number], upright = false): Painter =>
  (random) => {
    const field = make(random);
    const scale = within(random, ...periods);
    const angle = upright ? within(random, -0.3, 0.3) : within(random, 0, Math.PI);
    const [dx, dy] = random.uniforms(2, 0, 1);
    const warp = noise(random, 2);
    const sheet = turned((x, y) => field(x * scale + 9 + dx, y * scale + 9 + dy), angle, 0, 0);
    const light = shaded(0, 0.12, noise(random, 3));
    return new Picture((x, y) => {
      const bent = 0.06 * warp(x, y);
      return 0.12 + 0.76 * Math.min(1, Math.max(0, sheet(x + bent, y - bent))) + light(x, y);
    });
  };

const near = (v: number, middle = 0.5) => Math.abs(fraction(v) - middle);

/** Distance to the nearest of scattered points, one a cell, and to the second nearest. */
function cells(random: Random, jitter: number): (x: number, y: number) => readonly [number, number] {
  const side = 24;
  const offsets = random.uniforms(2 * side * side, 0.5 - jitter / 2, 0.5 + jitter / 2);
  return (x, y) => {
    let [first, second] = [9, 9];
    const [column, row] = [Math.floor(x), Math.floor(y)];
    for (let j = row - 1; j <= row + 1; j++) {
      for (let i = column - 1; i <= column + 1; i++) {
        const k = 2 * ((((j % side) + side) % side) * side + (((i % side) + side) % side));
        const [px, py]: Point = [i + offsets[k], j + offsets[k + 1]];
        const d = Math.hypot(x - px, y - py);
        if (d < first) [first, second] = [d, first];
        else if (d < second) second = d;
      }
    }
    return [first, second];
  };
}

const brick: Field = (x, y) => {
  const row = Math.floor(y * 1.6);
  const joint = Math.min(near(y * 1.6, 0), 1 - near(y * 1.6, 0));
  const across = fraction(x * 0.8 + (row % 2) * 0.5);
  return step(Math.min(joint * 0.7, Math.min(across, 1 - across) * 1.4) - 0.1, 0.12);
};

export const textures: PictureSet = {
  name: 'textures',
  title: 'Textures',
  classes: {
    striped: pattern(() => (x) => step(near(x) - 0.25, 0.3), [2.2, 4]),
    banded: pattern(() => (x) => 0.8 * step(near(x) - 0.25, 0.2) + 0.4 * step(near(2 * x) - 0.3, 0.2), [1.2, 2.2]),
    chequered: pattern(() => (x, y) => step((near(x) - 0.25) * (near(y) - 0.25), 0.02), [1.5, 3]),
    gridded: pattern(() => (x, y) => step(0.12 - Math.min(near(x), near(y)), 0.12), [2, 3.4]),
    dotted: pattern(() => (x, y) => step(0.3 - Math.hypot(near(x), near(y)), 0.15), [2, 3.4]),
    scattered: pattern(
      (random) => {
        const nearest = cells(random, 0.9);
        return (x, y) => step(0.26 - nearest(x, y)[0], 0.15);
      },
      [2, 3.4],
    ),
    waved: pattern(() => (x, y) => step(near(y + 0.22 * Math.sin(5 * x)) - 0.25, 0.3), [2, 3.4]),
    zigzag: pattern(() => (x, y) => step(near(y + 0.8 * near(0.8 * x)) - 0.25, 0.3), [2, 3.4]),
    bricked: pattern(() => brick, [2, 3.2], true),
    scaly: pattern(
      () => (x, y) => {
        const row = Math.floor(y * 1.4);
        return Math.hypot(fraction(x + (row % 2) * 0.5) - 0.5, fraction(y * 1.4) * 0.8) * 1.3;
      },
      [1.8, 3],
      true,
    ),
    woven: pattern(
      () => (x, y) => {
        const over = (Math.floor(x) + Math.floor(y)) % 2 === 0;
        return over ? 1 - 1.6 * near(y) : 0.65 - 1.3 * near(x);
      },
      [1.6, 3],
    ),
    cracked: pattern(
      (random) => {
        const nearest = cells(random, 0.9);
        return (x, y) => {
          const [first, second] = nearest(x, y);
          return step(second - first - 0.1, 0.14);
        };
      },
      [1.5, 2.6],
    ),
    cellular: pattern(
      (random) => {
        const nearest = cells(random, 0.9);
        return (x, y) => nearest(x, y)[0] * 1.3;
      },
      [1.5, 2.6],
    ),
    grained: pattern(
      (random) => {
        const bend = fractal(random, 4, 2);
        return (x, y) => 0.5 + 0.5 * Math.sin(14 * (x * 0.5 + 0.35 * bend((x - 10) / 2, (y - 10) / 5)));
      },
      [1, 1.8],
    ),
    marbled: pattern(
      (random) => {
        const bend = fractal(random, 3, 3);
        return (x, y) => Math.abs(Math.sin(3 * (x + 1.6 * bend((x - 10) / 2, (y - 10) / 2))));
      },
      [1, 1.7],
    ),
    cloudy: pattern((random) => shaded(0.5, 0.8, turned(fractal(random, 4, 3), 0, -9.5, -9.5)), [0.7, 1]),
  },
  camera: { contrast: [0.35, 0.9], inverted: 0.5, gradient: 0.25, noise: 0.15 },
};

/** Brightness over the plane: noise, waves and their mixtures. */
import type { Random } from '../../tensor/random';
import type { Field } from './canvas';

/** Smooth noise in [−1, 1]: random values on `cells` × `cells` squares of the picture, cubic steps between them. */
export function noise(random: Random, cells: number): Field {
  const across = Math.ceil(cells) + 1;
  const lattice = random.uniforms(across * across, -1, 1);
  const ease = (t: number) => t * t * (3 - 2 * t);
  return (x, y) => {
    const u = Math.min(across - 1.001, Math.max(0, ((x + 1) / 2) * cells));
    const v = Math.min(across - 1.001, Math.max(0, ((y + 1) / 2) * cells));
    const i = Math.floor(u);
    const j = Math.floor(v);
    const s = ease(u - i);
    const t = ease(v - j);
    const k = j * across + i;
    const top = lattice[k] + s * (lattice[k + 1] - lattice[k]);
    const bottom = lattice[k + across] + s * (lattice[k + across + 1] - lattice[k + across]);
    return top + t * (bottom - top);
  };
}

/** Octaves of noise, each at twice the fineness and half the height; about [−1, 1]. */
export function fractal(random: Random, cells: number, octaves: number): Field {
  const layers = Array.from({ length: octaves }, (_, k) => noise(random, cells * 2 ** k));
  return (x, y) => {
    let sum = 0;
    for (let k = octaves - 1; k >= 0; k--) sum = sum / 2 + layers[k](x, y);
    return sum / (2 - 2 ** (1 - octaves));
  };
}

/** middle + height · field. */
export const shaded =
  (middle: number, height: number, field: Field): Field =>
  (x, y) =>
    middle + height * field(x, y);

/** A wave in [−1, 1] with the given number of crests over the picture, along a direction in radians. */
export function wave(crests: number, direction: number, phase: number): Field {
  const [a, b] = [Math.PI * crests * Math.cos(direction), Math.PI * crests * Math.sin(direction)];
  return (x, y) => Math.sin(a * x + b * y + phase);
}

/** The field seen through a plane turned and moved. */
export function turned(field: Field, angle: number, dx: number, dy: number): Field {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => field(cos * x + sin * y + dx, cos * y - sin * x + dy);
}

/** A step from 0 to 1 around 0, soft over the given width. */
export const step = (value: number, width: number): number => Math.min(1, Math.max(0, 0.5 + value / width));

/** Remainder in [0, 1) of a coordinate in periods. */
export const fraction = (v: number): number => v - Math.floor(v);

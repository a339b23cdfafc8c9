/** Digits and arrows as polylines in a box of about [−0.45, 0.45] × [−0.65, 0.65]. */
import type { Polyline } from '../glyphs/raster';
import type { Point } from './shapes';

export type Figure = readonly (readonly Point[])[];

/** An arc by centre, radii and degrees (0 = right, 90 = down). */
function arc(cx: number, cy: number, rx: number, ry: number, from: number, to: number): Point[] {
  const pieces = Math.max(4, Math.ceil(Math.abs(to - from) / 30));
  return Array.from({ length: pieces + 1 }, (_, k): Point => {
    const angle = ((from + ((to - from) * k) / pieces) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}

/** The digits 0 … 9. */
// biome-ignore format: a line a digit
export const DIGITS: readonly Figure[] = [
  [arc(0, 0, 0.36, 0.62, 0, 360)],
  [[[-0.2, -0.38], [0.06, -0.62], [0.06, 0.62]]],
  [[...arc(0, -0.28, 0.34, 0.34, 190, 395), [-0.36, 0.62], [0.38, 0.62]]],
  [[...arc(-0.02, -0.31, 0.32, 0.31, 210, 450), ...arc(-0.02, 0.31, 0.36, 0.31, 270, 510)]],
  [[[0.16, 0.62], [0.16, -0.62], [-0.4, 0.22], [0.4, 0.22]]],
  [[[0.3, -0.62], [-0.26, -0.62], [-0.3, -0.1], ...arc(-0.02, 0.22, 0.36, 0.4, 235, 510)]],
  [[...arc(0.06, 0.02, 0.42, 0.64, 300, 180), ...arc(0, 0.26, 0.36, 0.36, 180, 540)]],
  [[[-0.36, -0.62], [0.36, -0.62], [-0.08, 0.62]]],
  [arc(0, -0.31, 0.29, 0.31, 90, 450), arc(0, 0.31, 0.36, 0.31, 270, 630)],
  [[...arc(0, -0.26, 0.36, 0.36, 0, 360), ...arc(-0.06, -0.02, 0.42, 0.64, 0, 120)]],
];

/** What signs show. */
// biome-ignore format: a line a symbol
export const SYMBOLS = {
  ahead: [[[0, 0.5], [0, -0.5]], [[-0.3, -0.15], [0, -0.5], [0.3, -0.15]]],
  left: [[[0.5, 0], [-0.5, 0]], [[-0.15, -0.32], [-0.5, 0], [-0.15, 0.32]]],
  right: [[[-0.5, 0], [0.5, 0]], [[0.15, -0.32], [0.5, 0], [0.15, 0.32]]],
  cross: [[[-0.4, -0.4], [0.4, 0.4]], [[-0.4, 0.4], [0.4, -0.4]]],
  bend: [[[-0.25, 0.5], [-0.25, 0.15], [0.2, -0.1], [0.2, -0.5]]],
  danger: [[[0, -0.5], [0, 0.15]], [[0, 0.42], [0, 0.5]]],
} as const satisfies Record<string, Figure>;

/** The figure's lines after a map of the plane. */
export const drawn = (figure: Figure, map: (x: number, y: number) => Point): Polyline[] =>
  figure.map((points) => Float64Array.from(points.flatMap(([x, y]) => map(x, y))));

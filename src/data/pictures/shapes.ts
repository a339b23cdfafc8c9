/** Shapes as signed distances: negative inside, in picture units (half a picture's side is 1). */
import type { Random } from '../../tensor/random';

export type Shape = (x: number, y: number) => number;
export type Point = readonly [x: number, y: number];

export const disc =
  (cx: number, cy: number, r: number): Shape =>
  (x, y) =>
    Math.hypot(x - cx, y - cy) - r;

/** Axis-aligned box by centre and half sides. */
export const box =
  (cx: number, cy: number, hx: number, hy: number): Shape =>
  (x, y) =>
    Math.max(Math.abs(x - cx) - hx, Math.abs(y - cy) - hy);

/** Everything below a line y = height(x); a distance only for gentle slopes. */
export const below =
  (height: (x: number) => number): Shape =>
  (x, y) =>
    height(x) - y;

/** A line from a to b with round ends. */
export function bar([ax, ay]: Point, [bx, by]: Point, half: number): Shape {
  const [dx, dy] = [bx - ax, by - ay];
  const squared = dx * dx + dy * dy || 1;
  return (x, y) => {
    const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / squared));
    return Math.hypot(x - ax - t * dx, y - ay - t * dy) - half;
  };
}

/** A simple polygon, either way round. */
export function polygon(points: readonly Point[]): Shape {
  const count = points.length;
  const [xs, ys] = [0, 1].map((axis) => Float64Array.from(points, (point) => point[axis]));
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY;
    let inside = false;
    for (let i = 0, j = count - 1; i < count; j = i++) {
      const ex = xs[j] - xs[i];
      const ey = ys[j] - ys[i];
      const wx = x - xs[i];
      const wy = y - ys[i];
      const t = Math.min(1, Math.max(0, (wx * ex + wy * ey) / (ex * ex + ey * ey || 1)));
      const dx = wx - t * ex;
      const dy = wy - t * ey;
      nearest = Math.min(nearest, dx * dx + dy * dy);
      if (ys[i] > y !== ys[j] > y && x < xs[i] + (wy / ey) * ex) inside = !inside;
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}

/** Points of a star (or, with equal radii, a regular polygon of 2 · tips corners) around the origin, first tip up. */
export function star(tips: number, outer: number, inner: number): Shape {
  return polygon(
    Array.from({ length: 2 * tips }, (_, k): Point => {
      const [r, angle] = [k % 2 === 0 ? outer : inner, (Math.PI * k) / tips];
      return [r * Math.sin(angle), -r * Math.cos(angle)];
    }),
  );
}

/** A regular polygon around the origin, one corner up. */
export const regular = (corners: number, radius: number): Shape =>
  star(corners, radius, radius * Math.cos(Math.PI / corners));

export const union =
  (...shapes: readonly Shape[]): Shape =>
  (x, y) => {
    let nearest = Number.POSITIVE_INFINITY;
    for (const shape of shapes) nearest = Math.min(nearest, shape(x, y));
    return nearest;
  };

export const minus =
  (shape: Shape, hole: Shape): Shape =>
  (x, y) =>
    Math.max(shape(x, y), -hole(x, y));

/** The line of the given half width along a shape's edge. */
export const rim =
  (shape: Shape, half: number): Shape =>
  (x, y) =>
    Math.abs(shape(x, y)) - half;

/** Where and how a thing stands: turned by radians, scaled, perhaps mirrored left to right, then moved. */
export interface Pose {
  readonly x: number;
  readonly y: number;
  readonly angle: number;
  readonly scale: number;
  readonly mirrored?: boolean;
}

/** A point of the thing's own plane, in the picture. */
export function posed({ x, y, angle, scale, mirrored }: Pose): (u: number, v: number) => Point {
  const [cos, sin, sign] = [scale * Math.cos(angle), scale * Math.sin(angle), mirrored ? -1 : 1];
  return (u, v) => [cos * sign * u - sin * v + x, sin * sign * u + cos * v + y];
}

/** The shape in a pose. */
export function standing(shape: Shape, { x, y, angle, scale, mirrored }: Pose): Shape {
  const [cos, sin, sign] = [Math.cos(angle) / scale, Math.sin(angle) / scale, mirrored ? -1 : 1];
  return (px, py) => {
    const dx = px - x;
    const dy = py - y;
    return scale * shape(sign * (cos * dx + sin * dy), cos * dy - sin * dx);
  };
}

/** A pose near the middle: offsets and turn up to the given bounds either way, scale from … to. */
export function anyPose(random: Random, offset: number, turn: number, scale: readonly [number, number]): Pose {
  const [x, y] = random.uniforms(2, -offset, offset);
  const [angle] = random.uniforms(1, -turn, turn);
  const [size] = random.uniforms(1, ...scale);
  return { x, y, angle, scale: size };
}

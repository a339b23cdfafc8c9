/**
 * Alphabets of made-up characters. A glyph is a few quadratic Bézier strokes; an alphabet draws its glyphs' strokes
 * from a small common stock, so that letters share parts and only the combination tells them apart.
 */
import type { Random } from '../../tensor/random';
import type { Polyline } from './raster';

/** A quadratic Bézier curve: start, control and end point, x and y in [−1, 1]. */
export type Stroke = readonly [number, number, number, number, number, number];
export type Glyph = readonly Stroke[];

const SEGMENTS = 6;
const REACH = 0.78; // strokes stay inside, leaving room for the affine

/** A stroke with ends at least `shortest` apart, bent by a normal deviate. */
export function drawStroke(random: Random, shortest: number, longest: number): Stroke {
  while (true) {
    const [x0, y0, x1, y1] = random.uniforms(4, -REACH, REACH);
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < shortest || length > longest) continue;
    const bend = 0.35 * random.normal();
    const clip = (v: number) => Math.max(-1, Math.min(1, v));
    return [x0, y0, clip((x0 + x1) / 2 - bend * (y1 - y0)), clip((y0 + y1) / 2 + bend * (x1 - x0)), x1, y1];
  }
}

/**
 * `letters` distinct sets of `strokes` strokes out of a stock of `stock`. Any two letters differ by at least
 * two strokes.
 */
export function makeAlphabet(random: Random, letters: number, stock: number, strokes: number): Glyph[] {
  const pool = Array.from({ length: stock }, () => drawStroke(random, 0.6, 1.5));
  const chosen: number[][] = [];
  for (let tries = 0; chosen.length < letters; tries++) {
    if (tries > 1000 * letters) throw new Error(`a stock of ${stock} strokes does not make ${letters} letters`);
    const parts = random.permutation(stock).slice(0, strokes);
    if (chosen.every((other) => parts.filter((p) => other.includes(p)).length <= strokes - 2)) chosen.push(parts);
  }
  return chosen.map((parts) => parts.map((p) => pool[p]));
}

/** The curve as a polyline after a map of the plane. */
export function flatten(stroke: Stroke, map: (x: number, y: number) => readonly [number, number]): Polyline {
  const points = new Float64Array(2 * (SEGMENTS + 1));
  for (let k = 0; k <= SEGMENTS; k++) {
    const t = k / SEGMENTS;
    const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t * t];
    const [x0, y0, cx, cy, x1, y1] = stroke;
    points.set(map(a * x0 + b * cx + c * x1, a * y0 + b * cy + c * y1), 2 * k);
  }
  return points;
}

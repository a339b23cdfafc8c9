/** Curves to a small anti-aliased grey image. */

/** Side of an image in pixels. */
export const SIDE = 16;
/** Side of a patch: 4 × 4 patches of 16 pixels make a glyph's 16 tokens. */
export const PATCH = 4;

/** Points x, y, x, y, … in glyph units: the image is [−1, 1]², y down. */
export type Polyline = Float64Array;

/** Squared distance from (x, y) to the segment a–b. */
function squaredDistance(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const dx = bx - ax;
  const dy = by - ay;
  const length = dx * dx + dy * dy;
  const along = length > 0 ? ((x - ax) * dx + (y - ay) * dy) / length : 0;
  const t = Math.min(1, Math.max(0, along));
  return (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2;
}

/**
 * Coverage of every pixel by lines of the given thickness in pixels, in [0, 1]: [side · side] row-major.
 * A pixel's coverage falls linearly over one pixel at the line's edge.
 */
export function rasterise(lines: readonly Polyline[], thickness: number, side = SIDE): Float64Array {
  const nearest = new Float64Array(side * side).fill(Number.POSITIVE_INFINITY);
  const unit = side / 2;
  const reach = thickness / 2 + 1;
  const first = (v: number) => Math.max(0, Math.floor(v - reach));
  const last = (v: number) => Math.min(side - 1, Math.ceil(v + reach));
  for (const line of lines) {
    for (let k = 0; k + 3 < line.length; k += 2) {
      const [ax, ay, bx, by] = [0, 1, 2, 3].map((i) => (line[k + i] + 1) * unit - 0.5);
      for (let y = first(Math.min(ay, by)); y <= last(Math.max(ay, by)); y++) {
        for (let x = first(Math.min(ax, bx)); x <= last(Math.max(ax, bx)); x++) {
          const d = squaredDistance(x, y, ax, ay, bx, by);
          if (d < nearest[y * side + x]) nearest[y * side + x] = d;
        }
      }
    }
  }
  return nearest.map((d) => Math.min(1, Math.max(0, thickness / 2 + 0.5 - Math.sqrt(d))));
}

/** Row-major pixels to patches: [tokens, patch²], both row-major. */
export function toPatches(
  pixels: ArrayLike<number>,
  into: Float32Array,
  offset: number,
  side = SIDE,
  patch = PATCH,
): void {
  const across = side / patch;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const token = Math.floor(y / patch) * across + Math.floor(x / patch);
      into[offset + token * patch * patch + (y % patch) * patch + (x % patch)] = pixels[y * side + x];
    }
  }
}

/** Undoes `toPatches` for one image. */
export function fromPatches(patches: ArrayLike<number>, offset = 0, side = SIDE, patch = PATCH): Float32Array {
  const across = side / patch;
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [y, x] = [Math.floor(i / side), i % side];
    const token = Math.floor(y / patch) * across + Math.floor(x / patch);
    return patches[offset + token * patch * patch + (y % patch) * patch + (x % patch)];
  });
}

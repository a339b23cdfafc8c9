/** How a glyph is written: the pen, the hand, the paper. A style is a distribution; `drawGlyph` takes one sample. */
import type { Random } from '../../tensor/random';
import { drawStroke, flatten, type Glyph, type Stroke } from './alphabet';
import { rasterise } from './raster';

type Range = readonly [low: number, high: number];

export interface Style {
  /** Radians. */
  readonly rotation: Range;
  readonly scale: Range;
  readonly shear: Range;
  /** Offset in glyph units (1 = half an image). */
  readonly offset: Range;
  /** Line thickness in pixels. */
  readonly thickness: Range;
  /** Standard deviation of every stroke point, glyph units. */
  readonly wobble: number;
  /** Probability that paper is bright and ink dark. */
  readonly inverted: number;
  /** Ink minus paper, as a share of the grey range. */
  readonly contrast: Range;
  /** Slope of the paper's brightness across the image. */
  readonly gradient: number;
  /** Short strokes that belong to no letter, at most. */
  readonly clutter: number;
  /** Standard deviation of pixel noise. */
  readonly noise: number;
}

/** The style of pretraining: bright ink, steady hand, clean paper. */
export const PLAIN: Style = {
  rotation: [-0.25, 0.25],
  scale: [0.75, 1.05],
  shear: [-0.15, 0.15],
  offset: [-0.1, 0.1],
  thickness: [1.2, 2],
  wobble: 0.05,
  inverted: 0,
  contrast: [0.7, 1],
  gradient: 0,
  clutter: 0,
  noise: 0.05,
};

/** The far end of the domain shift. */
export const FOREIGN: Style = {
  rotation: [0.35, 0.95],
  scale: [0.75, 1],
  shear: [-0.25, 0.25],
  offset: [-0.14, 0.14],
  thickness: [1, 1.7],
  wobble: 0.05,
  inverted: 1,
  contrast: [0.45, 0.9],
  gradient: 0.3,
  clutter: 2,
  noise: 0.08,
};

/** The style at a share 0 … 1 of the way from one to the other. */
export function between(from: Style, to: Style, share: number): Style {
  const mix = (a: number, b: number) => a + share * (b - a);
  const range = (a: Range, b: Range): Range => [mix(a[0], b[0]), mix(a[1], b[1])];
  return {
    rotation: range(from.rotation, to.rotation),
    scale: range(from.scale, to.scale),
    shear: range(from.shear, to.shear),
    offset: range(from.offset, to.offset),
    thickness: range(from.thickness, to.thickness),
    wobble: mix(from.wobble, to.wobble),
    inverted: mix(from.inverted, to.inverted),
    contrast: range(from.contrast, to.contrast),
    gradient: mix(from.gradient, to.gradient),
    clutter: Math.round(mix(from.clutter, to.clutter)),
    noise: mix(from.noise, to.noise),
  };
}

/** One written glyph: grey values around 0, ink and paper within [−1, 1] before noise. [SIDE · SIDE] row-major. */
export function drawGlyph(glyph: Glyph, style: Style, random: Random): Float64Array {
  const within = ([low, high]: Range) => low + (high - low) * random.uniform();
  const [angle, scale, shear] = [within(style.rotation), within(style.scale), within(style.shear)];
  const [dx, dy] = [within(style.offset), within(style.offset)];
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const place = (x: number, y: number) => {
    const leaning = x + shear * y;
    return [cos * leaning - sin * y + dx, sin * leaning + cos * y + dy] as const;
  };
  const shaky = (stroke: Stroke) => stroke.map((v) => v + style.wobble * random.normal()) as unknown as Stroke;
  const lines = glyph.map((stroke) => flatten(shaky(stroke), place));
  const extra = style.clutter > 0 ? random.int(style.clutter + 1) : 0;
  for (let k = 0; k < extra; k++) lines.push(flatten(drawStroke(random, 0.3, 0.7), (x, y) => [x, y]));

  const ink = rasterise(lines, within(style.thickness));
  const dark = random.uniform() < style.inverted ? -1 : 1;
  const contrast = 2 * within(style.contrast);
  const [tiltX, tiltY] = [style.gradient * (2 * random.uniform() - 1), style.gradient * (2 * random.uniform() - 1)];
  const side = Math.sqrt(ink.length);
  return ink.map((cover, i) => {
    const tilt = (tiltX * ((i % side) + 0.5)) / side + (tiltY * (Math.floor(i / side) + 0.5)) / side;
    return dark * (-contrast / 2 + contrast * cover) + tilt + style.noise * random.normal();
  });
}

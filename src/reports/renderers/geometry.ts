/**
 * What jsdom lacks and plotly asks for: the boxes of SVG elements. jsdom has no layout, so every box is computed
 * here from attributes, transforms, and text widths measured by a canvas with the chart's own font.
 */
import { type Canvas, createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';
import type { DOMWindow } from 'jsdom';
import { ascent, descent, fontFiles, fontName } from './fonts';

interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}
/** Affine map: x' = a·x + c·y + e, y' = b·x + d·y + f. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const identity: Matrix = [1, 0, 0, 1, 0, 0];
const numbersIn = (text: string) => (text.match(/-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/gi) ?? []).map(Number);
const attribute = (element: Element, name: string) => Number.parseFloat(element.getAttribute(name) ?? '') || 0;

function multiply(m: Matrix, n: Matrix): Matrix {
  return [
    m[0] * n[0] + m[2] * n[1],
    m[1] * n[0] + m[3] * n[1],
    m[0] * n[2] + m[2] * n[3],
    m[1] * n[2] + m[3] * n[3],
    m[0] * n[4] + m[2] * n[5] + m[4],
    m[1] * n[4] + m[3] * n[5] + m[5],
  ];
}

function transformOf(element: Element): Matrix {
  let matrix = identity;
  for (const [, kind, list] of (element.getAttribute('transform') ?? '').matchAll(/(\w+)\s*\(([^)]*)\)/g)) {
    const v = numbersIn(list);
    if (kind === 'translate') matrix = multiply(matrix, [1, 0, 0, 1, v[0], v[1] ?? 0]);
    else if (kind === 'scale') matrix = multiply(matrix, [v[0], 0, 0, v[1] ?? v[0], 0, 0]);
    else if (kind === 'matrix') matrix = multiply(matrix, v as unknown as Matrix);
    else if (kind === 'rotate') {
      const [sin, cos] = [Math.sin((v[0] * Math.PI) / 180), Math.cos((v[0] * Math.PI) / 180)];
      const [x, y] = [v[1] ?? 0, v[2] ?? 0];
      matrix = multiply(matrix, [cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y]);
    }
  }
  return matrix;
}

function mapBox(box: Box, m: Matrix): Box {
  const corners = [box.x0, box.x1].flatMap((x) =>
    [box.y0, box.y1].map((y) => [m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]]),
  );
  return boxOfPoints(corners)!;
}

function boxOfPoints(points: readonly (readonly number[])[]): Box | null {
  if (points.length === 0) return null;
  const [x, y] = [points.map((p) => p[0]), points.map((p) => p[1])];
  return { x0: Math.min(...x), x1: Math.max(...x), y0: Math.min(...y), y1: Math.max(...y) };
}

function union(boxes: (Box | null)[]): Box | null {
  return boxOfPoints(
    boxes.flatMap((box) =>
      box
        ? [
            [box.x0, box.y0],
            [box.x1, box.y1],
          ]
        : [],
    ),
  );
}

interface Font {
  size: number;
  weight: string;
  slant: string;
}

function fontOf(element: Element, inherited: Font): Font {
  const style = (element as SVGElement).style;
  const size = style?.fontSize || element.getAttribute('font-size') || '';
  const value = Number.parseFloat(size);
  return {
    size: Number.isNaN(value) ? inherited.size : size.endsWith('%') ? (inherited.size * value) / 100 : value,
    weight: style?.fontWeight || inherited.weight,
    slant: style?.fontStyle || inherited.slant,
  };
}

function inheritedFont(element: Element): Font {
  const parent = element.parentElement;
  return fontOf(element, parent ? inheritedFont(parent) : { size: 12, weight: 'normal', slant: 'normal' });
}

let context: SKRSContext2D | null = null;

/** Width of a text in pixels, in DejaVu Sans. */
function textWidth(text: string, font: Font): number {
  if (!context) {
    for (const file of Object.values(fontFiles)) GlobalFonts.registerFromPath(file, fontName);
    context = createCanvas(1, 1).getContext('2d');
  }
  context.font = `${font.slant} ${font.weight} ${font.size}px "${fontName}"`;
  return context.measureText(text).width;
}

function runWidth(element: Element, font: Font): number {
  let width = 0;
  for (const child of element.childNodes) {
    if (child.nodeType === 3) width += textWidth(child.nodeValue ?? '', font);
    else if (child.nodeType === 1) width += runWidth(child as Element, fontOf(child as Element, font));
  }
  return width;
}

/** Plotly writes one line straight into `text`, several as `tspan.line` with `dy` counted from the text's own y. */
function textBox(text: Element): Box | null {
  const font = inheritedFont(text);
  const anchor = (text as SVGElement).style?.textAnchor || text.getAttribute('text-anchor') || 'start';
  const lines = [...text.children].filter((child) => child.getAttribute('class') === 'line');
  const boxes = (lines.length > 0 ? lines : [text]).map((line): Box | null => {
    const width = runWidth(line, font);
    if (width === 0) return null;
    const x = attribute(line.hasAttribute('x') ? line : text, 'x');
    const dy = line.getAttribute('dy') ?? '0';
    const y =
      attribute(line.hasAttribute('y') ? line : text, 'y') +
      (Number.parseFloat(dy) || 0) * (dy.endsWith('em') ? font.size : 1);
    const x0 = anchor === 'middle' ? x - width / 2 : anchor === 'end' ? x - width : x;
    return { x0, x1: x0 + width, y0: y - ascent * font.size, y1: y + descent * font.size };
  });
  return union(boxes);
}

/** Plotly's paths use absolute M, L, H, V, Q, C and A commands; control points bound the curve well enough here. */
function pathPoints(path: string): [number, number][] {
  const points: [number, number][] = [];
  let [x, y] = [0, 0];
  for (const [, command, list] of path.matchAll(/([a-z])([^a-z]*)/gi)) {
    const v = numbersIn(list);
    if (command === 'H' || command === 'V') {
      for (const value of v) points.push(command === 'H' ? [(x = value), y] : [x, (y = value)]);
    } else if (command === 'A') {
      for (let i = 0; i + 6 < v.length; i += 7) points.push([(x = v[i + 5]), (y = v[i + 6])]);
    } else {
      for (let i = 0; i + 1 < v.length; i += 2) points.push([(x = v[i]), (y = v[i + 1])]);
    }
  }
  return points;
}

/** Point at a distance along straight pieces, held to the ends, and the whole length (an annotation's leader line). */
function along(points: readonly (readonly [number, number])[], distance: number) {
  let [x, y] = points[0] ?? [0, 0];
  let length = 0;
  for (let i = 1; i < points.length; i++) {
    const [dx, dy] = [points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]];
    const piece = Math.hypot(dx, dy);
    const share = piece > 0 ? Math.min(1, Math.max(0, (distance - length) / piece)) : 0;
    if (share > 0) [x, y] = [points[i - 1][0] + share * dx, points[i - 1][1] + share * dy];
    length += piece;
  }
  return { x, y, length };
}

/** Box in the element's own coordinates, children's transforms applied, null when nothing is drawn. */
function localBox(element: Element): Box | null {
  const name = element.localName;
  if ((element as SVGElement).style?.display === 'none' || name === 'defs' || name === 'clipPath') return null;
  if (name === 'text') return textBox(element);
  if (name === 'tspan') return element.parentElement ? localBox(element.parentElement) : null;
  if (name === 'path') return boxOfPoints(pathPoints(element.getAttribute('d') ?? ''));
  if (name === 'circle') {
    const [x, y, r] = ['cx', 'cy', 'r'].map((key) => attribute(element, key));
    return { x0: x - r, x1: x + r, y0: y - r, y1: y + r };
  }
  if (name === 'rect' || name === 'image') {
    const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((key) => attribute(element, key));
    return { x0: x, x1: x + width, y0: y, y1: y + height };
  }
  return union(
    [...element.children].map((child) => {
      const box = localBox(child);
      return box && mapBox(box, transformOf(child));
    }),
  );
}

/** Box on the page: all transforms up to the root `svg` applied. */
function pageBox(element: Element): Box | null {
  let box = localBox(element);
  for (let at: Element | null = element; box && at && at.localName !== 'svg'; at = at.parentElement) {
    box = mapBox(box, transformOf(at));
  }
  return box;
}

function rectangle(box: Box | null) {
  const { x0, y0, x1, y1 } = box ?? { x0: 0, y0: 0, x1: 0, y1: 0 };
  const [width, height] = [x1 - x0, y1 - y0];
  return { x: x0, y: y0, width, height, left: x0, top: y0, right: x1, bottom: y1, toJSON: () => ({ x0, y0, x1, y1 }) };
}

/** Gives a jsdom window's SVG elements their boxes and its canvases a drawing surface (heatmaps are images). */
export function installGeometry(window: DOMWindow): void {
  const svg = window.SVGElement.prototype as unknown as Record<string, unknown>;
  svg.getBBox = function (this: Element) {
    return rectangle(localBox(this));
  };
  svg.getBoundingClientRect = function (this: Element) {
    return rectangle(pageBox(this));
  };
  svg.getComputedTextLength = function (this: Element) {
    return runWidth(this, inheritedFont(this));
  };
  const pointsOf = (element: Element) => pathPoints(element.getAttribute('d') ?? '');
  svg.getTotalLength = function (this: Element) {
    return along(pointsOf(this), 0).length;
  };
  svg.getPointAtLength = function (this: Element, distance: number) {
    return along(pointsOf(this), distance);
  };
  const surfaces = new WeakMap<object, Canvas>();
  const surface = (element: HTMLCanvasElement): Canvas => {
    let canvas = surfaces.get(element);
    if (!canvas || canvas.width !== element.width || canvas.height !== element.height) {
      surfaces.set(element, (canvas = createCanvas(element.width, element.height)));
    }
    return canvas;
  };
  const canvas = window.HTMLCanvasElement.prototype as unknown as Record<string, unknown>;
  canvas.getContext = function (this: HTMLCanvasElement) {
    return surface(this).getContext('2d');
  };
  canvas.toDataURL = function (this: HTMLCanvasElement) {
    return surface(this).toDataURL('image/png');
  };
}

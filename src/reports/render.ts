/**
 * A figure to a file's bytes: PNG, SVG, PDF, HTML or JSON. Drawn by a headless browser where one is found, else by
 * npm packages alone; `GORA_RENDERER=chromium` or `node` forces one way.
 */
import { messageOf, UserError } from '../errors';
import { type Figure, figureSize } from './figure';
import { figureHtml } from './html';
import type * as Chromium from './renderers/chromium';
import type * as Node from './renderers/node';

export type FigureFormat = 'png' | 'svg' | 'pdf' | 'html' | 'json';
export type RendererName = 'chromium' | 'node';
export const figureFormats: readonly FigureFormat[] = ['png', 'svg', 'pdf', 'html', 'json'];

export interface RenderOptions {
  /** CSS pixels; the figure's own layout by default. */
  width?: number;
  height?: number;
  /** PNG pixels to a CSS pixel; 2 by default. */
  scale?: number;
  /** HTML with plotly inside (0.6 MB); false leaves the SVG and the figure's JSON (tens of kB). Default true. */
  interactive?: boolean;
  /** Default: the environment's `GORA_RENDERER`, else whatever works. */
  renderer?: RendererName;
}

interface Renderer {
  readonly name: RendererName;
  svg(figure: Figure, width: number, height: number): Promise<string>;
  png(svg: string, width: number, height: number, scale: number): Promise<Buffer>;
  pdf(svg: string, width: number, height: number): Promise<Buffer>;
}

let chromium: typeof Chromium | null = null;
let node: typeof Node | null = null;
/** Why no browser is tried any more in this process. */
let noBrowser: string | null = null;

async function viaChromium(): Promise<Renderer> {
  const module = (chromium ??= await import('./renderers/chromium'));
  return { name: 'chromium', svg: module.svgOf, png: module.pngOf, pdf: module.pdfOf };
}

async function viaNode(): Promise<Renderer> {
  const module = (node ??= await import('./renderers/node'));
  return {
    name: 'node',
    svg: module.svgOf,
    png: (svg, _width, _height, scale) => module.pngOf(svg, scale),
    pdf: module.pdfOf,
  };
}

function forcedRenderer(options: RenderOptions): RendererName | null {
  const name = options.renderer ?? process.env.GORA_RENDERER;
  if (!name) return null;
  if (name === 'chromium' || name === 'node') return name;
  throw new UserError(`GORA_RENDERER is ${name}: it must be chromium or node`);
}

async function draw(
  renderer: Renderer,
  figure: Figure,
  format: 'png' | 'svg' | 'pdf' | 'html',
  options: RenderOptions,
) {
  const size = figureSize(figure);
  const [width, height] = [options.width ?? size.width, options.height ?? size.height];
  const svg = await renderer.svg(figure, width, height);
  if (format === 'png') return renderer.png(svg, width, height, options.scale ?? 2);
  if (format === 'pdf') return renderer.pdf(svg, width, height);
  return format === 'html' ? figureHtml(figure, svg, options.interactive ?? true) : svg;
}

let turn: Promise<unknown> = Promise.resolve();

async function render(figure: Figure, format: 'png' | 'svg' | 'pdf' | 'html', options: RenderOptions) {
  const forced = forcedRenderer(options);
  if (forced === 'node' || (!forced && noBrowser)) return draw(await viaNode(), figure, format, options);
  const renderer = await viaChromium();
  if (forced) return draw(renderer, figure, format, options);
  if (!chromium!.findBrowser()) {
    noBrowser = 'none found';
    return draw(await viaNode(), figure, format, options);
  }
  try {
    return await draw(renderer, figure, format, options);
  } catch (error) {
    const result = await draw(await viaNode(), figure, format, options);
    noBrowser = messageOf(error);
    console.warn(`charts are drawn without the browser, which failed: ${noBrowser.split('\n')[0]}`);
    return result;
  }
}

/**
 * Draws a figure. Calls wait for each other, so any number may be made at once.
 * @returns a Buffer for `png` and `pdf`, text for `svg`, `html` and `json`.
 * @throws UserError when a forced renderer is missing or the format is unknown.
 */
export function renderFigure(figure: Figure, format: 'png' | 'pdf', options?: RenderOptions): Promise<Buffer>;
export function renderFigure(figure: Figure, format: 'svg' | 'html' | 'json', options?: RenderOptions): Promise<string>;
export function renderFigure(figure: Figure, format: FigureFormat, options?: RenderOptions): Promise<Buffer | string>;
export async function renderFigure(
  figure: Figure,
  format: FigureFormat,
  options: RenderOptions = {},
): Promise<Buffer | string> {
  if (!figureFormats.includes(format)) {
    throw new UserError(`figure format ${String(format)} is unknown: use ${figureFormats.join(', ')}`);
  }
  if (format === 'json') return `${JSON.stringify(figure, null, 1)}\n`;
  const mine = turn.then(() => render(figure, format, options));
  turn = mine.catch(() => undefined);
  return mine;
}

/** Closes the browser and frees the pages. Not needed for a script to end: an idle browser closes by itself. */
export async function closeRenderer(): Promise<void> {
  await turn;
  await chromium?.close();
  node?.close();
}

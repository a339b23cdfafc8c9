/**
 * Charts from npm packages alone, no browser: plotly draws into jsdom, resvg makes the PNG, pdfkit the PDF
 * (vector, with the fonts in it).
 */
import { JSDOM, VirtualConsole } from 'jsdom';
import { messageOf } from '../../errors';
import type { Figure } from '../figure';
import { fontFiles, fontName } from './fonts';
import { installGeometry } from './geometry';
import { type Bundle, bundleOf, bundleSource, plotlyInput } from './plotly';
import { stableIds } from './svg';

interface Plotly {
  newPlot(target: object, figure: object): Promise<object>;
  toImage(target: object, options: object): Promise<string>;
  purge(target: object): void;
}

const pages = new Map<Bundle, JSDOM>();

function page(bundle: Bundle): JSDOM {
  let dom = pages.get(bundle);
  if (!dom) {
    dom = new JSDOM('<!doctype html><body></body>', {
      runScripts: 'outside-only',
      pretendToBeVisual: true,
      virtualConsole: new VirtualConsole(),
    });
    installGeometry(dom.window);
    dom.window.URL.createObjectURL = () => ''; // asked for by the map traces while the bundle loads
    dom.window.eval(bundleSource(bundle));
    pages.set(bundle, dom);
  }
  return dom;
}

/** The figure as SVG text. */
export async function svgOf(figure: Figure, width: number, height: number): Promise<string> {
  const { window } = page(bundleOf(figure));
  const plotly = (window as unknown as { Plotly: Plotly }).Plotly;
  const target = window.document.body.appendChild(window.document.createElement('div'));
  try {
    await plotly.newPlot(target, plotlyInput(figure, width, height));
    return stableIds(await plotly.toImage(target, { format: 'svg', width, height, imageDataOnly: true }));
  } catch (error) {
    // an error of plotly's own carries the whole bundle as its source line
    throw new Error(`plotly could not draw ${figure.name}: ${messageOf(error)}`);
  } finally {
    plotly.purge(target);
    target.remove();
  }
}

/** PNG of an SVG, `scale` pixels to a CSS pixel. */
export async function pngOf(svg: string, scale: number): Promise<Buffer> {
  const { Resvg } = await import('@resvg/resvg-js');
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    background: '#FFFFFF',
    font: { loadSystemFonts: false, fontFiles: Object.values(fontFiles), defaultFontFamily: fontName },
  });
  return image.render().asPng();
}

/** One-page PDF of an SVG, a CSS pixel being 0.75 pt. */
export async function pdfOf(svg: string, width: number, height: number): Promise<Buffer> {
  const { default: PDFDocument } = await import('pdfkit');
  const { default: draw } = await import('svg-to-pdfkit');
  const document = new PDFDocument({ size: [width * 0.75, height * 0.75], margin: 0 });
  for (const [face, file] of Object.entries(fontFiles)) document.registerFont(face, file);
  const chunks: Buffer[] = [];
  const done = new Promise<Buffer>((resolve, reject) => {
    document.on('data', (chunk: Buffer) => chunks.push(chunk));
    document.on('end', () => resolve(Buffer.concat(chunks)));
    document.on('error', reject);
  });
  // plotly trims leader lines with dashes of length 0, which PDF knows and pdfkit refuses
  const dashed = svg.replace(/stroke-dasharray: [^;"]*/g, (dashes) => dashes.replace(/(?<![\d.])0px/g, '0.001px'));
  draw(document, dashed, 0, 0, {
    width: width * 0.75,
    height: height * 0.75,
    fontCallback: (_family, bold, italic) => (bold ? 'bold' : italic ? 'italic' : 'regular'),
  });
  document.end();
  return done;
}

/** Frees the drawing pages. */
export function close(): void {
  for (const dom of pages.values()) dom.window.close();
  pages.clear();
}

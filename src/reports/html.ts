/**
 * A chart as one HTML file that opens without a network: the SVG, the figure as JSON, and, when interactive,
 * plotly itself, gzipped (0.6 MB). Where scripts are off or too old the SVG stays.
 */
import { gzipSync } from 'node:zlib';
import type { Figure } from './figure';
import { bundleOf, bundleSource } from './renderers/plotly';

/** Escapes text for HTML content and quoted attributes. */
export function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (char) => names[char]);
}

const packed = new Map<string, string>();

function packedBundle(figure: Figure): string {
  const bundle = bundleOf(figure);
  let text = packed.get(bundle);
  if (!text) packed.set(bundle, (text = gzipSync(bundleSource(bundle), { level: 9 }).toString('base64')));
  return text;
}

const script = `
(async () => {
  const bytes = Uint8Array.from(atob(document.getElementById('plotly').textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const element = document.createElement('script');
  element.textContent = await new Response(stream).text();
  document.head.append(element);
  const figure = JSON.parse(document.getElementById('figure').textContent);
  const drawn = document.querySelector('figure svg');
  const chart = document.createElement('div');
  drawn.replaceWith(chart);
  await Plotly.newPlot(chart, figure.data, figure.layout, { displaylogo: false }).catch(() => chart.replaceWith(drawn));
})();`;

/** @param svg the figure drawn; shown until, or instead of, the interactive chart. */
export function figureHtml(figure: Figure, svg: string, interactive: boolean): string {
  const json = JSON.stringify(figure).replaceAll('<', '\\u003c');
  const caption = figure.caption ? `<figcaption>${escapeHtml(figure.caption)}</figcaption>` : '';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(figure.name)}</title>
<style>body{font:14px "DejaVu Sans",Verdana,sans-serif;color:#222;margin:16px}figure{margin:0}figcaption{max-width:760px;color:#555}</style>
<figure>
${svg}
${caption}
</figure>
<script type="application/json" id="figure">${json}</script>
${interactive ? `<script type="text/plain" id="plotly">${packedBundle(figure)}</script>\n<script>${script}</script>\n` : ''}</html>
`;
}

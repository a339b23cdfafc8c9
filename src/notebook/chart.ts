/**
 * Charts in a notebook, as two outputs: the picture (PNG), which every reader shows, and the caption with a script that
 * puts the interactive chart in the picture's place where the notebook is trusted. Two, because a front end that knows HTML prefers it to
 * PNG within one output, and shows nothing of it where scripts are stripped.
 *
 * The script loads plotly from the Jupyter server that `npm start` opened (`/files/node_modules/…`), so it works
 * without a network and a notebook carries only the chart's numbers.
 */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { projectRoot } from '../project';
import { type Figure, figureSize } from '../reports/figure';
import { escapeHtml } from '../reports/html';
import { renderFigure } from '../reports/render';
import { bundleOf } from '../reports/renderers/plotly';
import { publish } from './publish';

export interface ShowChartOptions {
  /** False leaves only the picture. Default true. */
  interactive?: boolean;
}

/**
 * Shows a figure; resolves when it is drawn.
 * @throws UserError when no renderer works.
 */
export async function showChart(figure: Figure, options: ShowChartOptions = {}): Promise<void> {
  const png = await renderFigure(figure, 'png');
  const { width, height } = figureSize(figure);
  const data: Record<string, unknown> = {
    'image/png': png.toString('base64'),
    'text/plain': figure.name,
  };
  const interactive = options.interactive ?? true;
  if (interactive) data['application/vnd.plotly.v1+json'] = { data: figure.data, layout: figure.layout };
  // The picture has two pixels to a CSS pixel.
  publish(data, { 'image/png': { width, height } });
  const html = chartHtml(figure, interactive ? bundlePath(figure) : null);
  if (html !== '') publish({ 'text/html': html, 'text/plain': figure.caption ?? '' });
}

/** Plotly's path on the Jupyter server, whose root is the project; null when it stands elsewhere. */
function bundlePath(figure: Figure): string | null {
  const name = bundleOf(figure) === 'full' ? 'plotly.js-dist' : 'plotly.js-cartesian-dist-min';
  const file = path.relative(projectRoot(), require.resolve(name));
  return file.startsWith('..') || path.isAbsolute(file) ? null : file.split(path.sep).join('/');
}

/** An empty element, the caption, and the script that draws into the element with the plotly at `bundle`. */
export function chartHtml(figure: Figure, bundle: string | null): string {
  const caption = figure.caption ? `<p>${escapeHtml(figure.caption)}</p>` : '';
  if (bundle === null) return caption;
  const { width, height } = figureSize(figure);
  const layout = { ...figure.layout, width, height };
  // `<` could end the script.
  const json = JSON.stringify({ bundle, data: figure.data, layout }).replaceAll('<', '\\u003c');
  const id = `gora-chart-${createHash('sha256').update(json).digest('hex').slice(0, 12)}`;
  return `<div id="${id}"></div>\n${caption}<script>(${browserSide})(${JSON.stringify(id)}, ${json})</script>`;
}

/**
 * Runs in the browser. Does nothing where there is no Jupyter server or no plotly on it: the picture stays.
 * Written as text, since it is no part of this program.
 */
const browserSide = `async (id, { bundle, data, layout }) => {
  const host = (document.currentScript?.parentElement ?? document).querySelector('#' + id);
  const config = document.getElementById('jupyter-config-data');
  const base = config ? JSON.parse(config.textContent).baseUrl : document.body.dataset.baseUrl;
  if (!host || !base) return;
  const loads = (window.goraPlotly ??= {});
  loads[bundle] ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = base + 'files/' + bundle;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error('no plotly at ' + script.src));
    document.head.append(script);
  });
  try {
    const plotly = await loads[bundle];
    await plotly.newPlot(host, data, layout, { displaylogo: false });
    const output = host.closest('.jp-OutputArea-child, .output_area');
    const picture = output?.previousElementSibling;
    if (picture?.querySelector('img')) picture.style.display = 'none';
  } catch (error) {
    console.warn('the chart stays a picture:', error);
  }
}`;

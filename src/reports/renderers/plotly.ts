/**
 * The plotly bundles. Nearly every chart is Cartesian, and that bundle (1.4 MB) loads in a tenth of the full one's
 * time, so the full one (11 MB) is taken only for the traces that need it.
 */
import { readFileSync } from 'node:fs';
import type { Figure } from '../figure';

const cartesian = new Set(
  'bar box contour heatmap histogram histogram2d histogram2dcontour image pie quiver scatter scatterternary violin'.split(
    ' ',
  ),
);

export type Bundle = 'cartesian' | 'full';

/** The smallest bundle that draws the figure. */
export function bundleOf(figure: Figure): Bundle {
  return figure.data.every((trace) => cartesian.has(String(trace.type ?? 'scatter'))) ? 'cartesian' : 'full';
}

const sources = new Map<Bundle, string>();

/** JavaScript text of a bundle; it defines the global `Plotly`. */
export function bundleSource(bundle: Bundle): string {
  let source = sources.get(bundle);
  if (source === undefined) {
    source = readFileSync(
      require.resolve(bundle === 'full' ? 'plotly.js-dist' : 'plotly.js-cartesian-dist-min'),
      'utf8',
    );
    sources.set(bundle, source);
  }
  return source;
}

/** A deep copy for plotly to write into: it adds defaults to what it is given. */
export function plotlyInput(figure: Figure, width: number, height: number) {
  const { data, layout } = JSON.parse(JSON.stringify({ data: figure.data, layout: figure.layout })) as {
    data: object[];
    layout: object;
  };
  // without ids of our own plotly draws random ones
  const named = data.map((trace, i) => ({ uid: `t${i}`, ...trace }));
  return { data: named, layout: { ...layout, width, height }, config: { staticPlot: true } };
}

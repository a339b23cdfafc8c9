/** Lines and bars of any numbers in the house look: what a notebook draws beside the charts of run records. */
import { UserError } from '../../errors';
import type { Figure, Trace } from '../figure';
import { baseLayout, faint, ink, legendOnTop, titledAxis } from '../style';

/** One line; `name` stands in the legend. */
export interface Series {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Default: the next colour of the house. */
  readonly color?: string;
  readonly dash?: 'solid' | 'dash' | 'dot' | 'dashdot' | 'longdash';
  /** Default `lines`. */
  readonly mode?: 'lines' | 'markers' | 'lines+markers';
}

export interface PlainOptions {
  readonly name: string;
  /** The question that the chart answers. */
  readonly title: string;
  readonly subtitle?: string;
  /** Titles of the axes, with units. */
  readonly x: string;
  readonly y: string;
  readonly caption?: string;
}

export interface LineOptions extends PlainOptions {
  readonly logX?: boolean;
  readonly logY?: boolean;
  /** Ends of the vertical axis, in its unit. Default: all of the data. */
  readonly range?: readonly [number, number];
  /** Values marked by a thin line across the chart. */
  readonly marks?: readonly { readonly axis: 'x' | 'y'; readonly at: number; readonly text: string }[];
}

/** One bar; bars of the same `group` share a colour. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly group?: string;
}

/** Okabe & Ito (2008), readable for every colour vision. */
const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'];

const colorOf = (i: number) => palette[i % palette.length];

function legend(many: boolean) {
  return {
    showlegend: many,
    legend: legendOnTop,
    margin: { l: 70, r: 24, t: many ? 108 : 74, b: 58 },
  };
}

function markOf({ axis, at, text }: NonNullable<LineOptions['marks']>[number], log: boolean) {
  const other = axis === 'x' ? 'y' : 'x';
  const line = { color: faint, width: 1, dash: 'dot' };
  const shape = { type: 'line', [`${axis}0`]: at, [`${axis}1`]: at, [`${other}0`]: 0, [`${other}1`]: 1, line };
  const place =
    axis === 'x' ? { y: 1, yanchor: 'top', xanchor: 'left', xshift: 3 } : { x: 1, xanchor: 'right', yanchor: 'bottom' };
  return {
    shape: { ...shape, [`${other}ref`]: 'paper' },
    // plotly places annotations on a logarithmic axis by the logarithm, shapes by the value
    note: {
      ...{ text, showarrow: false, font: { size: 12, color: faint }, [`${other}ref`]: 'paper' },
      bgcolor: 'rgba(255,255,255,0.8)',
      [axis]: log ? Math.log10(at) : at,
      ...place,
    },
  };
}

/** A logarithmic axis over two decades or more is labelled at whole powers of ten only. */
function axisType(log: boolean, values: readonly number[]) {
  if (!log) return { type: 'linear' };
  const wide = Math.max(...values) >= 100 * Math.min(...values);
  return { type: 'log', ...(wide && { dtick: 1 }) };
}

/** Lines over a common axis. @throws UserError on no series, or a value that a logarithmic axis cannot show. */
export function lineChart(series: readonly Series[], options: LineOptions): Figure {
  if (series.length === 0) throw new UserError(`chart ${options.name}: no series to draw`);
  const { logX = false, logY = false, range, marks = [] } = options;
  for (const { name, x, y } of series) {
    if (x.length !== y.length) throw new UserError(`series "${name}": ${x.length} x values and ${y.length} y values`);
    const bad = (logX && x.find((v) => !(v > 0))) ?? (logY && y.find((v) => !(v > 0)));
    if (typeof bad === 'number') throw new UserError(`series "${name}" holds ${bad}: no logarithmic scale`);
  }
  const drawn = marks.map((mark) => markOf(mark, mark.axis === 'x' ? logX : logY));
  return {
    name: options.name,
    ...(options.caption !== undefined && { caption: options.caption }),
    data: series.map(({ name, x, y, color, dash = 'solid', mode = 'lines' }, i): Trace => {
      const own = color ?? colorOf(i);
      return { name, x, y, mode, line: { color: own, dash, width: 2 }, marker: { color: own, size: 6 } };
    }),
    layout: {
      ...baseLayout(options.title, options.subtitle ?? ''),
      ...legend(series.length > 1),
      shapes: drawn.map(({ shape }) => shape),
      annotations: drawn.map(({ note }) => note),
      xaxis: titledAxis(
        options.x,
        axisType(
          logX,
          series.flatMap(({ x }) => x),
        ),
      ),
      yaxis: titledAxis(options.y, {
        ...axisType(
          logY,
          series.flatMap(({ y }) => y),
        ),
        ...(range && { range: logY ? range.map(Math.log10) : range }),
      }),
    },
  };
}

/** Bars in the order given. @throws UserError on no bars. */
export function barChart(bars: readonly Bar[], options: PlainOptions): Figure {
  if (bars.length === 0) throw new UserError(`chart ${options.name}: no bars to draw`);
  const groups = [...new Set(bars.map((bar) => bar.group ?? ''))];
  const labels = bars.map((bar) => bar.label);
  return {
    name: options.name,
    ...(options.caption !== undefined && { caption: options.caption }),
    data: groups.map((group, i): Trace => {
      const mine = bars.filter((bar) => (bar.group ?? '') === group);
      return {
        type: 'bar',
        name: group,
        x: mine.map((bar) => bar.label),
        y: mine.map((bar) => bar.value),
        marker: { color: colorOf(i), line: { color: ink, width: 0 } },
      };
    }),
    layout: {
      ...baseLayout(options.title, options.subtitle ?? ''),
      ...legend(groups.length > 1),
      barmode: 'overlay',
      bargap: 0.25,
      xaxis: titledAxis(options.x, {
        ...{ type: 'category', showgrid: false, categoryorder: 'array', categoryarray: labels, dtick: 1 },
        ...(labels.length > 12 && { tickangle: -90 }),
      }),
      yaxis: titledAxis(options.y, { rangemode: 'tozero' }),
    },
  };
}

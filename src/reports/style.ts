/**
 * The house style of every chart: one font, one colour, dash and marker for each method, the same in every figure.
 *
 * Colours: Okabe & Ito (2008) for the methods met most often, Paul Tol's "muted" set for the rest. Where two
 * colours come close for a colour-blind reader, dash and marker differ (tests/reports/style.test.ts checks it).
 */
import type { Layout } from './figure';

/** How one method is drawn. */
export interface MethodStyle {
  /** Name in titles, legends and tables. */
  readonly title: string;
  readonly color: string;
  readonly dash: 'solid' | 'dash' | 'dot' | 'dashdot' | 'longdash';
  readonly symbol: string;
}

const style = (
  title: string,
  color: string,
  dash: MethodStyle['dash'] = 'solid',
  symbol = 'circle',
): Readonly<MethodStyle> => ({ title, color, dash, symbol });

const styles: ReadonlyMap<string, MethodStyle> = new Map(
  Object.entries({
    frozen: style('Frozen base', '#BBBBBB', 'solid', 'line-ew'),
    full: style('Full fine-tuning', '#000000', 'solid', 'square'),
    lora: style('LoRA', '#009E73', 'solid', 'circle'),
    rslora: style('rsLoRA', '#56B4E9', 'dash', 'triangle-up'),
    dora: style('DoRA', '#CC79A7', 'dashdot', 'triangle-down'),
    'lora+': style('LoRA+', '#E69F00', 'longdash', 'cross'),
    pissa: style('PiSSA', '#332288', 'dot', 'x'),
    olora: style('OLoRA', '#882255', 'dash', 'pentagon'),
    'lora-ga': style('LoRA-GA', '#0072B2', 'solid', 'diamond'),
    adalora: style('AdaLoRA', '#999933', 'dot', 'hexagon'),
    eva: style('EVA', '#44AA99', 'longdash', 'star-square'),
    gora: style('GoRA', '#D55E00', 'solid', 'star'),
    'lora-one': style('LoRA-One', '#AA4499', 'longdash', 'bowtie'),
    'lora-pro': style('LoRA-Pro', '#117733', 'dash', 'hourglass'),
    'lora-fa': style('LoRA-FA', '#88CCEE', 'dot', 'triangle-left'),
    'lora-ga2': style('LoRA-GA²', '#0072B2', 'dashdot', 'diamond-open'),
    'ls-lora': style('LS-LoRA', '#999933', 'dash', 'hexagon-open'),
    'full-targets': style('Full, targets only', '#444444', 'dot', 'square-open'),
    qlora: style('QLoRA', '#009E73', 'dot', 'circle-open'),
    qgora: style('QGoRA', '#D55E00', 'dashdot', 'star-open'),
  }),
);

const aliases: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'lora-plus': 'lora+',
    loraplus: 'lora+',
    loraga: 'lora-ga',
    loraone: 'lora-one',
    lorapro: 'lora-pro',
    lorafa: 'lora-fa',
    'lora-ga²': 'lora-ga2',
    'full-ft': 'full',
  }),
);

/** Names of the methods with a style of their own, in the order that charts and tables list them. */
export const styledMethods: readonly string[] = [
  ...['frozen', 'full', 'lora', 'rslora', 'dora', 'lora+', 'pissa', 'olora', 'eva', 'adalora', 'lora-fa', 'lora-pro'],
  ...['lora-one', 'lora-ga', 'lora-ga2', 'gora', 'ls-lora', 'full-targets', 'qlora', 'qgora'],
];

const spareColors = ['#CC6677', '#661100', '#6699CC', '#888888', '#DDAA33'];
const spareDashes = ['longdash', 'dashdot', 'dot', 'dash'] as const;
const spareSymbols = ['square-open', 'triangle-up-open', 'cross-open', 'x-open', 'pentagon-open', 'hexagon-open'];

/**
 * The style of a method by its name; case and the spellings `lora-plus`, `lora-ga²` … do not matter.
 * A name not in the list gets a style from its letters, so it too stays the same from figure to figure.
 */
export function methodStyle(method: string): MethodStyle {
  const name = method.toLowerCase();
  const known = styles.get(aliases.get(name) ?? name);
  if (known) return known;
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  return style(
    method,
    spareColors[hash % spareColors.length],
    spareDashes[(hash >>> 8) % spareDashes.length],
    spareSymbols[(hash >>> 16) % spareSymbols.length],
  );
}

/** Methods in the house order; unknown names follow in the order given, which is that of a comparison's variants. */
export function sortMethods(methods: Iterable<string>): string[] {
  const place = (method: string) => {
    const name = method.toLowerCase();
    const index = styledMethods.indexOf(aliases.get(name) ?? name);
    return index < 0 ? styledMethods.length : index;
  };
  return [...new Set(methods)].sort((a, b) => place(a) - place(b));
}

/** `#RRGGBB` with an opacity, for bands. */
export function withAlpha(color: string, alpha: number): string {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

/** DejaVu Sans ships with the kit; Verdana has nearly its widths where an SVG is read without it. */
export const fontFamily = 'DejaVu Sans, Verdana, sans-serif';
export const ink = '#222222';
export const faint = '#666666';

/** Look shared by all axes. */
export const axis: Layout = {
  gridcolor: '#E6E6E6',
  linecolor: '#444444',
  zerolinecolor: '#CCCCCC',
  tickcolor: '#444444',
  ticks: 'outside',
  ticklen: 4,
  showline: true,
  automargin: true,
};

/** An axis in the house look with a title (`<br>` breaks it). */
export function titledAxis(title: string, more: Layout = {}): Layout {
  return { ...axis, title: { text: title, font: { size: 13 }, standoff: 8 }, ...more };
}

/** A legend in one row over the plot. */
export const legendOnTop: Layout = { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom' };

/** `title` on top, left-aligned (a question the chart answers), with an optional smaller line under it. */
export function baseLayout(title: string, subtitle: string, width = 760, height = 460): Layout {
  return {
    width,
    height,
    font: { family: fontFamily, size: 13, color: ink },
    title: {
      text: `<b>${title}</b><br><span style="font-size:12px;color:${faint}">${subtitle}</span>`,
      font: { size: 16 },
      x: 0,
      xref: 'container',
      xanchor: 'left',
      y: 1,
      yref: 'container',
      yanchor: 'top',
      pad: { l: 16, t: 24 },
    },
    paper_bgcolor: '#FFFFFF',
    plot_bgcolor: '#FFFFFF',
    margin: { l: 64, r: 24, t: 74, b: 56 },
    showlegend: false,
    hovermode: 'closest',
    xaxis: { ...axis },
    yaxis: { ...axis },
  };
}

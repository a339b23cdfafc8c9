/** One number a layer as a heatmap of blocks × matrices, the value written in each cell. */
import type { Figure, Trace } from '../figure';
import { baseLayout, titledAxis } from '../style';
import { layerPlaces } from './layers';

export interface LayerHeatmapOptions {
  readonly name: string;
  /** The question that the chart answers. */
  readonly title: string;
  readonly subtitle: string;
  /** What the numbers are, on the colour bar: `rank`. */
  readonly noun: string;
  readonly caption?: string;
}

/** A value for a cell or a bar: whole numbers as they are, others with two figures or one decimal. */
export const short = (value: number) =>
  Number.isInteger(value) ? String(value) : Math.abs(value) >= 1 ? value.toFixed(1) : value.toPrecision(2);

/** Light to dark blue: order survives greyscale printing and every colour vision. */
const blues = [
  [0, '#F2F7FB'],
  [0.35, '#B9D5EA'],
  [0.7, '#4F94C4'],
  [1, '#0B3C68'],
];

const bare = { type: 'category', showgrid: false, showline: false, ticks: '' };

/** The values in their cells: white on the dark quarter of the scale, ink elsewhere. */
function cellTexts(columns: readonly string[], labels: readonly string[], z: readonly (number | null)[][]): Trace[] {
  const all = z.flat().filter((value): value is number => value !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const cells = z.flatMap((row, i) =>
    row.flatMap((value, j) =>
      value === null ? [] : [{ x: columns[j], y: labels[i], value, dark: value - low > 0.75 * (high - low) }],
    ),
  );
  return [false, true].flatMap((dark): Trace[] => {
    const mine = cells.filter((cell) => cell.dark === dark);
    if (mine.length === 0) return [];
    return [
      {
        mode: 'text',
        x: mine.map((cell) => cell.x),
        y: mine.map((cell) => cell.y),
        text: mine.map((cell) => short(cell.value)),
        textfont: { color: dark ? '#FFFFFF' : '#111111', size: 12 },
        hoverinfo: 'skip',
      },
    ];
  });
}

/** Rows are blocks in order, columns matrices; a layer outside the blocks stands in a row of its own. */
export function layerHeatmap(values: ReadonlyMap<string, number>, options: LayerHeatmapOptions): Figure {
  const { noun } = options;
  const places = layerPlaces(values.keys());
  const columns = [...new Set([...places.values()].map((place) => place.matrix))];
  const rows = new Map<string, Map<string, number>>();
  for (const [layer, { stack, block, matrix }] of places) {
    const row = block === null ? 'outside' : `${stack}${stack ? ' ' : ''}${block}`;
    const cells = rows.get(row) ?? new Map<string, number>();
    cells.set(matrix, values.get(layer)!);
    rows.set(row, cells);
  }
  const labels = [...rows.keys()];
  const z = labels.map((row) => columns.map((column) => rows.get(row)!.get(column) ?? null));
  const cell = Math.max(74, ...columns.map((column) => 14 + 8 * column.length));
  const height = 150 + Math.max(labels.length * 28, 90);
  const width = Math.max(440, Math.min(1400, 190 + columns.length * cell));
  return {
    name: options.name,
    ...(options.caption !== undefined && { caption: options.caption }),
    data: [
      {
        type: 'heatmap',
        x: columns,
        y: labels,
        z,
        hovertemplate: `block %{y}, %{x}: ${noun} %{z}<extra></extra>`,
        colorscale: blues,
        xgap: 2,
        ygap: 2,
        colorbar: {
          title: { text: noun, side: 'right', font: { size: 13 } },
          ...{ thickness: 12, outlinewidth: 0, ticks: 'outside', ticklen: 3 },
        },
      },
      ...cellTexts(columns, labels, z),
    ],
    layout: {
      ...baseLayout(options.title, options.subtitle, width, height),
      xaxis: titledAxis('matrix', bare),
      yaxis: titledAxis('block', { ...bare, autorange: 'reversed' }),
    },
  };
}

/** A chart as one description, plotly's data and layout, that every renderer and the notebook understand. */

/** One plotly trace. */
export type Trace = Record<string, unknown>;
/** A plotly layout; sizes in CSS pixels. */
export type Layout = Record<string, unknown>;

/** A chart: pure JSON, no functions, so it can be saved, shown and drawn anywhere. */
export interface Figure {
  /** Name of the files it is written to, e.g. `loss-sst2`. */
  readonly name: string;
  readonly data: readonly Trace[];
  readonly layout: Layout;
  /** What is shown and how it was computed: the text under the chart in a paper. */
  readonly caption?: string;
}

/** Width and height of a figure in CSS pixels. */
export function figureSize(figure: Figure): { width: number; height: number } {
  const { width, height } = figure.layout;
  return { width: typeof width === 'number' ? width : 760, height: typeof height === 'number' ? height : 460 };
}

/** Tables and charts from run records. */
export { type MetricOptions, metricBars, timeBars } from './charts/bars';
export { type CurveOptions, lossCurves, smooth } from './charts/curves';
export { type LayerHeatmapOptions, layerHeatmap } from './charts/layer-heatmap';
export { layerPlaces } from './charts/layers';
export { learningRateCurves } from './charts/learning-rates';
export { type Bar, barChart, type LineOptions, lineChart, type PlainOptions, type Series } from './charts/plain';
export { type RankOptions, rankBars, rankHeatmap } from './charts/ranks';
export { type Convergence, type ConvergenceOptions, convergence, convergenceTable } from './convergence';
export { type CostBench, costTable, readCostBench, timesOf } from './cost';
export { type ExportOptions, escapeLatex, exportTable, type TableFormat, tableFormats } from './export';
export { type Figure, figureSize, type Layout, type Trace } from './figure';
export { gradientStudyChart, gradientStudyTable } from './gradient-study';
export type { MetricColumn } from './measures';
export { agreement, rankAgreementTable, rankTypeTable, taskAgreementTable } from './rank-agreement';
export {
  closeRenderer,
  type FigureFormat,
  figureFormats,
  type RendererName,
  type RenderOptions,
  renderFigure,
} from './render';
export * from './stats';
export { baseLayout, type MethodStyle, methodStyle, sortMethods, styledMethods, withAlpha } from './style';
export {
  type Cell,
  type Column,
  type MethodTableOptions,
  meanSdText,
  methodTable,
  missing,
  type Table,
} from './table';
export { displayWidth, pad } from './text';

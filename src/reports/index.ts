/** Tables and charts from run records. */
export { type MetricOptions, metricBars, timeBars } from './charts/bars';
export { type CurveOptions, lossCurves, smooth } from './charts/curves';
export { layerPlaces } from './charts/layers';
export { type RankOptions, rankBars, rankHeatmap } from './charts/ranks';
export { type Figure, figureSize, type Layout, type Trace } from './figure';
export {
  closeRenderer,
  type FigureFormat,
  figureFormats,
  type RendererName,
  type RenderOptions,
  rendererInUse,
  renderFigure,
} from './render';
export * from './stats';
export { baseLayout, type MethodStyle, methodStyle, sortMethods, styledMethods, withAlpha } from './style';

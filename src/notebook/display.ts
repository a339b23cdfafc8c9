/** What cells use to show things. In a plain Node process the same calls print text. */
import { publish } from './publish';
import { type TableOptions, type TableSource, tableHtml, tableText } from './table';

export { type ShowChartOptions, showChart } from './chart';
export { type Bound, type Check, type Equality, showChecks } from './checks';
export { toFrame } from './frame';
export { plansOf, type Rerun, type ShowPlanOptions, showPlan, showTrack } from './plan';
export { type Progress, showProgress } from './progress';
export { showCosts, showGradientStudies } from './studies';
export type { FrameLike, Row, TableOptions, TableSource } from './table';

/** Shows rows, a danfo.js DataFrame, or a table made from run records. */
export function showTable(rows: TableSource, options: TableOptions = {}): void {
  publish({ 'text/html': tableHtml(rows, options), 'text/plain': tableText(rows, options) });
}

/** Shows HTML; where it is not trusted, scripts and most styles are removed. `text` stands in for it elsewhere. */
export function html(source: string, text = ''): void {
  publish({ 'text/html': source, 'text/plain': text });
}

/** Shows Markdown with formulas. */
export function markdown(source: string): void {
  publish({ 'text/markdown': source, 'text/plain': source });
}

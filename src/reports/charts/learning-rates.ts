/** The primary metric against the learning rate: a line a method, with the spread of the seeds. */
import { UserError } from '../../errors';
import type { RunRecord } from '../../experiments/record';
import type { Figure, Trace } from '../figure';
import { completed, methodsOf, titleOf } from '../group';
import { type Summary, summarise } from '../stats';
import { baseLayout, legendOnTop, methodStyle, titledAxis } from '../style';

interface Point {
  readonly lr: number;
  readonly summary: Summary;
}

/** Mean and spread at every learning rate that a method completed, rising. */
function pointsOf(records: readonly RunRecord[]): Point[] {
  const byRate = new Map<number, number[]>();
  for (const { spec, metrics, primary } of records) {
    const lr = spec.training.lr as number;
    byRate.set(lr, [...(byRate.get(lr) ?? []), metrics[primary.metric]]);
  }
  return [...byRate].sort(([a], [b]) => a - b).map(([lr, values]) => ({ lr, summary: summarise(values) }));
}

function traceOf(method: string, points: readonly Point[]): Trace {
  const { title, color, dash, symbol } = methodStyle(method);
  return {
    name: title,
    x: points.map(({ lr }) => lr),
    y: points.map(({ summary }) => summary.mean),
    error_y: { type: 'data', array: points.map(({ summary }) => summary.sd ?? 0), thickness: 1.5, width: 4, color },
    mode: 'lines+markers',
    line: { color, dash, width: 2 },
    marker: { color, symbol, size: 9 },
  };
}

/**
 * Learning rates of several methods on one task, wherever the records have them; diverged runs have no point.
 * @throws UserError when no record completed or the records are of several metrics.
 */
export function learningRateCurves(
  records: readonly RunRecord[],
  options: { name?: string; title?: string } = {},
): Figure {
  const done = completed(records);
  const titles = [...new Set(done.map((record) => record.primary.title))];
  if (titles.length > 1) throw new UserError(`a chart of learning rates shows one metric, not ${titles.join(', ')}`);
  const curves = methodsOf(done).map((method) => ({
    method,
    points: pointsOf(done.filter((record) => record.spec.method === method)),
  }));
  const seeds = new Set(done.map((record) => record.spec.seed)).size;
  const lost = records.length - done.length;
  const subtitle = [
    `mean of ${seeds} seed${seeds === 1 ? '' : 's'}`,
    seeds > 1 ? 'bars: ± sd' : '',
    `${done[0].primary.higherIsBetter ? 'higher' : 'lower'} is better`,
    lost > 0 ? `${lost} diverged run${lost === 1 ? '' : 's'} left out` : '',
  ].filter(Boolean);
  const rates = [...new Set(done.map((record) => record.spec.training.lr as number))].sort((a, b) => a - b);
  return {
    name: options.name ?? 'learning-rate-curves',
    caption: `${titles[0]} against the peak learning rate of ${curves.map((c) => titleOf(c.method)).join(', ')}. ${subtitle.join('; ')}.`,
    data: curves.map(({ method, points }) => traceOf(method, points)),
    layout: {
      ...baseLayout(options.title ?? 'Which method forgives a wrong learning rate?', subtitle.join(' · ')),
      showlegend: true,
      legend: legendOnTop,
      margin: { l: 64, r: 24, t: 104, b: 56 },
      xaxis: titledAxis('peak learning rate', { type: 'log', tickvals: rates, ticktext: rates.map(String) }),
      yaxis: titledAxis(titles[0]),
    },
  };
}

/** One number a method: final metrics and step times, with 95 % intervals and a point for every seed. */
import { UserError } from '../../errors';
import { unitOf } from '../../experiments/outcomes';
import type { RunRecord } from '../../experiments/record';
import type { Figure, Layout, Trace } from '../figure';
import { deviceText, type Group, groupRecords, groupsOfOneTask, metricValues, seedsText, titleOf } from '../group';
import { type Summary, summarise } from '../stats';
import { axis, baseLayout, methodStyle, titledAxis } from '../style';

export interface MetricOptions {
  name?: string;
  title?: string;
  /** Key of `record.metrics`; `primary` (default) is each task's own. */
  metric?: string;
  /** Title of the axis; the primary metric's by default. */
  axisTitle?: string;
  /** Factor on the values, e.g. 100 for per cent. */
  scale?: number;
  /** Digits after the point in the labels. */
  digits?: number;
  /** `data` (default) zooms on the values and draws dots; `zero` draws bars from zero. */
  from?: 'data' | 'zero';
}

interface Row {
  readonly method: string;
  readonly values: readonly number[];
  readonly label: (summary: Summary) => string;
}

/** Digits after the point that leave about four figures. */
export function digitsFor(values: readonly number[]): number {
  const largest = Math.max(0, ...values.map(Math.abs));
  return largest >= 1000 ? 0 : largest >= 100 ? 1 : largest >= 10 ? 2 : largest >= 1 ? 3 : 4;
}

const labelLength = (rows: readonly Row[]) => Math.max(...rows.map((row) => row.label(summarise(row.values)).length));

/** Range of the value axis with room for the labels: at the far end of bars, centred over the means of dots. */
function rangeOf(rows: readonly Row[], bars: boolean, plotWidth: number): [number, number] {
  const ends = rows.flatMap(({ values }) => {
    const { low, high } = summarise(values);
    // an interval wider than five times the spread of the seeds (two seeds) is cut rather than flattening the chart
    const room = 2.5 * (Math.max(...values) - Math.min(...values));
    return [
      Math.max(low ?? values[0], Math.min(...values) - room),
      Math.min(high ?? values[0], Math.max(...values) + room),
      ...values,
    ];
  });
  const [low, high] = [bars ? Math.min(0, ...ends) : Math.min(...ends), Math.max(...ends)];
  const span = high - low || Math.abs(high) || 1;
  const label = (7.8 * labelLength(rows)) / plotWidth;
  const share = bars ? Math.min(0.6, label) : 0;
  const from = bars && low === 0 ? 0 : low - span * 0.08;
  const to = high + span * (0.06 + share / (1 - share));
  if (bars) return [from, to];
  const means = rows.map(({ values }) => summarise(values).mean);
  const half = ((to - from) * label) / 2;
  return [Math.min(from, Math.min(...means) - half), Math.max(to, Math.max(...means) + half)];
}

function panel(rows: readonly Row[], bars: boolean, axisId: string): Trace[] {
  return rows.flatMap(({ method, values, label }): Trace[] => {
    const { title, color, symbol } = methodStyle(method);
    const summary = summarise(values);
    const half = summary.high === null ? undefined : summary.high - summary.mean;
    const main: Trace = {
      name: title,
      x: [summary.mean],
      y: [title],
      xaxis: axisId,
      error_x:
        half === undefined
          ? undefined
          : { type: 'data', array: [half], thickness: 1.8, width: 6, color: bars ? '#222' : color },
      hovertemplate: `${title}: ${label(summary)} (n = ${summary.n})<extra></extra>`,
    };
    const drawn: Trace = bars
      ? { ...main, type: 'bar', orientation: 'h', width: 0.62, marker: { color, opacity: 0.75 } }
      : {
          ...main,
          mode: 'markers+text',
          text: [label(summary)],
          textposition: 'top center',
          marker: { color, symbol, size: 11 },
        };
    const seeds: Trace = {
      x: values,
      y: values.map(() => title),
      xaxis: axisId,
      mode: 'markers',
      marker: { color: 'rgba(255,255,255,0.6)', size: 5, symbol: 'circle', line: { color: '#222222', width: 1 } },
      hovertemplate: `%{x}<extra>${title}, one seed</extra>`,
    };
    return values.length > 1 ? [drawn, seeds] : [drawn];
  });
}

/** Labels of bars stand in one column at the right end, clear of the intervals. */
function barLabels(rows: readonly Row[], axisId: string) {
  return rows.map(({ method, values, label }) => ({
    text: label(summarise(values)),
    x: 1,
    xref: `${axisId} domain`,
    xanchor: 'right',
    y: titleOf(method),
    yref: 'y',
    showarrow: false,
  }));
}

function methodAxis(methods: readonly string[]): Layout {
  return {
    ...axis,
    type: 'category',
    categoryorder: 'array',
    categoryarray: methods.map(titleOf).reverse(),
    range: [-0.6, methods.length - 0.3],
    showgrid: false,
    ticks: '',
  };
}

const intervalText = (groups: readonly Group[]) =>
  groups.some((group) => group.records.length > 1) ? 'bars: 95 % interval of the mean · small circles: seeds' : '';

/**
 * Final metrics, methods down, tasks across (each panel with its own axis).
 * @throws UserError when no completed record has the metric.
 */
export function metricBars(records: readonly RunRecord[], options: MetricOptions = {}): Figure {
  const { metric = 'primary', scale = 1 } = options;
  const bars = options.from === 'zero';
  const groups = groupRecords(records).filter((group) => metricValues(group.records, metric).length > 0);
  if (groups.length === 0) throw new UserError(`no completed record has the metric ${metric}`);
  const tasks = [...new Set(groups.map((group) => group.task))];
  const methods = [...new Set(groups.map((group) => group.method))];
  const gap = 0.06;
  const share = (1 - gap * (tasks.length - 1)) / tasks.length;
  const primaries = tasks.map((task) => groups.find((group) => group.task === task)!.records[0].primary);
  const axisTitles = primaries.map((primary) => options.axisTitle ?? (metric === 'primary' ? primary.title : metric));
  const directions = new Set(primaries.map(({ higherIsBetter }) => (higherIsBetter ? 'higher' : 'lower')));
  const { title } = primaries[0];
  const same = (texts: readonly string[]) => new Set(texts).size === 1;
  // what all panels share stands in the subtitle, so that panels may be narrow
  const shared = tasks.length > 1 && same(axisTitles.map(unitOf));
  const measured = same(axisTitles) ? axisTitles[0] : `each task’s own metric (${unitOf(axisTitles[0])})`;
  const width = Math.max(760, 200 + 230 * tasks.length);
  const data: Trace[] = [];
  const annotations: Layout[] = [];
  const axes: Layout = {};
  const axisTitle = (i: number) => {
    const arrow = directions.size > 1 && metric === 'primary' ? (primaries[i].higherIsBetter ? ' ↑' : ' ↓') : '';
    if (tasks.length === 1) return axisTitles[i];
    return shared ? `${tasks[i]}${arrow}` : `${tasks[i]}<br>${axisTitles[i]}${arrow}`;
  };
  tasks.forEach((task, i) => {
    const scores = groups
      .filter((group) => group.task === task)
      .map(({ method, records }) => ({
        method,
        values: metricValues(records, metric).map(({ value }) => value * scale),
      }));
    const digits = options.digits ?? digitsFor(scores.flatMap(({ values }) => values));
    const rows = scores.map((row): Row => ({ ...row, label: (s) => s.mean.toFixed(digits) }));
    const id = i === 0 ? '' : String(i + 1);
    data.push(...panel(rows, bars, `x${id}`));
    if (bars) annotations.push(...barLabels(rows, `x${id}`));
    axes[`xaxis${id}`] = titledAxis(axisTitle(i), {
      domain: [i * (share + gap), i * (share + gap) + share],
      range: rangeOf(rows, bars, (width - 170) * share),
      nticks: tasks.length > 2 ? 5 : 7,
    });
  });
  const subtitle = [
    tasks.length === 1 ? tasks[0] : '',
    shared ? measured : '',
    seedsText(groups),
    intervalText(groups),
    metric === 'primary' && directions.size === 1 ? `${[...directions][0]} is better` : '',
  ].filter(Boolean);
  const height = 150 + 44 * methods.length;
  const layout = baseLayout(
    options.title ??
      (metric === 'primary' && tasks.length === 1
        ? `Which method reaches the best ${title.toLowerCase()}?`
        : 'Which method does best?'),
    subtitle.join(' · '),
    width,
    height,
  );
  return {
    name: options.name ?? `${metric}-${tasks.join('-')}`,
    caption: `${shared ? measured : axisTitles[0]} after training. ${subtitle.join('; ')}.`,
    data,
    layout: { ...layout, ...axes, annotations, barmode: 'overlay', yaxis: methodAxis(methods) },
  };
}

/**
 * Median time of a training step, and its ratio to the baseline where that was run.
 * @throws UserError when the records are of several tasks or none was timed.
 */
export function timeBars(
  records: readonly RunRecord[],
  options: { name?: string; title?: string; baseline?: string } = {},
): Figure {
  const baseline = options.baseline ?? 'lora';
  const groups = groupsOfOneTask(records, 'a time chart');
  const timed = groups.flatMap((group) => {
    const values = group.records.map((record) => record.timings.stepMedian).filter(Number.isFinite);
    return values.length > 0 ? [{ group, values }] : [];
  });
  if (timed.length === 0) throw new UserError('no completed record has timings.stepMedian: nothing to draw');
  const base = timed.find(({ group }) => group.method === baseline);
  const reference = base && summarise(base.values).mean;
  const rows = timed.map(({ group, values }): Row => {
    return {
      method: group.method,
      values,
      label: (s) => {
        const own = `${s.mean.toFixed(Math.min(2, digitsFor([s.mean])))} ms`;
        if (!reference || group.method === baseline) return own;
        return `${own} · ${(s.mean / reference).toFixed(2)} × ${titleOf(baseline)}`;
      },
    };
  });
  const device = deviceText(timed.flatMap(({ group }) => group.records));
  const task = groups[0].task;
  const subtitle = [`${task}, ${seedsText(groups)}`, intervalText(groups), device].filter(Boolean);
  return {
    name: options.name ?? `step-time-${task}`,
    caption: `Median time of one training step. ${subtitle.join('; ')}.`,
    data: panel(rows, true, 'x'),
    layout: {
      ...baseLayout(
        options.title ?? 'What does a training step cost?',
        subtitle.join(' · '),
        760,
        150 + 40 * rows.length,
      ),
      barmode: 'overlay',
      annotations: barLabels(rows, 'x'),
      xaxis: titledAxis('milliseconds a step', { range: rangeOf(rows, true, 600) }),
      yaxis: methodAxis(rows.map((row) => row.method)),
    },
  };
}

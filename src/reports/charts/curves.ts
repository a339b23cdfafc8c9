/** Training loss against step: a line a method (mean over seeds), a band, names at the ends. */
import { UserError } from '../../errors';
import type { RunRecord } from '../../experiments/record';
import type { Figure, Layout, Trace } from '../figure';
import { type Group, groupsOfOneTask, seedsText, titleOf } from '../group';
import { type Summary, summarise } from '../stats';
import { baseLayout, methodStyle, titledAxis, withAlpha } from '../style';

export interface CurveOptions {
  name?: string;
  title?: string;
  /** Weight of the past in an exponential moving average (bias-corrected), 0 ≤ β < 1; 0 (default) leaves it out. */
  smoothing?: number;
  logScale?: boolean;
  /** What the band shows: the 95 % interval of the mean (default) or the sample deviation of the seeds. */
  band?: 'interval' | 'sd';
  /** Method at whose final mean loss a dotted line is drawn. */
  levelOf?: string;
}

/** Exponential moving average v ← β·v + (1 − β)·x, divided by 1 − βᵗ so that it starts unbiased (Adam's correction). */
export function smooth(values: readonly number[], beta: number): number[] {
  if (!(beta >= 0 && beta < 1)) throw new UserError(`smoothing must be in [0, 1), not ${beta}`);
  let average = 0;
  return values.map((value, i) => {
    average = beta * average + (1 - beta) * value;
    return average / (1 - beta ** (i + 1));
  });
}

interface Curve {
  readonly method: string;
  readonly steps: number[];
  readonly mean: number[];
  readonly low: number[];
  readonly high: number[];
}

/** Bottom and top of the band; both the mean for one seed. */
function bandOf({ mean, sd, low, high }: Summary, band: CurveOptions['band']): readonly [number, number] {
  return band === 'sd' ? [mean - (sd ?? 0), mean + (sd ?? 0)] : [low ?? mean, high ?? mean];
}

/** Mean and band at the steps that every seed logged, where every loss is a number. */
function curveOf(group: Group, beta: number, band: CurveOptions['band']): Curve {
  const runs = group.records.map(({ curve }) => {
    const finite = curve.step.map((step, i) => ({ step, loss: curve.loss[i] })).filter((p) => Number.isFinite(p.loss));
    const losses = smooth(
      finite.map((p) => p.loss),
      beta,
    );
    return new Map(finite.map((p, i) => [p.step, losses[i]]));
  });
  const steps = [...runs[0].keys()].filter((step) => runs.every((run) => run.has(step))).sort((a, b) => a - b);
  const points = steps.map((step) => summarise(runs.map((run) => run.get(step)!)));
  return {
    method: group.method,
    steps,
    mean: points.map((p) => p.mean),
    low: points.map((p) => bandOf(p, band)[0]),
    high: points.map((p) => bandOf(p, band)[1]),
  };
}

/** A dotted line at the final mean loss of a method. @throws UserError when no curve is of that method. */
function levelShape(curves: readonly Curve[], method: string): Layout {
  const curve = curves.find((one) => one.method === method);
  if (!curve) throw new UserError(`no curve of ${method} to draw a level at`);
  const level = curve.mean.at(-1)!;
  const line = { color: methodStyle(method).color, width: 1.2, dash: 'dot' };
  return { type: 'line', xref: 'paper', x0: 0, x1: 1, y0: level, y1: level, line };
}

/** Moves label positions (pixels, any order) apart to at least `gap`, as little as one sweep allows, inside [0, max]. */
export function spread(positions: readonly number[], gap: number, max: number): number[] {
  const order = positions.map((_, i) => i).sort((i, j) => positions[i] - positions[j]);
  const placed = [...positions];
  let floor = 0;
  for (const i of order) floor = (placed[i] = Math.max(placed[i], floor)) + gap;
  let ceiling = max;
  for (const i of order.reverse()) ceiling = (placed[i] = Math.min(placed[i], ceiling)) - gap;
  return placed;
}

function tracesOf(curve: Curve, bandAlpha: number): Trace[] {
  const { title, color, dash, symbol } = methodStyle(curve.method);
  const band: Trace = {
    x: [...curve.steps, ...[...curve.steps].reverse()],
    y: [...curve.high, ...[...curve.low].reverse()],
    fill: 'toself',
    fillcolor: withAlpha(color, bandAlpha),
    line: { width: 0 },
    mode: 'lines',
    hoverinfo: 'skip',
    showlegend: false,
  };
  const line: Trace = {
    name: title,
    x: curve.steps,
    y: curve.mean,
    mode: 'lines+markers',
    line: { color, dash, width: 2 },
    marker: { color, symbol, size: 7, maxdisplayed: 9 },
  };
  return bandAlpha > 0 ? [band, line] : [line];
}

/**
 * Loss curves of one task.
 * @throws UserError when the records are of several tasks, or no step was logged by every seed of a method.
 */
export function lossCurves(records: readonly RunRecord[], options: CurveOptions = {}): Figure {
  const { smoothing = 0, logScale = false, band = 'interval', levelOf } = options;
  const trained = records.filter(({ spec }) => spec.training.steps !== 0); // the frozen base has no curve
  const groups = groupsOfOneTask(trained, 'a loss chart');
  const curves = groups.map((group) => {
    const curve = curveOf(group, smoothing, band);
    if (curve.steps.length === 0) {
      throw new UserError(
        `the runs of ${group.method} on ${group.task} have no logged step in common: no curve to draw`,
      );
    }
    return curve;
  });
  const task = groups[0].task;
  const banded = groups.some((group) => group.records.length > 1);
  const subtitle = [
    `${task}, ${groups.some((g) => g.records.length > 1) ? 'mean of ' : ''}${seedsText(groups)}`,
    banded ? `band: ${band === 'sd' ? '± sd' : '95 % interval of the mean'}` : '',
    levelOf === undefined ? '' : `dotted: ${titleOf(levelOf)} at its end`,
    smoothing > 0 ? `moving average β = ${smoothing}` : 'not smoothed',
  ].filter(Boolean);
  const layout = baseLayout(options.title ?? 'Which method brings the loss down fastest?', subtitle.join(' · '));

  // Means decide the range: with two seeds the interval can be many times the effect.
  const scale = (value: number) => (logScale ? Math.log10(value) : value);
  const means = curves.flatMap((curve) => curve.mean);
  if (logScale && Math.min(...means) <= 0)
    throw new UserError(`losses on ${task} reach 0 or below: no logarithmic scale`);
  const [low, high] = [scale(Math.min(...means)), scale(Math.max(...means))];
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  const range = [low - pad, high + pad];
  const names = curves.map((curve) => titleOf(curve.method));
  const margin = { l: 70, r: 44 + 8 * Math.max(...names.map((name) => name.length)), t: 74, b: 58 };
  const height = (layout.height as number) - margin.t - margin.b;
  const pixel = (value: number) => ((range[1] - scale(value)) / (range[1] - range[0])) * height;
  const ends = curves.map((curve) => curve.mean.at(-1)!);
  const places = spread(ends.map(pixel), 17, height);
  const annotations = curves.map((curve, i) => ({
    text: names[i],
    x: 1,
    xref: 'paper',
    y: scale(ends[i]),
    yref: 'y',
    ax: 22,
    ay: places[i] - pixel(ends[i]),
    xanchor: 'left',
    showarrow: true,
    arrowhead: 0,
    arrowwidth: 1,
    arrowcolor: methodStyle(curve.method).color,
    font: { color: methodStyle(curve.method).color, size: 13 },
  }));
  const alpha = groups.length > 4 ? 0.08 : 0.16; // many bands must not hide the lines
  const lastStep = Math.max(...curves.map((curve) => curve.steps.at(-1)!));
  const firstStep = Math.min(...curves.map((curve) => curve.steps[0]));
  return {
    name: options.name ?? `loss-${task}`,
    caption: `Training loss on ${task}: ${subtitle.join('; ')}.`,
    data: curves.flatMap((curve, i) => tracesOf(curve, groups[i].records.length > 1 ? alpha : 0)),
    layout: {
      ...layout,
      margin,
      annotations,
      ...(levelOf === undefined ? {} : { shapes: [levelShape(curves, levelOf)] }),
      xaxis: titledAxis('training step', { automargin: false, range: [firstStep, lastStep] }),
      yaxis: titledAxis('training loss', { automargin: false, range, type: logScale ? 'log' : 'linear' }),
    },
  };
}

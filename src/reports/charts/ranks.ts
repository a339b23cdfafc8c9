/** Where the ranks (or importances) went: a heatmap of blocks × matrices, and bars per matrix. */
import { UserError } from '../../errors';
import type { RunRecord } from '../../experiments/record';
import type { Figure, Trace } from '../figure';
import { completed, type Group, groupsOfOneTask, seedsText, titleOf } from '../group';
import { mean, summarise } from '../stats';
import { baseLayout, faint, legendOnTop, methodStyle, titledAxis } from '../style';
import { layerHeatmap, short } from './layer-heatmap';
import { type LayerValues, layerMeans, layerPlaces } from './layers';

export interface RankOptions {
  name?: string;
  title?: string;
  /** What is shown; `ranks` by default. */
  value?: 'ranks' | 'importances';
}

type Kind = NonNullable<RankOptions['value']>;

/** Every layer's value. @throws UserError when the run has none. */
function valuesOf(record: RunRecord, kind: Kind): LayerValues {
  const own = record[kind];
  if (!own) throw new UserError(`${record.id} has no ${kind}: ${record.spec.method} does not set them`);
  return own;
}

/**
 * Blocks × matrices with the value written in each cell; several seeds are averaged.
 * @throws UserError when the records are of several tasks or methods, or have no ranks.
 */
export function rankHeatmap(records: RunRecord | readonly RunRecord[], options: RankOptions = {}): Figure {
  const kind = options.value ?? 'ranks';
  const groups = groupsOfOneTask(Array.isArray(records) ? records : [records as RunRecord], 'a rank heatmap');
  if (groups.length > 1) {
    throw new UserError(
      `a rank heatmap shows one method, but the records are of ${groups.map((g) => g.method).join(', ')}`,
    );
  }
  const [group] = groups;
  const noun = kind === 'ranks' ? 'rank' : 'importance';
  const subtitle = `${group.task}, ${titleOf(group.method)}, ${group.records.length > 1 ? 'mean of ' : ''}${seedsText([group])}`;
  return layerHeatmap(new Map(Object.entries(layerMeans(group.records.map((record) => valuesOf(record, kind))))), {
    name: options.name ?? `${kind}-${group.task}-${group.method}`,
    title: options.title ?? `Where does ${titleOf(group.method)} put its ${noun}?`,
    subtitle,
    noun,
    caption: `${kind === 'ranks' ? 'Rank' : 'Importance'} of every adapted matrix (rows: blocks). ${subtitle}.`,
  });
}

function barsOf(group: Group, kind: Kind, columns: readonly string[]): Trace[] {
  const { title, color } = methodStyle(group.method);
  const perSeed = group.records.map((record) => {
    const values = Object.entries(valuesOf(record, kind));
    const places = layerPlaces(values.map(([layer]) => layer));
    return columns.map((column) => {
      const mine = values.filter(([layer]) => places.get(layer)!.matrix === column).map(([, value]) => value);
      return mine.length > 0 ? mean(mine) : Number.NaN;
    });
  });
  const summaries = columns.map((_, i) => {
    const values = perSeed.map((seed) => seed[i]).filter(Number.isFinite);
    return values.length > 0 ? summarise(values) : null;
  });
  return [
    {
      type: 'bar',
      name: title,
      x: columns,
      y: summaries.map((s) => s?.mean ?? null),
      text: summaries.map((s) => (s ? short(s.mean) : '')),
      textposition: 'inside',
      insidetextanchor: 'start',
      textangle: 0,
      marker: { color },
      error_y: {
        type: 'data',
        array: summaries.map((s) => (s?.high == null ? 0 : s.high - s.mean)),
        thickness: 1.5,
        width: 4,
        color: faint,
      },
    },
  ];
}

/** Mean rank of each kind of matrix over the blocks, a bar a method; error bars are 95 % intervals over seeds. */
export function rankBars(records: readonly RunRecord[], options: RankOptions = {}): Figure {
  const kind = options.value ?? 'ranks';
  const withValues = completed(records).filter((record) => record[kind] !== null);
  if (withValues.length === 0) throw new UserError(`no record has ${kind}: choose runs of a method that sets them`);
  const groups = groupsOfOneTask(withValues, 'a rank chart');
  const layers = new Set(withValues.flatMap((record) => Object.keys(record[kind]!)));
  const columns = [...new Set([...layerPlaces(layers).values()].map((place) => place.matrix))];
  const subtitle = [
    `${groups[0].task}, mean over blocks and ${seedsText(groups)}`,
    groups.some((group) => group.records.length > 1) ? 'bars: 95 % interval over seeds' : '',
  ].filter(Boolean);
  const noun = kind === 'ranks' ? 'rank' : 'importance';
  return {
    name: options.name ?? `${kind}-per-matrix-${groups[0].task}`,
    caption: `Mean ${noun} per kind of matrix. ${subtitle.join('; ')}.`,
    data: groups.flatMap((group) => barsOf(group, kind, columns)),
    layout: {
      ...baseLayout(options.title ?? `Which matrices get the most ${noun}?`, subtitle.join(' · ')),
      showlegend: groups.length > 1,
      legend: legendOnTop,
      margin: { l: 64, r: 24, t: groups.length > 1 ? 104 : 74, b: 56 },
      bargap: 0.25,
      bargroupgap: 0.08,
      xaxis: titledAxis('matrix', { type: 'category', showgrid: false }),
      yaxis: titledAxis(`mean ${noun}`, { rangemode: 'tozero' }),
    },
  };
}

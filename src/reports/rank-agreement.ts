/** Are the ranks a property of model and task, or chance? Agreement between seeds and between tasks; means per matrix type. */
import type { RunRecord } from '../experiments/record';
import { type LayerValues, layerMeans, layerPlaces } from './charts/layers';
import { completed, type Group, groupRecords, titleOf } from './group';
import { mean, spearman, summarise } from './stats';
import { type Cell, type Column, meanSdText, missing, type Table } from './table';

/** How well the values of several runs agree, over all pairs of runs. */
export interface Agreement {
  readonly pairs: number;
  /** Spearman's correlation over the layers; null where a side is constant in every pair. */
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Share of the layers with the same value, mean over pairs. */
  readonly same: number;
}

/** Layers that both have, in the first one's order. */
const common = (a: LayerValues, b: LayerValues) => Object.keys(a).filter((layer) => Object.hasOwn(b, layer));

/** Spearman's correlation over the common layers; null for fewer than two or where a side is constant. */
export function layerCorrelation(a: LayerValues, b: LayerValues): number | null {
  const layers = common(a, b);
  if (layers.length < 2) return null;
  return spearman(
    layers.map((layer) => a[layer]),
    layers.map((layer) => b[layer]),
  );
}

/** Agreement over all pairs; null for fewer than two runs. */
export function agreement(runs: readonly LayerValues[]): Agreement | null {
  const pairs = runs.flatMap((a, i) => runs.slice(i + 1).map((b) => [a, b] as const));
  if (pairs.length === 0) return null;
  const found = pairs.map(([a, b]) => layerCorrelation(a, b)).filter((value): value is number => value !== null);
  const same = pairs.map(([a, b]) => {
    const layers = common(a, b);
    return layers.filter((layer) => a[layer] === b[layer]).length / Math.max(1, layers.length);
  });
  return {
    pairs: pairs.length,
    mean: found.length > 0 ? mean(found) : null,
    low: found.length > 0 ? Math.min(...found) : null,
    high: found.length > 0 ? Math.max(...found) : null,
    same: mean(same),
  };
}

type Kind = 'ranks' | 'importances';
const valuesOf = (records: readonly RunRecord[], kind: Kind): LayerValues[] =>
  records.map((record) => record[kind]).filter((values): values is Record<string, number> => values !== null);

/** Groups whose methods choose ranks, those of two runs or more. */
function rankedGroups(records: readonly RunRecord[]): Group[] {
  return groupRecords(records).filter(({ records: mine }) => {
    const ranks = valuesOf(mine, 'ranks');
    return ranks.length > 0 && ranks.some((one) => new Set(Object.values(one)).size > 1);
  });
}

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string, parts: readonly string[]): Column => ({ title, align: 'right', parts });

function correlationCell(found: Agreement | null, records: readonly string[]): Cell {
  if (found?.mean == null) return { text: missing, records };
  const { mean: centre, low, high, pairs } = found;
  const range = pairs > 1 ? ` (${low!.toFixed(2)} to ${high!.toFixed(2)})` : '';
  return { text: centre.toFixed(2) + range, numbers: [centre, low, high, pairs], records };
}

/**
 * Agreement of ranks and importances between seeds, a row a method and task; null where no method chooses ranks with
 * two seeds or more.
 */
export function rankAgreementTable(records: readonly RunRecord[], options: { name?: string } = {}): Table | null {
  const rows = rankedGroups(records).flatMap(({ task, method, records: mine }): Cell[][] => {
    const ranks = agreement(valuesOf(mine, 'ranks'));
    if (!ranks) return [];
    const ids = mine.map((record) => record.id);
    return [
      [
        { text: titleOf(method) },
        { text: task },
        { text: String(mine.length), numbers: [mine.length], records: ids },
        correlationCell(ranks, ids),
        { text: `${(100 * ranks.same).toFixed(0)}`, numbers: [100 * ranks.same], records: ids },
        correlationCell(agreement(valuesOf(mine, 'importances')), ids),
      ],
    ];
  });
  if (rows.length === 0) return null;
  return {
    name: options.name ?? 'rank-agreement',
    title: 'Do seeds agree on the ranks?',
    columns: [
      left('Method'),
      left('Case'),
      right('Seeds', ['n']),
      right('Spearman of ranks', ['mean', 'low', 'high', 'pairs']),
      right('Same rank (% of layers)', ['value']),
      right('Spearman of importances', ['mean', 'low', 'high', 'pairs']),
    ],
    rows,
    notes: ['Spearman’s correlation over the adapted matrices: mean over all pairs of seeds (lowest to highest).'],
  };
}

/** Agreement of the mean ranks between tasks on models with the same layers; null where there is no such pair. */
export function taskAgreementTable(records: readonly RunRecord[], options: { name?: string } = {}): Table | null {
  const groups = rankedGroups(records);
  const rows = groups.flatMap((a, i) =>
    groups.slice(i + 1).flatMap((b): Cell[][] => {
      if (a.method !== b.method || a.records[0].spec.model !== b.records[0].spec.model) return [];
      const ids = [...a.records, ...b.records].map((record) => record.id);
      const cell = (kind: Kind): Cell => {
        const [x, y] = [a, b].map((group) => valuesOf(group.records, kind));
        const value = x.length > 0 && y.length > 0 ? layerCorrelation(layerMeans(x), layerMeans(y)) : null;
        return value === null
          ? { text: missing, records: ids }
          : { text: value.toFixed(2), numbers: [value], records: ids };
      };
      return [[{ text: titleOf(a.method) }, { text: `${a.task} and ${b.task}` }, cell('ranks'), cell('importances')]];
    }),
  );
  if (rows.length === 0) return null;
  return {
    name: options.name ?? 'rank-agreement-tasks',
    title: 'Do tasks agree on the ranks?',
    columns: [
      left('Method'),
      left('Cases'),
      right('Spearman of ranks', ['value']),
      right('Spearman of importances', ['value']),
    ],
    rows,
    notes: ['Spearman’s correlation over the adapted matrices, of each task’s mean over seeds.'],
  };
}

/** Mean rank of each kind of matrix over the blocks, mean ± sd over seeds; a row a kind, a column a method and task. */
export function rankTypeTable(records: readonly RunRecord[], options: { name?: string } = {}): Table | null {
  const groups = rankedGroups(completed(records));
  if (groups.length === 0) return null;
  const layers = new Set(groups.flatMap(({ records: mine }) => valuesOf(mine, 'ranks').flatMap(Object.keys)));
  const places = layerPlaces(layers);
  const kinds = [...new Set([...places.values()].map((place) => place.matrix))];
  const several = new Set(groups.map((group) => group.task)).size > 1;
  const cell = ({ records: mine }: Group, kind: string): Cell => {
    const perSeed = valuesOf(mine, 'ranks').flatMap((ranks) => {
      const values = Object.entries(ranks).flatMap(([layer, rank]) =>
        places.get(layer)!.matrix === kind ? [rank] : [],
      );
      return values.length > 0 ? [mean(values)] : [];
    });
    if (perSeed.length === 0) return { text: missing };
    const summary = summarise(perSeed);
    const ids = mine.map((record) => record.id);
    return { text: meanSdText(summary, 2), numbers: [summary.mean, summary.sd, summary.n], records: ids };
  };
  return {
    name: options.name ?? 'rank-types',
    title: 'Mean rank of each kind of matrix',
    columns: [
      left('Matrix'),
      ...groups.map(({ task, method }) =>
        right(several ? `${titleOf(method)}, ${task}` : titleOf(method), ['mean', 'sd', 'n']),
      ),
    ],
    rows: kinds.map((kind) => [{ text: kind }, ...groups.map((group) => cell(group, kind))]),
    notes: ['Mean over blocks, then mean ± sample standard deviation over seeds.'],
  };
}

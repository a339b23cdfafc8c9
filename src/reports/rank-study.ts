/** A rank study as a table, a heat map, a map for the terminal, and PEFT's `rank_pattern`. */
import { basename } from 'node:path';
import type { RankStudy } from '../experiments/rank-study';
import { layerHeatmap } from './charts/layer-heatmap';
import { layerPlaces } from './charts/layers';
import type { Figure } from './figure';
import type { Table } from './table';

/** Characters that a file name may have. */
export const fileName = (text: string): string =>
  text
    .replace(/[^\w.-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(-80);

/** A model's name without the way to it. */
export const modelLabel = (model: string): string => (/^hf:|^[^/\\]*$/.test(model) ? model : basename(model));

const nameOf = ({ model, task }: RankStudy) => `ranks-${fileName(task)}-${fileName(modelLabel(model))}`;

const subtitleOf = (study: RankStudy) =>
  `${study.task}, ${modelLabel(study.model)}, rank ${study.rank} (${study.minRank}–${study.maxRank}), ${study.batches} batches of ${study.batchSize}, seed ${study.seed}`;

interface Place {
  readonly row: string;
  readonly matrix: string;
  readonly layer: string;
}

function places(study: RankStudy): Place[] {
  return [...layerPlaces(Object.keys(study.ranks))].map(([layer, { stack, block, matrix }]) => ({
    layer,
    matrix,
    row: block === null ? 'outside' : `${stack}${stack ? ' ' : ''}${block}`,
  }));
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** One row a matrix type: ranks, and its share of the importance and of the parameters. */
export function rankStudyTable(study: RankStudy): Table {
  const all = places(study);
  const total = Object.values(study.importances).reduce((a, b) => a + b, 0);
  const rows = [...new Set(all.map(({ matrix }) => matrix))].map((matrix) => {
    const layers = all.filter((place) => place.matrix === matrix).map(({ layer }) => layer);
    const ranks = layers.map((layer) => study.ranks[layer]);
    const share = layers.reduce((sum, layer) => sum + study.importances[layer], 0) / total;
    return { matrix, count: layers.length, ranks, share };
  });
  rows.sort((a, b) => mean(b.ranks) - mean(a.ranks));
  return {
    name: nameOf(study),
    title: `Where GoRA puts the ranks: ${subtitleOf(study)}`,
    columns: [
      { title: 'Matrix', align: 'left' },
      { title: 'Layers', align: 'right', parts: ['layers'] },
      { title: 'Mean rank', align: 'right', parts: ['mean'] },
      { title: 'Lowest', align: 'right', parts: ['min'] },
      { title: 'Highest', align: 'right', parts: ['max'] },
      { title: 'Share of importance (%)', align: 'right', parts: ['share'] },
    ],
    rows: rows.map(({ matrix, count, ranks, share }) => [
      { text: matrix },
      { text: String(count), numbers: [count] },
      { text: mean(ranks).toFixed(1), numbers: [mean(ranks)] },
      { text: String(Math.min(...ranks)), numbers: [Math.min(...ranks)] },
      { text: String(Math.max(...ranks)), numbers: [Math.max(...ranks)] },
      { text: (100 * share).toFixed(1), numbers: [100 * share] },
    ]),
    notes: [
      `Adapter parameters: ${study.spent.toLocaleString('en')}; LoRA of rank ${study.rank} has ${study.budget.toLocaleString('en')}. ` +
        `Importance is the mean of |W⊙G|, its share that of all adapted matrices. Mean loss of the batches: ${study.loss.toFixed(4)} nats.`,
    ],
  };
}

export function rankStudyChart(study: RankStudy): Figure {
  return layerHeatmap(new Map(Object.entries(study.ranks)), {
    name: nameOf(study),
    title: 'Where would GoRA put the ranks?',
    subtitle: subtitleOf(study),
    noun: 'rank',
    caption: `Rank of every adapted matrix (rows: blocks). ${subtitleOf(study)}.`,
  });
}

/** What PEFT's LoraConfig takes: `r`, `rank_pattern` of the layers that differ, and α/√r by `use_rslora`. */
export function rankPattern(study: RankStudy): { r: number; rank_pattern: Record<string, number>; use_rslora: true } {
  const counts = new Map<number, number>();
  for (const rank of Object.values(study.ranks)) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const [r] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  const pattern = Object.entries(study.ranks).filter(([, rank]) => rank !== r);
  return { r, rank_pattern: Object.fromEntries(pattern), use_rslora: true };
}

/** Shades of four, from the lowest rank to the highest. */
const SHADES = ['\x1b[48;5;255m\x1b[30m', '\x1b[48;5;153m\x1b[30m', '\x1b[48;5;74m\x1b[30m', '\x1b[48;5;24m\x1b[97m'];
const PLAIN = '\x1b[0m';

/** Blocks down, matrices across, the rank in each cell; shaded where the terminal has colours. */
export function rankMap(study: RankStudy, colours: boolean): string {
  const all = places(study);
  const columns = [...new Set(all.map(({ matrix }) => matrix))];
  const rows = [...new Set(all.map(({ row }) => row))];
  const values = Object.values(study.ranks);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const widths = columns.map((column) => Math.max(5, column.length + 1));
  const first = Math.max(5, ...rows.map((row) => row.length));
  const cell = (row: string, column: string, width: number) => {
    const place = all.find((one) => one.row === row && one.matrix === column);
    if (!place) return ' '.repeat(width);
    const rank = study.ranks[place.layer];
    const text = String(rank)
      .padStart(width - 1)
      .padEnd(width);
    if (!colours || high === low) return text;
    return `${SHADES[Math.min(3, Math.floor((4 * (rank - low)) / (high - low)))]}${text}${PLAIN}`;
  };
  const head = `${'block'.padEnd(first)} ${columns.map((column, i) => column.padStart(widths[i] - 1).padEnd(widths[i])).join('')}`;
  const lines = rows.map(
    (row) => `${row.padEnd(first)} ${columns.map((column, i) => cell(row, column, widths[i])).join('')}`,
  );
  return [head.trimEnd(), ...lines.map((line) => line.trimEnd())].join('\n');
}

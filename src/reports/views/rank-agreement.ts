/** Ranks over seeds and cases: agreement, means by matrix type, and a heatmap for each base model. */
import { labelled } from '../../experiments/outcomes';
import type { RunRecord } from '../../experiments/record';
import { layerHeatmap } from '../charts/layer-heatmap';
import { layerMeans } from '../charts/layers';
import { titleOf } from '../group';
import { rankAgreementTable, rankTypeTable, taskAgreementTable } from '../rank-agreement';
import type { Table } from '../table';
import type { FigureView, TableView } from './view';

export const rankAgreementView: TableView = {
  make: (_plan, { outcomes }) => {
    const records = labelled(outcomes);
    const tables = [rankTypeTable(records), rankAgreementTable(records), taskAgreementTable(records)];
    return tables.filter((table): table is Table => table !== null);
  },
  files: {
    'rank-types': 'mean rank of each kind of matrix, mean ± sd over seeds',
    'rank-agreement': 'Spearman’s correlation of ranks and importances between seeds',
    'rank-agreement-tasks': 'the same between cases on one model',
  },
};

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** Mean rank of every matrix of a model over all cases and seeds of one variant. */
function heatmapOf(model: string, variant: string, records: readonly RunRecord[]) {
  const cases = new Set(records.map(({ spec }) => spec.task)).size;
  const seeds = new Set(records.map(({ spec }) => spec.seed)).size;
  const subtitle = `${model}, ${titleOf(variant)}, mean of ${count(cases, 'task')} × ${count(seeds, 'seed')}`;
  const means = layerMeans(records.map(({ ranks }) => ranks as Record<string, number>));
  return layerHeatmap(new Map(Object.entries(means)), {
    name: `ranks-${model}`,
    title: `Where does ${titleOf(variant)} put its rank?`,
    subtitle,
    noun: 'rank',
    caption: `Mean rank of every adapted matrix (rows: blocks). ${subtitle}.`,
  });
}

/** One heatmap a base model, of the first variant that has ranks. */
export const ranksByModelView: FigureView = {
  make: (_plan, { outcomes }) => {
    const done = labelled(outcomes).filter(({ status, ranks }) => status === 'completed' && ranks !== null);
    const mine = done.filter(({ spec }) => spec.method === done[0].spec.method);
    return [...new Set(mine.map(({ spec }) => spec.model))].map((model) =>
      heatmapOf(
        model,
        mine[0].spec.method,
        mine.filter(({ spec }) => spec.model === model),
      ),
    );
  },
  files: {
    'ranks-glyphs-vit': 'mean rank of every matrix of the letter base over seeds',
    'ranks-grammar-t5': 'mean rank of every matrix of the T5 base over tasks and seeds',
    'ranks-pictures-vit': 'mean rank of every matrix of the picture base over tasks and seeds',
    'ranks-grammar-decoder': 'mean rank of every matrix of the decoder base over tasks and seeds',
  },
};

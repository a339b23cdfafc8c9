/** Exact matches of generated answers, where a case is compared by its loss and has them beside it (SVAMP). */
import { labelled } from '../../experiments/outcomes';
import { methodTable } from '../table';
import type { TableView } from './view';

const metric = { metric: 'exactMatch', title: 'Exact match (%)', higherIsBetter: true, digits: 1 };

export const exactMatchView: TableView = {
  make: ({ baseline }, { outcomes }) => {
    const matched = outcomes.filter(({ record }) => Number.isFinite(record.metrics[metric.metric]));
    if (matched.length === 0) return [];
    const cases = [...new Set(matched.map((outcome) => outcome.case))].join(', ');
    const options = { name: 'exact-match', title: `Exact match on ${cases} (%)`, times: false };
    return [methodTable(labelled(matched), { ...options, baseline, metrics: [metric], differences: true })];
  },
  files: { 'exact-match': 'generated answers that equal the right one, per cent, with paired differences' },
};

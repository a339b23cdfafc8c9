/** Steps to the baseline's final loss, on every case; the curves of the first. */
import { labelled } from '../../experiments/outcomes';
import { lossCurves } from '../charts/curves';
import { convergence, convergenceTable } from '../convergence';
import type { FigureView, TableView } from './view';

const smoothing = 0.9;

export const convergenceView: TableView = {
  make: ({ baseline = 'lora' }, { outcomes }) => {
    const records = labelled(outcomes);
    const found = convergence(records, { baseline, smoothing });
    return found.length > 0 ? [convergenceTable(records, { baseline, smoothing })] : [];
  },
  files: { convergence: 'steps to the training loss at which the baseline ends, and how many times as fast that is' },
};

export const convergenceCurvesView: FigureView = {
  make: ({ baseline = 'lora' }, { outcomes }) => {
    const first = labelled(outcomes.filter((outcome) => outcome.case === outcomes[0].case));
    const done = first.filter(({ status, spec }) => status === 'completed' && spec.method === baseline);
    if (done.length === 0) return [];
    const figure = lossCurves(first, {
      smoothing,
      band: 'sd',
      levelOf: baseline,
      title: 'Who is first at the loss at which the baseline ends?',
    });
    return [{ ...figure, name: 'convergence-curves' }];
  },
  files: {
    'convergence-curves': 'training loss with ± sd over seeds, and the level of the baseline’s end (first case)',
  },
};

/** The charts that most plans show; those of one case show the first. */
import { labelled } from '../../experiments/outcomes';
import type { PlanResult } from '../../experiments/plan-runs';
import type { RunRecord } from '../../experiments/record';
import { metricBars } from '../charts/bars';
import { lossCurves } from '../charts/curves';
import { rankBars, rankHeatmap } from '../charts/ranks';
import type { FigureView } from './view';

function firstCase({ outcomes }: PlanResult): RunRecord[] {
  return labelled(outcomes.filter((outcome) => outcome.case === outcomes[0].case));
}

export const metricView: FigureView = {
  make: (_plan, { outcomes }) => [{ ...metricBars(labelled(outcomes)), name: 'metric' }],
  files: { metric: 'the primary metric of every method with 95 % intervals and a point a seed' },
};

export const lossView: FigureView = {
  make: (_plan, result) => [{ ...lossCurves(firstCase(result), { smoothing: 0.9 }), name: 'loss' }],
  files: { loss: 'training loss against steps, mean over seeds with its band (first case)' },
};

/** Ranks of the first variant whose label says GoRA. */
export const ranksView: FigureView = {
  make: (_plan, result) => {
    const gora = firstCase(result).filter((record) => /^gora/i.test(record.spec.method) && record.ranks);
    const one = gora.filter((record) => record.spec.method === gora[0].spec.method);
    if (one.length === 0) return [];
    return [
      { ...rankHeatmap(one), name: 'ranks' },
      { ...rankBars(one), name: 'ranks-by-type' },
    ];
  },
  files: {
    ranks: 'the ranks that GoRA gave each layer and matrix type, mean over seeds (first case)',
    'ranks-by-type': 'the same by matrix type',
  },
};

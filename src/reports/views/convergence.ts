/** Steps to the baseline's final loss, on every case; the curves of the first. */
import { existsSync } from 'node:fs';
import { labelled } from '../../experiments/outcomes';
import type { Outcome } from '../../experiments/plan-runs';
import { resultsFolder } from '../../project';
import { lossCurves } from '../charts/curves';
import { convergence, convergenceTable, type StepTimes } from '../convergence';
import { readCostBench, timesOf } from '../cost';
import type { FigureView, TableView } from './view';

const smoothing = 0.9;

/** Times measured alone, by variant: of those whose runs all have the settings that were measured. */
function measuredTimes(outcomes: readonly Outcome[]): ReadonlyMap<string, StepTimes> | undefined {
  const tasks = [...new Set(outcomes.map(({ record }) => record.spec.task))];
  const path = resultsFolder('bench', `methods-${tasks[0]}.json`);
  if (tasks.length !== 1 || !existsSync(path)) return undefined;
  const bench = readCostBench(path);
  const times = new Map<string, StepTimes>();
  for (const variant of new Set(outcomes.map((outcome) => outcome.variant))) {
    const own = outcomes.filter((outcome) => outcome.variant === variant);
    const found = own.map(({ record }) => timesOf(bench, record.spec));
    if (found[0] && found.every((one) => one !== null)) times.set(variant, found[0]);
  }
  return times.size > 0 ? times : undefined;
}

export const convergenceView: TableView = {
  make: (plan, { outcomes }) => {
    const { baseline = 'lora' } = plan;
    const records = labelled(outcomes);
    if (convergence(records, { baseline, smoothing }).length === 0) return [];
    return [convergenceTable(records, { baseline, smoothing, times: measuredTimes(outcomes) })];
  },
  files: { convergence: 'steps to the training loss at which the baseline ends, and how many times as fast that is' },
};

export const convergenceCurvesView: FigureView = {
  make: ({ baseline = 'lora' }, { outcomes }) => {
    const first = labelled(outcomes.filter((outcome) => outcome.case === outcomes[0].case));
    const done = first.filter(({ status, spec }) => status === 'completed' && spec.method === baseline);
    if (done.length === 0) return [];
    const title = 'Who is first at the loss at which the baseline ends?';
    const figure = lossCurves(first, { smoothing, band: 'sd', levelOf: baseline, title });
    return [{ ...figure, name: 'convergence-curves' }];
  },
  files: {
    'convergence-curves': 'training loss with ± sd over seeds, and the level of the baseline’s end (first case)',
  },
};

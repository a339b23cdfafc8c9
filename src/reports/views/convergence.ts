/** Steps to the baseline's final loss, on every case; the curves of the first. */
import { existsSync } from 'node:fs';
import { labelled } from '../../experiments/outcomes';
import type { Plan } from '../../experiments/plan';
import { resultsFolder } from '../../project';
import { lossCurves } from '../charts/curves';
import { convergence, convergenceTable, type StepTimes } from '../convergence';
import { readCostBench, stepTimes } from '../cost';
import type { FigureView, TableView } from './view';

const smoothing = 0.9;

/** Times measured alone on the plan's task; nothing where there are none, or the cases are of several tasks. */
function measuredTimes({ cases, task }: Plan): ReadonlyMap<string, StepTimes> | undefined {
  const tasks = [...new Set(cases.map((where) => where.task ?? task))];
  const path = resultsFolder('bench', `methods-${tasks[0]}.json`);
  return tasks.length === 1 && existsSync(path) ? stepTimes(readCostBench(path)) : undefined;
}

export const convergenceView: TableView = {
  make: (plan, { outcomes }) => {
    const { baseline = 'lora' } = plan;
    const records = labelled(outcomes);
    if (convergence(records, { baseline, smoothing }).length === 0) return [];
    return [convergenceTable(records, { baseline, smoothing, times: measuredTimes(plan) })];
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

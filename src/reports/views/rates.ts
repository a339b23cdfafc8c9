/** The learning rates that validation chose. */
import { gridOf, type Plan, tuningCase } from '../../experiments/plan';
import type { PlanResult } from '../../experiments/plan-runs';
import { titleOf } from '../group';
import { missing, type Table } from '../table';
import type { TableView } from './view';

/** The learning rate of every variant and case; nothing where none was tuned. */
function make(plan: Plan, { outcomes, learningRates, tuning }: PlanResult): Table[] {
  if (learningRates.size === 0) return [];
  /** Ids of the runs of the grid that chose the rate. */
  const grid = (variant: string, label: string): string[] => {
    const where = plan.cases.find((one) => one.label === label);
    const on = where && tuningCase(plan, where).label;
    return tuning.filter((run) => run.variant === variant && run.case === on).map(({ record }) => record.id);
  };
  const variants = [...new Set(outcomes.map((outcome) => outcome.variant))];
  const cases = [...new Set(outcomes.map((outcome) => outcome.case))];
  const atEnd = plan.variants.flatMap((variant) => {
    const rates = gridOf(plan, variant);
    const ends = [Math.min(...rates), Math.max(...rates)];
    const found = plan.cases.filter(({ label, tunedOn = label }) => {
      const lr = learningRates.get(`${label}/${variant.label}`);
      return tunedOn === label && lr !== undefined && ends.includes(lr);
    });
    return found.map(({ label }) => `${titleOf(variant.label)} on ${label}`);
  });
  const borrowed = plan.cases.flatMap(({ label, tunedOn = label }) =>
    tunedOn !== label && cases.includes(label) ? [`${label} on ${tunedOn}`] : [],
  );
  const table: Table = {
    name: 'learning-rates',
    title: 'Learning rates chosen on validation data',
    columns: [
      { title: 'Method', align: 'left' },
      ...cases.map((title) => ({ title, align: 'right' as const, parts: ['lr'] })),
    ],
    rows: variants.map((variant) => [
      { text: titleOf(variant) },
      ...cases.map((where) => {
        const lr = learningRates.get(`${where}/${variant}`);
        return lr === undefined
          ? { text: missing }
          : { text: String(lr), numbers: [lr], records: grid(variant, where) };
      }),
    ]),
    notes: [
      'One tuning run for every rate, with a seed that the results do not use.',
      ...(atEnd.length > 0 ? [`At an end of the grid, a wider one might do better: ${atEnd.join(', ')}.`] : []),
      ...(borrowed.length > 0 ? [`Chosen on the validation data of another case: ${borrowed.join(', ')}.`] : []),
    ],
  };
  return [table];
}

export const ratesView: TableView = {
  make,
  files: { 'learning-rates': 'the learning rates that validation data chose' },
};

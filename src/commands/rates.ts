/** The learning rates that validation chose. */
import type { PlanResult } from '../experiments/plan-runs';
import { methodStyle, type Table } from '../reports';

/** The learning rate of every variant and case. */
export function ratesTable(result: PlanResult): Table {
  const variants = [...new Set(result.outcomes.map((outcome) => outcome.variant))];
  const cases = [...new Set(result.outcomes.map((outcome) => outcome.case))];
  return {
    name: 'learning-rates',
    title: 'Learning rates chosen on validation data',
    columns: [
      { title: 'Method', align: 'left' },
      ...cases.map((title) => ({ title, align: 'right' as const, parts: ['lr'] })),
    ],
    rows: variants.map((variant) => [
      { text: methodStyle(variant).title },
      ...cases.map((where) => {
        const lr = result.learningRates.get(`${where}/${variant}`);
        return lr === undefined ? { text: '–' } : { text: String(lr), numbers: [lr] };
      }),
    ]),
    notes: ['One tuning run for every rate, with a seed that the results do not use.'],
  };
}

/** Tables beside the results: what each method costs, and the learning rates that validation chose. */
import type { Outcome, PlanResult } from '../experiments/plan';
import { methodStyle, summarise, type Table } from '../reports';

const cell = (value: number, digits: number) => ({ text: value.toFixed(digits), numbers: [value] });

/** Preparation, step time, memory and sizes, by variant, over all its runs. */
export function costTable(outcomes: readonly Outcome[]): Table {
  const variants = [...new Set(outcomes.map((outcome) => outcome.variant))];
  const rows = variants.map((variant) => {
    const records = outcomes.filter((outcome) => outcome.variant === variant).map((outcome) => outcome.record);
    const mean = (pick: (record: (typeof records)[number]) => number) => summarise(records.map(pick)).mean;
    const preparation = mean((r) => (r.timings.gradients ?? 0) + (r.timings.attach ?? 0));
    const training = mean((r) => r.timings.train ?? 0);
    return [
      { text: methodStyle(variant).title, records: records.map((r) => r.id) },
      cell(
        mean((r) => r.model.trainable),
        0,
      ),
      cell(
        mean((r) => r.timings.stepMedian ?? 0),
        1,
      ),
      cell(
        mean((r) => r.timings.gradients ?? 0),
        0,
      ),
      cell(
        mean((r) => r.timings.attach ?? 0),
        0,
      ),
      cell((100 * preparation) / training, 1),
      cell(
        mean((r) => r.memory.step),
        1,
      ),
    ];
  });
  const titles = [
    'Trainable',
    'Step (ms)',
    'Gradients (ms)',
    'Attach (ms)',
    'Preparation (% of training)',
    'Peak tensors (MiB)',
  ];
  return {
    name: 'cost',
    title: 'Cost of each method',
    columns: [
      { title: 'Method', align: 'left' },
      ...titles.map((title) => ({ title, align: 'right' as const, parts: ['value'] })),
    ],
    rows,
    notes: ['Means over all runs. Step: median of a run. Peak tensors: live tensor memory inside a training step.'],
  };
}

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

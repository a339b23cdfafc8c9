/** A plan's outcomes as records for tables and charts. */
import type { Outcome } from './plan-runs';
import type { RunRecord } from './record';

/** Records under the plan's labels: `task` becomes the case, `method` the variant. */
export function labelled(outcomes: readonly Outcome[]): RunRecord[] {
  return outcomes.map(({ variant, case: where, record }) => ({
    ...record,
    spec: { ...record.spec, task: where, method: variant },
  }));
}

/** Unit of a metric: what stands in brackets at the end of its title, else the whole title. */
export const unitOf = (title: string): string => /\(([^()]*)\)$/.exec(title)?.[1] ?? title;

/** Whether a mean over the cases has a meaning: one unit and one direction. */
export function averages(outcomes: readonly Outcome[]): boolean {
  const kinds = new Set(
    outcomes.map(({ record: { primary } }) => `${unitOf(primary.title)} ${primary.higherIsBetter}`),
  );
  return kinds.size === 1;
}

/**
 * One record a variant and seed with the primary metric averaged over the cases, for tables of the whole comparison.
 * Its id lists the ids of the records behind it. Seeds that lack a case, or diverged on one, are left out. Only for outcomes that `averages` allows.
 */
export function averaged(outcomes: readonly Outcome[]): RunRecord[] {
  const cases = new Set(outcomes.map((outcome) => outcome.case)).size;
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const key = `${outcome.variant} seed ${outcome.record.spec.seed}`;
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  return [...groups]
    .filter(([, group]) => group.length === cases && group.every(({ record }) => record.status === 'completed'))
    .map(([, group]) => {
      const [{ variant, record }] = group;
      const mean = (value: (one: RunRecord) => number) =>
        group.reduce((sum, one) => sum + value(one.record), 0) / group.length;
      const common = Object.keys(record.metrics).filter((metric) => group.every((one) => metric in one.record.metrics));
      const sameTitle = group.every((one) => one.record.primary.title === record.primary.title);
      const title = sameTitle ? record.primary.title : `Mean of ${cases} cases (${unitOf(record.primary.title)})`;
      return {
        ...record,
        primary: { ...record.primary, title },
        // heads and ranks differ between cases
        model: { ...record.model, trainable: Math.round(mean((one) => one.model.trainable)) },
        id: group.map((one) => one.record.id).join(' '),
        spec: { ...record.spec, task: 'mean over cases', method: variant },
        metrics: {
          ...Object.fromEntries(common.map((metric) => [metric, mean((one) => one.metrics[metric])])),
          [record.primary.metric]: mean((one) => one.metrics[one.primary.metric]),
        },
      };
    });
}

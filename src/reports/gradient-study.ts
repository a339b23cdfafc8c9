/** The gradient study as a table and a chart: similarity to a large sample against the number of batches. */
import { UserError } from '../errors';
import { type GradientStudy, kindOfStudy, targetsOfStudy } from '../experiments/gradient-study';
import type { Figure } from './figure';
import { layerCorrelation } from './rank-agreement';
import { type Summary, summarise } from './stats';
import { baseLayout, legendOnTop, titledAxis } from './style';
import { type Cell, meanSdText, missing, type Table } from './table';

type Measure = 'sign' | 'magnitude' | 'cosine' | 'importance';

const measures: readonly { readonly key: Measure; readonly title: string; readonly color: string }[] = [
  { key: 'sign', title: 'Same sign (share of entries)', color: '#0072B2' },
  { key: 'magnitude', title: 'Within a factor of ten (share of entries)', color: '#009E73' },
  { key: 'cosine', title: 'Cosine', color: '#D55E00' },
  { key: 'importance', title: 'Spearman of importances', color: '#CC79A7' },
];

interface Row {
  readonly batches: number;
  readonly examples: number;
  readonly values: ReadonlyMap<Measure, Summary | null>;
  readonly ids: readonly string[];
}

/** One row for each N, over the seeds. @throws UserError when the studies are none, or of several tasks or sizes. */
function rowsOf(studies: readonly GradientStudy[]): Row[] {
  const kinds = new Set(studies.map(kindOfStudy));
  if (kinds.size !== 1) {
    throw new UserError(`gradient studies of one task and size are needed, not ${[...kinds].join(' and ') || 'none'}`);
  }
  const counts = [...new Set(studies.flatMap(({ samples }) => samples.map(({ batches }) => batches)))];
  return counts
    .sort((a, b) => a - b)
    .map((batches) => {
      const found = studies.flatMap((study) =>
        study.samples.filter((sample) => sample.batches === batches).map((sample) => ({ study, sample })),
      );
      const similarities = (key: Measure) =>
        found.map(({ study, sample }) =>
          key === 'importance' ? layerCorrelation(sample.importances, study.reference.importances) : sample[key],
        );
      const values = measures.map(({ key }) => {
        const list = similarities(key).filter((value): value is number => value !== null);
        return [key, list.length > 0 ? summarise(list) : null] as const;
      });
      return {
        batches,
        examples: batches * studies[0].batch,
        values: new Map(values),
        ids: found.map(({ study }) => study.id),
      };
    });
}

function textsOf(studies: readonly GradientStudy[]) {
  const [study] = studies;
  const { task, batch, reference } = study;
  const targets = targetsOfStudy(study);
  const seeds = `${studies.length} seed${studies.length === 1 ? '' : 's'}`;
  const what = targets === 'all' ? task : `${task}, layers ${targets}`;
  return { task, what, seeds, large: `${reference.batches * batch} examples` };
}

/** Similarity of the mean gradient of N batches to that of a large sample, which holds them too. */
export function gradientStudyTable(studies: readonly GradientStudy[], options: { name?: string } = {}): Table {
  const rows = rowsOf(studies);
  const { task, what, seeds, large } = textsOf(studies);
  const parts = ['mean', 'sd', 'n'];
  return {
    name: options.name ?? `gradients-${task}`,
    title: `How many batches does a gradient need? ${what}, against ${large}`,
    columns: [
      { title: 'Batches N', align: 'right', parts: ['value'] },
      { title: 'Examples', align: 'right', parts: ['value'] },
      ...measures.map(({ title }) => ({ title, align: 'right' as const, parts })),
    ],
    rows: rows.map(({ batches, examples, values, ids }) => [
      { text: String(batches), numbers: [batches], records: ids },
      { text: String(examples), numbers: [examples], records: ids },
      ...measures.map(({ key }): Cell => {
        const summary = values.get(key);
        if (!summary) return { text: missing, records: ids };
        return { text: meanSdText(summary, 3), numbers: [summary.mean, summary.sd, summary.n], records: ids };
      }),
    ]),
    notes: [
      `Mean ± sample standard deviation over ${seeds}; similarities are means over the adapted matrices.`,
      'The reference holds the N batches too, so the similarity is 1 where N is all of it.',
    ],
  };
}

/** The same as lines over N on a logarithmic axis. */
export function gradientStudyChart(studies: readonly GradientStudy[], options: { name?: string } = {}): Figure {
  const rows = rowsOf(studies);
  const { task, what, seeds, large } = textsOf(studies);
  const symbols = ['circle', 'square', 'star', 'diamond'];
  const subtitle = `${what}, batch ${studies[0].batch}, against the mean of ${large}, ${seeds}, bars: ± sd`;
  const layout = baseLayout('How many batches does a gradient need?', subtitle);
  const counts = rows.map((row) => row.batches);
  return {
    name: options.name ?? `gradients-${task}`,
    caption: `Similarity of the mean gradient of N batches to that of a large sample. ${subtitle}.`,
    data: measures.map(({ key, title, color }, i) => {
      const drawn = rows.filter((row) => row.values.get(key));
      const summaries = drawn.map((row) => row.values.get(key)!);
      return {
        name: title,
        x: drawn.map((row) => row.batches),
        y: summaries.map((s) => s.mean),
        error_y: { type: 'data', array: summaries.map((s) => s.sd ?? 0), thickness: 1.5, width: 4, color },
        mode: 'lines+markers',
        line: { color, width: 2 },
        marker: { color, symbol: symbols[i], size: 8 },
      };
    }),
    layout: {
      ...layout,
      showlegend: true,
      legend: legendOnTop,
      margin: { l: 64, r: 24, t: 120, b: 56 },
      xaxis: titledAxis('batches N', { type: 'log', tickvals: counts, ticktext: counts.map(String) }),
      yaxis: titledAxis('similarity', {}),
    },
  };
}

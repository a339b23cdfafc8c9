/** What methods cost, from the samples of `bench/methods.ts`: runs alone on the machine, each in its own process. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { readJsonFile } from '../experiments/json-file';
import { type RunSpec, specSchema } from '../experiments/record';
import { resolveSpec } from '../experiments/spec';
import type { StepTimes } from './convergence';
import { mean, summarise } from './stats';
import { methodStyle } from './style';
import { type Cell, missing, type Table } from './table';

const numbers = z.record(z.string(), z.number());

const sampleSchema = z.object({
  /** Milliseconds, as in a run record. */
  timings: numbers,
  /** MiB, as in a run record. */
  memory: numbers,
  model: z.object({ parameters: z.number(), trainable: z.number(), adapter: z.number() }).optional(),
  /** Size of the saved PEFT weights file in bytes; null for methods without adapters. */
  adapterBytes: z.number().nullable().optional(),
});

const benchSchema = z.object({
  task: z.string(),
  /** What was measured, by method; files without it measured every method's and the task's defaults. */
  specs: z.record(z.string(), specSchema).optional(),
  /** Training steps of every run. */
  steps: z.number(),
  environment: z.record(z.string(), z.unknown()),
  /** Runs by method. */
  samples: z.record(z.string(), z.array(sampleSchema).min(1)),
});

export type CostSample = z.infer<typeof sampleSchema>;
export type CostBench = z.infer<typeof benchSchema>;

/** @throws UserError naming the file and the field when it is not what `bench/methods.ts` writes. */
export function readCostBench(path: string): CostBench {
  const remedy = '`npx tsx bench/methods.ts TASK` writes them';
  return readJsonFile(path, benchSchema, { name: 'costs', form: 'a file of costs of methods', remedy });
}

/** Gradients, allocation and start of a run, milliseconds. */
const preparationOf = ({ timings }: CostSample) => (timings.gradients ?? 0) + (timings.attach ?? 0);

/** Training options that a step's time does not depend on. */
const TIMELESS = new Set([
  ...[
    'steps',
    'lr',
    'loraPlusRatio',
    'headLr',
    'weightDecay',
    'warmup',
    'minLr',
    'beta1',
    'beta2',
    'epsilon',
    'evalEvery',
  ],
]);

/** What of a spec decides how long its steps and its preparation take. */
function timed({ task, model, method, training, methodOptions, taskOptions }: Omit<RunSpec, 'seed'>) {
  const lasting = Object.entries(training).filter(([key]) => !TIMELESS.has(key));
  return { task, model, method, training: Object.fromEntries(lasting), methodOptions, taskOptions };
}

/** Mean times of a run with these settings, in milliseconds; null where nothing like it was measured. */
export function timesOf({ task, specs, samples }: CostBench, spec: RunSpec): StepTimes | null {
  const { method } = spec;
  if (task !== spec.task || !Object.hasOwn(samples, method)) return null;
  const measured = specs?.[method] ?? resolveSpec({ task, method, seed: 1 });
  if (!isDeepStrictEqual(timed(measured), timed(spec))) return null;
  const runs = samples[method];
  return { step: mean(runs.map((run) => run.timings.stepMedian)), preparation: mean(runs.map(preparationOf)) };
}

/** KiB of what is kept of a run: the adapter's file, or all trained weights in float32 where there is none. */
function savedKiB({ model, adapterBytes }: CostSample): number | undefined {
  if (typeof adapterBytes === 'number') return adapterBytes / 1024;
  return adapterBytes === null && model ? (4 * model.trainable) / 1024 : undefined;
}

interface CostColumn {
  readonly title: string;
  readonly digits: number;
  readonly value: (sample: CostSample) => number | undefined;
}

const columns: readonly CostColumn[] = [
  { title: 'Trainable', digits: 0, value: ({ model }) => model?.trainable },
  { title: 'Saved (KiB)', digits: 0, value: savedKiB },
  { title: 'Step (ms)', digits: 1, value: ({ timings }) => timings.stepMedian },
  { title: 'Gradients (ms)', digits: 0, value: ({ timings }) => timings.gradients },
  { title: 'Allocation and start (ms)', digits: 0, value: ({ timings }) => timings.attach },
  { title: 'Preparation (steps)', digits: 1, value: (sample) => preparationOf(sample) / sample.timings.stepMedian },
  { title: 'Tensors in a step (MiB)', digits: 0, value: ({ memory }) => memory.step },
  { title: 'Peak process (MiB)', digits: 0, value: ({ memory }) => memory.trainRss },
];

function cellOf({ digits, value }: CostColumn, runs: readonly CostSample[]): Cell {
  const values = runs.map(value).filter((one): one is number => one !== undefined && Number.isFinite(one));
  if (values.length === 0) return { text: missing };
  const { mean: centre, sd, n } = summarise(values);
  const text = (x: number) => (digits === 0 ? Math.round(x).toLocaleString('en-US') : x.toFixed(digits));
  return { text: sd ? `${text(centre)} ± ${text(sd)}` : text(centre), numbers: [centre, sd, n] };
}

/** A row a method, in the order of the bench; mean ± sd over its runs. */
export function costTable({ task, steps, environment, samples }: CostBench, options: { name?: string } = {}): Table {
  const runs = Object.values(samples).map((list) => list.length);
  const [low, high] = [Math.min(...runs), Math.max(...runs)];
  const { backend, device, cpu, threads } = environment;
  return {
    name: options.name ?? `methods-${task}`,
    title: `Cost on ${task}: ${steps} steps, mean ± sd over ${low === high ? low : `${low}–${high}`} runs`,
    columns: [
      { title: 'Method', align: 'left' },
      ...columns.map(({ title }) => ({ title, align: 'right' as const, parts: ['mean', 'sd', 'n'] })),
    ],
    rows: Object.entries(samples).map(([method, list]) => [
      { text: methodStyle(method).title },
      ...columns.map((column) => cellOf(column, list)),
    ]),
    notes: [
      'Preparation in steps: gradients, allocation and start over the median training step of the same run.',
      'Saved: the PEFT weights file with a new head in it; for full fine-tuning all trained weights in float32.',
      `Measured alone by \`bench/methods.ts\` on ${[backend, device, cpu].filter(Boolean).join(', ')}, ${threads} thread${threads === 1 ? '' : 's'}.`,
    ],
  };
}

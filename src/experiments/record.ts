/** The record of one run: everything a table, a chart or a doubtful reader needs. */
import { z } from 'zod';

const numbers = z.record(z.string(), z.number());

/** A fully resolved run; the same spec and seed give the same numbers. */
export const specSchema = z.strictObject({
  task: z.string(),
  model: z.string(),
  method: z.string(),
  seed: z.int().nonnegative(),
  training: z.record(z.string(), z.unknown()),
  methodOptions: z.record(z.string(), z.unknown()),
  taskOptions: z.record(z.string(), z.unknown()),
});

/** One evaluation during or after training. */
export const evaluationSchema = z.strictObject({
  step: z.int().nonnegative(),
  split: z.enum(['train', 'validation', 'test']),
  metrics: numbers,
});

/** Numbers at equal distances, as a record stores the steps of its curve. */
const range = z
  .strictObject({ from: z.number(), by: z.number(), count: z.int().nonnegative() })
  .transform(({ from, by, count }) => Array.from({ length: count }, (_, i) => from + i * by));
const series = z.union([z.array(z.number()), range]);

export const recordSchema = z.strictObject({
  format: z.literal(1),
  /** `<task>-<method>-s<seed>-<8 hex digits of the spec's hash>`; also the file name. */
  id: z.string(),
  status: z.enum(['completed', 'cancelled', 'failed']),
  error: z.string().nullable(),
  spec: specSchema,
  startedAt: z.string(),
  finishedAt: z.string(),
  /** kit, commit, node, tfjs, backend, device, threads, cpu, memoryGiB, platform … */
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  model: z.strictObject({ parameters: z.int(), trainable: z.int(), adapter: z.int(), layers: z.int() }),
  /** Name, title and direction of the number that tables show. */
  primary: z.strictObject({ metric: z.string(), title: z.string(), higherIsBetter: z.boolean() }),
  curve: z.strictObject({ step: series, loss: series, lr: series }),
  evaluations: z.array(evaluationSchema),
  /** Final test metrics. */
  metrics: numbers,
  ranks: z.record(z.string(), z.number()).nullable(),
  importances: z.record(z.string(), z.number()).nullable(),
  /** What the method noted: budget, γ, errors of the start. */
  notes: z.record(z.string(), z.unknown()),
  /** Milliseconds a phase, and `stepMedian`, `stepMin` in milliseconds a training step. */
  timings: numbers,
  /** Peaks in MiB: `rss` of the process, `trainRss` while training, `step` the live tensors inside an eager step,
   * `activations` what its forward pass keeps for the backward pass. */
  memory: numbers,
});

export type RunSpec = z.infer<typeof specSchema>;
export type Evaluation = z.infer<typeof evaluationSchema>;
export type RunRecord = z.infer<typeof recordSchema>;

const rounded = (values: readonly number[], digits: number) => values.map((value) => Number(value.toPrecision(digits)));

/** The curve as a record keeps it: 7 significant digits of the loss (float32 has no more), 6 of the rate. */
export function recordCurve(curve: RunRecord['curve']): RunRecord['curve'] {
  return { step: [...curve.step], loss: rounded(curve.loss, 7), lr: rounded(curve.lr, 6) };
}

/** The record as its file holds it: steps at equal distances become a range. Reading it gives the same record. */
export function packRecord(record: RunRecord): unknown {
  const { step } = record.curve;
  const by = step.length > 1 ? step[1] - step[0] : 1;
  const even = step.length > 0 && step.every((value, i) => value === step[0] + i * by);
  return even ? { ...record, curve: { ...record.curve, step: { from: step[0], by, count: step.length } } } : record;
}

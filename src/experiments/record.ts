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
  curve: z.strictObject({ step: z.array(z.number()), loss: z.array(z.number()), lr: z.array(z.number()) }),
  evaluations: z.array(evaluationSchema),
  /** Final test metrics. */
  metrics: numbers,
  ranks: z.record(z.string(), z.number()).nullable(),
  importances: z.record(z.string(), z.number()).nullable(),
  /** What the method noted: budget, γ, errors of the start. */
  notes: z.record(z.string(), z.unknown()),
  /** Milliseconds a phase, and `stepMedian`, `stepMin` in milliseconds a training step. */
  timings: numbers,
  /** Peaks in MiB: `rss` of the process, `trainRss` while training, `step` the live tensors inside an eager step. */
  memory: numbers,
});

export type RunSpec = z.infer<typeof specSchema>;
export type Evaluation = z.infer<typeof evaluationSchema>;
export type RunRecord = z.infer<typeof recordSchema>;

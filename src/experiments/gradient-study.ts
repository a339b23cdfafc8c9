/**
 * How many batches does a gradient need? The mean gradient of the first N batches of the training order against the
 * mean of many more (LoRA-GA's ablation of the sampled batch size).
 *
 * Three similarities a layer, averaged over the layers:
 *   sign       share of the entries with the same sign,
 *   magnitude  share of the entries whose absolute values differ by a factor of at most ten,
 *   cosine     ⟨G, R⟩ / (‖G‖·‖R‖).
 *
 * The reference holds the N batches too. Other batches of the same training set would not do: where a head was fitted
 * to that set, its mean gradient is near 0 and the two halves point in opposite directions.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UserError } from '../errors';
import { writeFileAtomic } from '../formats/atomic';
import { measureImportance } from '../methods/gora/importance';
import { gradientTurns } from '../methods/gradients';
import { selectTargets } from '../methods/targets';
import type { LinearLayer, Model } from '../models/model';
import { disposeModel } from '../models/params';
import { inTurns } from '../processes/turns';
import { batchesOf } from '../tasks/dataset';
import { startBackend } from '../tensor/backend';
import type { Batch } from '../tensor/batch';
import { Random } from '../tensor/random';
import { type TrainingOptions, trainingSchema } from '../training/options';
import { checkBatch, checkLabels, memoryLimit } from './checks';
import { environmentOf } from './environment';
import { readIdFile } from './json-file';
import { openTask } from './open';
import { optionKeys } from './options';
import { resolveSpec } from './spec';

export interface GradientStudyRequest {
  readonly task: string;
  readonly model?: string;
  readonly seed: number;
  /** Numbers of batches N, rising. Default: powers of two up to 64 and to half of the reference. */
  readonly counts?: readonly number[];
  /** Batches of the reference, the first ones too; at most one pass over the data. Default: the whole pass. */
  readonly reference?: number;
  /** Training and task settings, e.g. `batch`, `shots`. */
  readonly set?: Readonly<Record<string, unknown>>;
}

const similaritySchema = z.strictObject({ sign: z.number(), magnitude: z.number(), cosine: z.number() });
const scores = z.record(z.string(), z.number());

const gradientStudySchema = z.strictObject({
  format: z.literal(1),
  kind: z.literal('gradient-study'),
  /** `gradients-<task>-s<seed>`; also the file name. */
  id: z.string(),
  task: z.string(),
  model: z.string(),
  seed: z.int().nonnegative(),
  /** Examples a batch. */
  batch: z.int().positive(),
  taskOptions: z.record(z.string(), z.unknown()),
  /** What was asked; null for the defaults. Missing in older files, which were made for all layers. */
  asked: z
    .strictObject({
      targets: z.string(),
      counts: z.array(z.int().positive()).nullable(),
      reference: z.int().positive().nullable(),
    })
    .optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  reference: z.strictObject({ batches: z.int().positive(), importances: scores }),
  /** Means over the layers, and GoRA's importance avg|W ⊙ G| of every layer. */
  samples: z.array(similaritySchema.extend({ batches: z.int().positive(), importances: scores })).min(1),
});

export type GradientStudy = z.infer<typeof gradientStudySchema>;
export type Similarity = z.infer<typeof similaritySchema>;

/** Similarity of two gradients of one shape. Two zeros have the same sign and magnitude; a zero gradient has cosine 0. */
export function similarity(gradient: ArrayLike<number>, reference: ArrayLike<number>): Similarity {
  const n = reference.length;
  if (gradient.length !== n || n === 0) {
    throw new UserError(`two gradients of one size are needed, not of ${gradient.length} and ${n} entries`);
  }
  let [sign, magnitude, dot, own, other] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [g, r] = [gradient[i], reference[i]];
    const [a, b] = [Math.abs(g), Math.abs(r)];
    if (Math.sign(g) === Math.sign(r)) sign += 1;
    if (a <= 10 * b && b <= 10 * a) magnitude += 1;
    dot += g * r;
    own += g * g;
    other += r * r;
  }
  const lengths = Math.sqrt(own) * Math.sqrt(other);
  return { sign: sign / n, magnitude: magnitude / n, cosine: lengths > 0 ? dot / lengths : 0 };
}

/** Mean over layers, each layer counting once. */
function meanSimilarity(
  targets: readonly LinearLayer[],
  gradients: (layer: string) => ArrayLike<number>,
  reference: ReadonlyMap<string, Float32Array>,
): Similarity {
  const all = targets.map(({ name }) => similarity(gradients(name), reference.get(name) as Float32Array));
  const over = (key: keyof Similarity) => all.reduce((sum, one) => sum + one[key], 0) / all.length;
  return { sign: over('sign'), magnitude: over('magnitude'), cosine: over('cosine') };
}

/** GoRA's importance of every layer, avg|W ⊙ G|. */
function importancesOf(
  model: Model,
  targets: readonly LinearLayer[],
  gradients: ReadonlyMap<string, Float32Array>,
): Record<string, number> {
  const found = measureImportance(
    model,
    targets,
    (layer) => gradients.get(layer.name) as Float32Array,
    { importance: 'union-mean', sqrtImportance: false },
    0,
    new Random(0),
  );
  return Object.fromEntries(targets.map((layer, i) => [layer.name, found[i] as number]));
}

/** Training settings that a study depends on; the others are of a training that it does not do. */
const USED = ['batch', 'targets'];

/** Everything that decides what a study finds. @throws UserError when a setting would have no effect. */
function askedOf(request: GradientStudyRequest) {
  const idle = optionKeys(trainingSchema).filter((key) => !USED.includes(key) && request.set?.[key] !== undefined);
  if (idle.length > 0) {
    throw new UserError(`"${idle[0]}" has no effect on a gradient study: of training it takes ${USED.join(' and ')}`);
  }
  const { model, training, taskOptions } = resolveSpec({ ...request, method: 'full' });
  const { batch, targets } = training as TrainingOptions;
  const { counts, reference } = request;
  const asked = { targets, counts: counts ? [...counts] : null, reference: reference ?? null };
  return { task: request.task, model, seed: request.seed, batch, taskOptions, asked };
}

/** What was asked for a study, as far as its file tells. */
function askedThen({ asked, samples, reference }: GradientStudy): NonNullable<GradientStudy['asked']> {
  if (asked) return asked;
  const counts = samples.map(({ batches }) => batches);
  const usual = isDeepStrictEqual(counts, usualCounts(reference.batches));
  return { targets: 'all', counts: usual ? null : counts, reference: null };
}

/** Whether a study is the one asked for. @throws UserError as `studyGradients`, as far as it needs no data. */
export function answers(study: GradientStudy, request: GradientStudyRequest): boolean {
  const { task, model, seed, batch, taskOptions } = study;
  return isDeepStrictEqual(askedOf(request), { task, model, seed, batch, taskOptions, asked: askedThen(study) });
}

/** What studies must share to stand in one table: everything but the seed. */
export function kindOfStudy(study: GradientStudy): string {
  const { task, model, batch, taskOptions, reference } = study;
  const { targets } = askedThen(study);
  const options = Object.entries(taskOptions).map(([key, value]) => `${key} ${value}`);
  return `${task} on ${model}, ${[`targets ${targets}`, `batch ${batch}`, ...options.sort()].join(', ')}, reference ${reference.batches} batches`;
}

/** Layers that a study took the gradients of, as `targets` names them. */
export const targetsOfStudy = (study: GradientStudy): string => askedThen(study).targets;

const POWERS = [1, 2, 4, 8, 16, 32, 64];

/** The numbers of batches where none are asked for: powers of two up to half of the reference. */
const usualCounts = (reference: number) => POWERS.filter((power) => power <= Math.max(1, reference / 2));

/** Batches of the samples and of the reference, on data with `pass` whole batches. */
function sizesOf(request: GradientStudyRequest, pass: number): { counts: readonly number[]; reference: number } {
  const { reference = pass } = request;
  const counts = request.counts ?? usualCounts(reference);
  const rising = counts.every((count, i) => Number.isInteger(count) && count > (counts[i - 1] ?? 0));
  if (counts.length === 0 || !rising) throw new UserError(`counts must be rising integers above 0, not ${counts}`);
  const most = counts[counts.length - 1];
  if (!Number.isInteger(reference) || reference < most) {
    throw new UserError(`the reference must hold at least the ${most} batches of the largest sample, not ${reference}`);
  }
  if (reference > pass) throw new UserError(`the reference of ${reference} batches is more than the data has: ${pass}`);
  return { counts, reference };
}

/** @throws UserError when the request does not fit the data, or a gradient is not finite. */
export async function studyGradients(request: GradientStudyRequest, dataDir: string): Promise<GradientStudy> {
  const facts = askedOf(request);
  const { task: name, seed, batch } = facts;
  const backend = await startBackend();
  const random = new Random(seed);
  const task = await openTask({ ...facts, task: name }, dataDir, random.fork('task'));
  const { model } = task;
  try {
    const targets = selectTargets(model, facts.asked.targets);
    checkBatch(task, { batch }, memoryLimit(backend));
    await checkLabels(task.train);
    const { counts, reference } = sizesOf(request, Math.floor(task.train.size / batch));
    const stream = batchesOf(task.train, batch, random.fork('order'));
    function* next(count: number): Generator<Batch, void> {
      for (let i = 0; i < count; i++) {
        const batch = stream.next().value;
        try {
          yield batch;
        } finally {
          for (const tensor of Object.values(batch)) tensor.dispose();
        }
      }
    }
    const means = new Map<number, Map<string, Float32Array>>();
    const afterBatch = (done: number, mean: (layer: string) => Float32Array) => {
      if (counts.includes(done)) means.set(done, new Map(targets.map((layer) => [layer.name, mean(layer.name)])));
      return false;
    };
    const estimated = gradientTurns(model, targets, next(reference), { batches: reference, afterBatch });
    const { gradients } = await inTurns(estimated);
    return {
      format: 1,
      kind: 'gradient-study',
      id: `gradients-${name}-s${seed}`,
      ...facts,
      environment: environmentOf(backend),
      reference: { batches: reference, importances: importancesOf(model, targets, gradients) },
      samples: [...means].map(([batches, own]) => ({
        batches,
        ...meanSimilarity(targets, (layer) => own.get(layer) as Float32Array, gradients),
        importances: importancesOf(model, targets, own),
      })),
    };
  } finally {
    disposeModel(model);
  }
}

/** Writes `<dir>/<id>.json` and returns the path. */
export function writeGradientStudy(dir: string, study: GradientStudy): string {
  const path = join(dir, `${study.id}.json`);
  writeFileAtomic(path, `${JSON.stringify(study, null, 1)}\n`);
  return path;
}

/** All studies of a folder, by file name. @throws UserError naming the file and the field that is wrong. */
export function readGradientStudies(dir: string): GradientStudy[] {
  if (!existsSync(dir)) return [];
  const files = readdirSync(dir).filter((file) => /^gradients-.*-s\d+\.json$/.test(file));
  const kind = { name: 'study', form: 'a gradient study', remedy: 'Delete it, and the study is made again' };
  return files.sort().map((file) => readIdFile(join(dir, file), gradientStudySchema, kind));
}

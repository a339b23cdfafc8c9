/**
 * LoRA-GA (Wang et al. 2024): A and B from the gradient's singular vectors (theorem 3.1), stable output scale
 * (theorem 3.2), rank-stabilised α/√r, and the init subtracted from the base so the function is unchanged.
 *
 * `variant: 'peft'` follows Hugging Face PEFT, which differs from the paper: B carries the singular values,
 * the stable factor goes on B alone, and `random` gives A and B the same triplets.
 */
import { z } from 'zod';
import { UserError } from '../errors';
import type { AdaptedLayer } from '../formats/peft-layer';
import type { LinearLayer, Model } from '../models/model';
import { param } from '../models/params';
import type { Random } from '../tensor/random';
import { LoraAdapters } from './forms/lora';
import { checkRank, initOf, takenOffBase } from './init';
import { defineMethod } from './method';
import { alphaOption, positiveFloat, rankOption } from './options';
import { columnsFrom, gradientOf, range, rowsFrom, svdOption, topSingular } from './svd-init';

const fields = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  gradientBatches: z.int().positive().default(8).describe('batches the gradient is averaged over'),
  direction: z
    .enum(['ArB2r', 'A2rBr', 'ArBr', 'random', 'gaussian'])
    .default('ArB2r')
    .describe('which singular vectors A and B take; gaussian: random ones of the same length, no gradient'),
  scale: z.enum(['stable', 'unit', 'gd', 'weight']).default('stable').describe('length of the init'),
  stableGamma: positiveFloat.default(16).describe('γ of the stable scale d_out^¼/√γ'),
  normClip: z.boolean().default(false).describe("shrink the init to the weight's largest entry"),
  variant: z.enum(['paper', 'peft']).default('paper').describe('peft: as Hugging Face PEFT begins'),
  svd: svdOption,
  // no default: a key with one would rename every record of LoRA-GA
  rankStabilised: z.boolean().optional().describe('scale α/√r; false: α/r. Default true'),
});

const options = fields.superRefine((o, context) => {
  if (o.direction !== 'gaussian' || o.variant !== 'peft') return;
  context.addIssue({ code: 'custom', path: ['variant'], message: 'peft has no gaussian direction: choose one' });
});

type Options = z.infer<typeof options>;

/** s, the factor of B·A. */
const scaleOf = ({ alpha, rank, rankStabilised = true }: Options) => alpha / (rankStabilised ? Math.sqrt(rank) : rank);

/** Indices of the singular pairs that A (right vectors) and B (left vectors) take; 2·rank pairs are shared out. */
export function directions(
  {
    direction,
    rank,
    variant,
  }: Pick<Options, 'rank' | 'variant'> & {
    readonly direction: Exclude<Options['direction'], 'gaussian'>;
  },
  random: Random,
): { a: number[]; b: number[] } {
  const first = range(rank);
  const second = first.map((i) => i + rank);
  if (direction === 'ArB2r') return { a: first, b: second };
  if (direction === 'A2rBr') return { a: second, b: first };
  if (direction === 'ArBr') return { a: first.map((i) => 2 * i + 1), b: first.map((i) => 2 * i) };
  const order = random.permutation(2 * rank);
  const a = order.slice(0, rank);
  return { a, b: variant === 'peft' ? a : order.slice(rank) };
}

/** Singular values of the base weight, the `count` largest. */
function weightSpectrum(model: Model, layer: LinearLayer, count: number, o: Options, random: Random): Float64Array {
  const weight = param(model, layer.weight).dataSync() as Float32Array;
  return topSingular(weight, layer, count, o.svd, random).s;
}

/** Factors of A and B. `first` is the largest singular value that B took. */
function lengths(model: Model, layer: LinearLayer, o: Options, first: number, random: Random) {
  const scale = scaleOf(o);
  if (o.scale === 'unit') return { a: 1, b: 1 };
  if (o.scale === 'gd') return { a: 1 / scale, b: 1 / scale };
  const peft = o.variant === 'peft';
  if (o.scale === 'stable') {
    const length = layer.out ** 0.25 / Math.sqrt(o.stableGamma);
    return { a: peft ? 1 : length, b: length };
  }
  const spectrum = weightSpectrum(model, layer, o.rank, o, random);
  if (peft) return { a: 1, b: first > 0 ? spectrum[0] / first : 1 };
  const length = spectrum.reduce((sum, s) => sum + Math.sqrt(s / scale), 0) / o.rank;
  return { a: length, b: length };
}

/** √(max|W| / max|s·B·A|) where that is below 1. */
function clipFactor(model: Model, layer: LinearLayer, { rank, scale, A, B }: AdaptedLayer): number {
  const [a, b] = [A.data, B.data];
  let largest = 0;
  for (let i = 0; i < layer.out; i++) {
    for (let j = 0; j < layer.in; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += b[i * rank + k] * a[k * layer.in + j];
      largest = Math.max(largest, Math.abs(scale * sum));
    }
  }
  const weight = param(model, layer.weight).dataSync() as Float32Array;
  const ratio = weight.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / largest;
  return ratio < 1 ? Math.sqrt(ratio) : 1;
}

/** A's rows and B's columns at random, of expected squared length 1 like singular vectors. */
function gaussianInit(model: Model, layer: LinearLayer, o: Options, random: Random): AdaptedLayer {
  const { rank } = o;
  const length = lengths(model, layer, o, 0, random.fork('weight'));
  const normals = (name: string, count: number, fan: number, factor: number) =>
    random.fork(name).normals(count, 0, factor / Math.sqrt(fan));
  const a = normals('A', rank * layer.in, layer.in, length.a);
  return initOf(layer, rank, scaleOf(o), a, normals('B', layer.out * rank, layer.out, length.b));
}

/** @throws UserError when a layer has too few singular pairs for A and B. */
function checkPairs(layer: LinearLayer, { rank, direction }: Options): void {
  checkRank(layer, rank);
  if (direction === 'gaussian' || 2 * rank <= Math.min(layer.in, layer.out)) return;
  throw new UserError(
    `LoRA-GA needs 2·rank ≤ min(in, out): rank ${rank} is too large for ${layer.name} [${layer.out}, ${layer.in}]`,
  );
}

/** The init along the gradient's singular vectors. @throws UserError when the rank is too large for the layer. */
function gradientInit(
  model: Model,
  layer: LinearLayer,
  gradient: Float32Array,
  o: Options,
  direction: Parameters<typeof directions>[0]['direction'],
  random: Random,
): AdaptedLayer {
  const { rank } = o;
  checkPairs(layer, o);
  const { u, s, v } = topSingular(gradient, layer, 2 * rank, o.svd, random);
  const take = directions({ ...o, direction }, random);
  const length = lengths(model, layer, o, s[take.b[0]], random);
  const a = rowsFrom(v, take.a, () => length.a);
  const b = columnsFrom(u, take.b, (k) => length.b * (o.variant === 'peft' ? s[take.b[k]] : 1));
  return initOf(layer, rank, scaleOf(o), a, b);
}

/** The init of one layer; the base is not shifted yet. gradient [out, in] row-major. */
export function loraGaInit(
  model: Model,
  layer: LinearLayer,
  gradient: Float32Array,
  o: Options,
  random: Random,
): AdaptedLayer {
  const { direction } = o;
  const init =
    direction === 'gaussian'
      ? gaussianInit(model, layer, o, random)
      : gradientInit(model, layer, gradient, o, direction, random);
  if (!o.normClip) return init;
  const factor = clipFactor(model, layer, init);
  const scaled = (values: Float32Array) => values.map((value) => factor * value);
  return initOf(layer, init.rank, init.scale, scaled(init.A.data), scaled(init.B.data));
}

export const loraGa = defineMethod({
  name: 'lora-ga',
  title: 'LoRA-GA',
  reference: 'Wang et al. 2024, theorems 3.1 and 3.2',
  measures: 'gradients',
  options,
  check: (targets, o) => {
    for (const layer of targets) checkPairs(layer, o);
  },
  prepare: (measure, { gradientBatches }) => measure.gradients({ batches: gradientBatches }),
  init: ({ model, targets, random }, o, measured) => {
    const layers = targets.map((layer) => {
      const gradient = gradientOf(measured, layer, 'LoRA-GA');
      return takenOffBase(loraGaInit(model, layer, gradient, o, random.fork(layer.name)));
    });
    return new LoraAdapters(model, layers, {
      method: 'lora-ga',
      rankStabilised: o.rankStabilised ?? true,
      notes: { batches: measured.gradientBatches, direction: o.direction },
    });
  },
});

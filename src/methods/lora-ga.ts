/**
 * LoRA-GA (Wang et al. 2024): A and B from the gradient's singular vectors (theorem 3.1), stable output scale
 * (theorem 3.2), rank-stabilised α/√r, and the start subtracted from the base so the function is unchanged.
 */
import { z } from 'zod';
import { UserError } from '../errors';
import type { LinearLayer } from '../models/model';
import { svd } from '../tensor/linalg';
import type { Random } from '../tensor/random';
import { LoraAdapters, type LoraStart } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  gradientBatches: z.int().positive().default(8).describe('batches the gradient is averaged over'),
  direction: z
    .enum(['ArB2r', 'A2rBr', 'ArBr', 'random'])
    .default('ArB2r')
    .describe('which singular vectors A and B take'),
  scale: z.enum(['stable', 'unit', 'gd']).default('stable').describe('length of the start'),
  stableGamma: z.number().positive().default(16).describe('γ of the stable scale d_out^¼/√γ'),
});

type Options = z.infer<typeof options>;

/** Indices of the singular pairs that A (right vectors) and B (left vectors) take; 2·rank pairs are shared out. */
export function directions(
  direction: Options['direction'],
  rank: number,
  random: Random,
): { a: number[]; b: number[] } {
  const first = Array.from({ length: rank }, (_, i) => i);
  const second = first.map((i) => i + rank);
  if (direction === 'ArB2r') return { a: first, b: second };
  if (direction === 'A2rBr') return { a: second, b: first };
  if (direction === 'ArBr') return { a: first.map((i) => 2 * i + 1), b: first.map((i) => 2 * i) };
  const order = random.permutation(2 * rank);
  return { a: order.slice(0, rank), b: order.slice(rank) };
}

function start(layer: LinearLayer, gradient: Float32Array, o: Options, random: Random): LoraStart {
  const { rank } = o;
  if (2 * rank > Math.min(layer.in, layer.out)) {
    throw new UserError(
      `LoRA-GA needs 2·rank ≤ min(in, out): rank ${rank} is too large for ${layer.name} [${layer.out}, ${layer.in}]`,
    );
  }
  const scale = o.alpha / Math.sqrt(rank);
  const { u, v } = svd(gradient, layer.out, layer.in);
  const take = directions(o.direction, rank, random);
  // theorem 3.2: both factors × d_out^¼/√γ
  const lengths = { stable: layer.out ** 0.25 / Math.sqrt(o.stableGamma), unit: 1, gd: 1 / scale };
  const length = lengths[o.scale];
  const a = new Float32Array(rank * layer.in);
  const b = new Float32Array(layer.out * rank);
  take.a.forEach((pair, k) => {
    for (let j = 0; j < layer.in; j++) a[k * layer.in + j] = length * v.data[j * v.cols + pair];
  });
  take.b.forEach((pair, k) => {
    for (let i = 0; i < layer.out; i++) b[i * rank + k] = length * u.data[i * u.cols + pair];
  });
  return { layer, rank, scale, a, b };
}

export const loraGa: Method<Options> = {
  name: 'lora-ga',
  title: 'LoRA-GA',
  reference: 'Wang et al. 2024, theorems 3.1 and 3.2',
  needs: ['gradients'],
  options,
  attach: (model, targets, evidence, o, random) => {
    const starts = targets.map((layer) => {
      const gradient = evidence.gradients?.get(layer.name);
      if (!gradient) throw new UserError(`LoRA-GA needs the mean gradient of ${layer.name}, and none was estimated`);
      return start(layer, gradient, o, random.fork(layer.name));
    });
    return new LoraAdapters(model, starts, {
      method: 'lora-ga',
      shiftBase: true,
      notes: { batches: evidence.gradientBatches, direction: o.direction },
    });
  },
};

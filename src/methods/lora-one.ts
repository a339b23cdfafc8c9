/**
 * LoRA-One (Zhang et al. 2025): A and B from the leading singular triplets of the negative gradient, base untouched:
 * B = U_r·√(S/S₀)/√γ, A = √(S/S₀)·V_rᵀ/√γ, so training starts one low-rank step downhill. Scale α/√r.
 */
import { z } from 'zod';
import { LoraAdapters } from './forms/lora';
import { checkRank, checkSameRank, initOf } from './init';
import { defineMethod } from './method';
import { alphaOption, positiveFloat, rankOption } from './options';
import { columnsFrom, gradientOf, range, rowsFrom, svdOption, topSingular } from './svd-init';

const options = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  gradientBatches: z.int().positive().default(8).describe('batches the gradient is averaged over'),
  gamma: positiveFloat.default(128).describe('γ, divides the init'),
  svd: svdOption,
});

export const loraOne = defineMethod({
  name: 'lora-one',
  title: 'LoRA-One',
  reference: 'Zhang et al. 2025, algorithm 1',
  measures: 'gradients',
  options,
  check: checkSameRank,
  prepare: (measure, { gradientBatches }) => measure.gradients({ batches: gradientBatches }),
  init: ({ model, targets, random }, { rank, alpha, gamma, svd }, measured) => {
    const layers = targets.map((layer) => {
      checkRank(layer, rank);
      const gradient = gradientOf(measured, layer, 'LoRA-One');
      const { u, s, v } = topSingular(gradient, layer, rank, svd, random.fork(layer.name));
      const root = (k: number) => Math.sqrt(s[k] / s[0] / gamma);
      const [a, b] = [rowsFrom(v, range(rank), root), columnsFrom(u, range(rank), (k) => -root(k))];
      return initOf(layer, rank, alpha / Math.sqrt(rank), a, b);
    });
    return new LoraAdapters(model, layers, {
      method: 'lora-one',
      rankStabilised: true,
      notes: { batches: measured.gradientBatches, gamma },
    });
  },
});

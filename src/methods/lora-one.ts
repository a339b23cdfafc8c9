/**
 * LoRA-One (Zhang et al. 2025): A and B from the leading singular triplets of the negative gradient, base untouched:
 * B = U_r·√(S/S₀)/√γ, A = √(S/S₀)·V_rᵀ/√γ, so training starts one low-rank step downhill. Scale α/√r.
 */
import { z } from 'zod';
import { checkRank, checkSameRank, LoraAdapters, type LoraStart } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, positiveFloat, rankOption } from './options';
import { columnsFrom, gradientOf, range, rowsFrom, svdOption, topSingular } from './svd-start';

const options = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  gradientBatches: z.int().positive().default(8).describe('batches the gradient is averaged over'),
  gamma: positiveFloat.default(128).describe('γ, divides the start'),
  svd: svdOption,
});

export const loraOne: Method<z.infer<typeof options>> = {
  name: 'lora-one',
  title: 'LoRA-One',
  reference: 'Zhang et al. 2025, algorithm 1',
  needs: ['gradients'],
  options,
  check: checkSameRank,
  attach: (model, targets, evidence, { rank, alpha, gamma, svd }, random) => {
    const starts = targets.map((layer): LoraStart => {
      checkRank(layer, rank);
      const gradient = gradientOf(evidence, layer, 'LoRA-One');
      const { u, s, v } = topSingular(gradient, layer, rank, svd, random.fork(layer.name));
      const root = (k: number) => Math.sqrt(s[k] / s[0] / gamma);
      const a = rowsFrom(v, range(rank), root);
      return { layer, rank, scale: alpha / Math.sqrt(rank), a, b: columnsFrom(u, range(rank), (k) => -root(k)) };
    });
    return new LoraAdapters(model, starts, {
      method: 'lora-one',
      rankStabilised: true,
      notes: { batches: evidence.gradientBatches, gamma },
    });
  },
};

/**
 * PiSSA (Meng et al. 2024, eq. 2–4): A and B hold the principal singular triplets of W, the base keeps the rest.
 * Singular values are divided by the scale s so that s·B·A is the principal part, as in PEFT.
 */
import { z } from 'zod';
import { param } from '../models/params';
import { checkRank, checkSameRank, LoraAdapters, type LoraStart } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';
import { columnsFrom, range, rowsFrom, svdOption, topSingular } from './svd-start';

const options = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  svd: svdOption,
  iterations: z.int().nonnegative().default(4).describe('power iterations of the randomised SVD'),
});

export const pissa: Method<z.infer<typeof options>> = {
  name: 'pissa',
  title: 'PiSSA',
  reference: 'Meng et al. 2024, eq. 2–4',
  needs: [],
  options,
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha, svd, iterations }, random) => {
    const scale = alpha / rank;
    const starts = targets.map((layer): LoraStart => {
      checkRank(layer, rank);
      const weight = param(model, layer.weight).dataSync() as Float32Array;
      const { u, s, v } = topSingular(weight, layer, rank, svd, random.fork(layer.name), iterations);
      const root = (k: number) => Math.sqrt(s[k] / scale);
      return { layer, rank, scale, a: rowsFrom(v, range(rank), root), b: columnsFrom(u, range(rank), root) };
    });
    return new LoraAdapters(model, starts, { method: 'pissa', shiftBase: true });
  },
};

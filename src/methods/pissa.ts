/**
 * PiSSA (Meng et al. 2024, eq. 2–4): A and B hold the principal singular triplets of W, the base keeps the rest.
 * Singular values are divided by the scale s so that s·B·A is the principal part, as in PEFT.
 */
import { z } from 'zod';
import { param } from '../models/params';
import { LoraAdapters } from './forms/lora';
import { checkRank, checkSameRank, initOf, takenOffBase } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';
import { columnsFrom, range, rowsFrom, svdOption, topSingular } from './svd-init';

const options = z.strictObject({
  rank: rankOption,
  alpha: alphaOption,
  svd: svdOption,
  iterations: z.int().nonnegative().default(4).describe('power iterations of the randomised SVD'),
});

export const pissa = defineMethod({
  name: 'pissa',
  title: 'PiSSA',
  reference: 'Meng et al. 2024, eq. 2–4',
  options,
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha, svd, iterations }) => {
    const scale = alpha / rank;
    const layers = targets.map((layer) => {
      checkRank(layer, rank);
      const weight = param(model, layer.weight).dataSync() as Float32Array;
      const { u, s, v } = topSingular(weight, layer, rank, svd, random.fork(layer.name), iterations);
      const root = (k: number) => Math.sqrt(s[k] / scale);
      const [a, b] = [rowsFrom(v, range(rank), root), columnsFrom(u, range(rank), root)];
      return takenOffBase(initOf(layer, rank, scale, a, b));
    });
    return new LoraAdapters(model, layers, { method: 'pissa' });
  },
});

/** DoRA (Liu et al. 2024): LoRA of the direction, and a trained length of every row (forms/dora.ts). */
import { z } from 'zod';
import { DoraAdapters } from './forms/dora';
import { checkSameRank, loraInit } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const dora = defineMethod({
  name: 'dora',
  title: 'DoRA',
  reference: 'Liu et al. 2024, eq. 5 and 11',
  options,
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha }) =>
    new DoraAdapters(model, loraInit(targets, rank, alpha / rank, random), { method: 'dora' }),
});

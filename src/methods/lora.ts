/** LoRA (Hu et al. 2021): A Kaiming-uniform, B = 0, scale α/r. */
import { z } from 'zod';
import { LoraAdapters } from './forms/lora';
import { checkSameRank, loraInit } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const lora = defineMethod({
  name: 'lora',
  title: 'LoRA',
  reference: 'Hu et al. 2021, eq. 3',
  options,
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha }) =>
    new LoraAdapters(model, loraInit(targets, rank, alpha / rank, random), { method: 'lora' }),
});

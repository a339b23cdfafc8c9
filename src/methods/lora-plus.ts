/** LoRA+ (Hayou et al. 2024): LoRA whose B learns 16 times as fast as A. */
import { z } from 'zod';
import { LoraAdapters } from './forms/lora';
import { checkSameRank, loraInit } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const loraPlus = defineMethod({
  name: 'lora+',
  title: 'LoRA+',
  reference: 'Hayou et al. 2024, λ = 2⁴',
  options,
  training: { loraPlusRatio: 16 },
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha }) =>
    new LoraAdapters(model, loraInit(targets, rank, alpha / rank, random), { method: 'lora+' }),
});

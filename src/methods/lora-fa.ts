/** LoRA-FA (Zhang et al. 2023): A stays at its random init, B alone is trained. */
import { z } from 'zod';
import { LoraAdapters } from './forms/lora';
import { checkSameRank, loraInit } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const loraFa = defineMethod({
  name: 'lora-fa',
  title: 'LoRA-FA',
  reference: 'Zhang et al. 2023, §3.2',
  options,
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha }) =>
    new LoraAdapters(model, loraInit(targets, rank, alpha / rank, random), { method: 'lora-fa', freezeA: true }),
});

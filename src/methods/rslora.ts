/** rsLoRA (Kalajdzievski 2023): LoRA with the rank-stabilised scale α/√r. */
import { z } from 'zod';
import { LoraAdapters } from './forms/lora';
import { checkSameRank, loraInit } from './init';
import { defineMethod } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const rsLora = defineMethod({
  name: 'rslora',
  title: 'rsLoRA',
  reference: 'Kalajdzievski 2023, theorem 3.2',
  options,
  check: checkSameRank,
  init: ({ model, targets, random }, { rank, alpha }) =>
    new LoraAdapters(model, loraInit(targets, rank, alpha / Math.sqrt(rank), random), {
      method: 'rslora',
      rankStabilised: true,
    }),
});

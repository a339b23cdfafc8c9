/** LoRA+ (Hayou et al. 2024): LoRA whose B learns 16 times as fast as A. */
import { z } from 'zod';
import { checkSameRank, LoraAdapters, vanillaStarts } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const loraPlus: Method<z.infer<typeof options>> = {
  name: 'lora+',
  title: 'LoRA+',
  reference: 'Hayou et al. 2024, λ = 2⁴',
  needs: [],
  options,
  training: { loraPlusRatio: 16 },
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha }, random) =>
    new LoraAdapters(model, vanillaStarts(targets, rank, alpha / rank, random), { method: 'lora+' }),
};

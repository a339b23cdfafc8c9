/** LoRA (Hu et al. 2021): A Kaiming-uniform, B = 0, scale α/r. */
import { z } from 'zod';
import { checkSameRank, LoraAdapters, vanillaStarts } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const lora: Method<z.infer<typeof options>> = {
  name: 'lora',
  title: 'LoRA',
  reference: 'Hu et al. 2021, eq. 3',
  needs: [],
  options,
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha }, random) =>
    new LoraAdapters(model, vanillaStarts(targets, rank, alpha / rank, random), { method: 'lora' }),
};

/** LoRA-FA (Zhang et al. 2023): A stays at its random start, B alone is trained. */
import { z } from 'zod';
import { checkSameRank, LoraAdapters, vanillaStarts } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const loraFa: Method<z.infer<typeof options>> = {
  name: 'lora-fa',
  title: 'LoRA-FA',
  reference: 'Zhang et al. 2023, §3.2',
  needs: [],
  options,
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha }, random) =>
    new LoraAdapters(model, vanillaStarts(targets, rank, alpha / rank, random), { method: 'lora-fa', freezeA: true }),
};

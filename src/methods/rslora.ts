/** rsLoRA (Kalajdzievski 2023): LoRA with the rank-stabilised scale α/√r. */
import { z } from 'zod';
import { checkSameRank, LoraAdapters, vanillaStarts } from './lora-adapters';
import type { Method } from './method';
import { alphaOption, rankOption } from './options';

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const rsLora: Method<z.infer<typeof options>> = {
  name: 'rslora',
  title: 'rsLoRA',
  reference: 'Kalajdzievski 2023, theorem 3.2',
  needs: [],
  options,
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha }, random) =>
    new LoraAdapters(model, vanillaStarts(targets, rank, alpha / Math.sqrt(rank), random), {
      method: 'rslora',
      rankStabilised: true,
    }),
};

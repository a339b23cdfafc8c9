/** LS-LoRA: GoRA's ranks from the sensitivity |W ⊙ G| with LoRA's own start, B = 0 (baseline of GoRA's follow-up). */
import type { Method } from '../method';
import { attachGora, checkGora, watchGora } from './index';
import { type GoraOptions, goraOptions } from './options';

const options = goraOptions.safeExtend({
  start: goraOptions.shape.start.default('zero'),
});

export const lsLora: Method<GoraOptions> = {
  name: 'ls-lora',
  title: 'LS-LoRA',
  reference: 'layer sensitivity ranks, after He et al. 2025, §3.2',
  needs: ['gradients'],
  options,
  check: checkGora,
  watchGradients: watchGora,
  attach: (model, targets, evidence, o, random) => attachGora('ls-lora', model, targets, evidence, o, random),
};

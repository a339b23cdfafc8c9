/** LS-LoRA: GoRA's ranks from the sensitivity |W ⊙ G| with LoRA's own init, B = 0 (baseline of GoRA's follow-up). */
import { defineMethod } from '../method';
import { checkGora, initGora, prepareGora } from './index';
import { goraOptions, goraRecordNames } from './options';

const options = goraOptions.safeExtend({
  init: goraOptions.shape.init.default('zero'),
});

export const lsLora = defineMethod({
  name: 'ls-lora',
  title: 'LS-LoRA',
  reference: 'layer sensitivity ranks, after He et al. 2025, §3.2',
  measures: 'gradients',
  options,
  recordNames: goraRecordNames,
  check: checkGora,
  prepare: prepareGora,
  init: (site, o, measured) => initGora('ls-lora', site, o, measured),
});

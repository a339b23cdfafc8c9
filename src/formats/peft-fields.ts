/**
 * What each field of `adapter_config.json` means to a reader that must compute the same function (PEFT 0.21). PEFT itself
 * drops fields that it does not know; here a field that is set and not known is refused, since it may change the result.
 */

/** Every key that PEFT 0.21.0 writes for LoRA, with the value that means "not used". */
export const PEFT_DEFAULTS: Readonly<Record<string, unknown>> = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: 'none',
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_alpha: 8,
  lora_bias: false,
  lora_dropout: 0,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  modules_to_save: null,
  monteclora_config: null,
  peft_type: 'LORA',
  peft_version: '0.21.0',
  qalora_group_size: 16,
  r: 8,
  rank_pattern: {},
  revision: null,
  target_modules: null,
  target_parameters: null,
  task_type: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
  velora_config: null,
};

/** Fields that change the computation in ways this kit does not follow. */
const UNSUPPORTED = [
  'alora_invocation_tokens',
  'arrow_config',
  'ensure_weight_tying',
  'kasa_config',
  'layer_replication',
  'lora_bias',
  'megatron_config',
  'monteclora_config',
  'target_parameters',
  'trainable_token_indices',
  'use_bdlora',
  'use_qalora',
  'velora_config',
];

/** Further known fields: AdaLoRA's schedule, and what older versions of PEFT and the trainers around it write. */
const HARMLESS = [
  ...['target_r', 'init_r', 'tinit', 'tfinal', 'deltaT', 'beta1', 'beta2', 'orth_reg_weight', 'total_step'],
  ...['runtime_config', 'enable_lora', 'merge_weights', 'base_model_class', 'parent_library', 'unsloth_version'],
];

/** Values of `init_lora_weights` (text or truth) that leave the base weights as they were. */
const UNTOUCHED_BASE: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal', 'mica'];

/** Inits that move the base and that PEFT can save as their change against the untouched base. */
const CONVERTIBLE = /^(pissa(_niter_\d+)?|olora|corda|lora_ga)$/;

/** Whether a field says something: not null, false, empty. */
export function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** Why an adapter with this `init_lora_weights` cannot be put on an untouched base, and what to do; null where it can. */
function initProblem(config: Readonly<Record<string, unknown>>): string | null {
  const init = config.init_lora_weights ?? true;
  if (UNTOUCHED_BASE.includes(init)) return null;
  const name = `init_lora_weights ${JSON.stringify(init)}`;
  const merge =
    'merge it where it was trained (`model.merge_and_unload().save_pretrained(DIR)`) and use that as the base';
  if (typeof init === 'string' && CONVERTIBLE.test(init)) {
    const patterns = isSet(config.rank_pattern) || isSet(config.alpha_pattern);
    const convert =
      config.use_rslora && patterns
        ? `PEFT cannot convert it with use_rslora and patterns: ${merge}`
        : `save it as plain LoRA where it was trained: \`model.save_pretrained(DIR, path_initial_model_for_weight_conversion=INIT)\`, INIT the adapter saved before the first step`;
    return `${name} moved the base weights when training began, so on the untouched base this adapter computes something else; ${convert}`;
  }
  if (init === 'loftq')
    return `${name} was trained on base weights that LoftQ rounded, so on the untouched base it computes something else; ${merge}`;
  return `${name} is none that this kit knows, and it may have moved the base weights; ${merge}, or set it to true in the file if the base was left as it was`;
}

/**
 * What in a config keeps this kit from computing what PEFT computes, and what to do about it; null when nothing does.
 * Fields that are not set are fine, known or not.
 */
export function fieldProblem(config: Readonly<Record<string, unknown>>): string | null {
  for (const key of UNSUPPORTED) {
    if (isSet(config[key]))
      return `${key} = ${JSON.stringify(config[key])} is not supported; save the adapter without it`;
  }
  if ((config.bias ?? 'none') !== 'none') return `bias must be "none", not ${JSON.stringify(config.bias)}`;
  for (const key of Object.keys(config)) {
    if (Object.hasOwn(PEFT_DEFAULTS, key) || HARMLESS.includes(key) || !isSet(config[key])) continue;
    return `${key} = ${JSON.stringify(config[key])} is a field that this kit does not know, so it may change what the adapter computes; remove it from the file if it does not`;
  }
  return initProblem(config);
}

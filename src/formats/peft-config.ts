/**
 * `adapter_config.json` of Hugging Face PEFT (checked against 0.21), written. PEFT knows no GoRA: its result is plain
 * LoRA with `use_rslora` and one rank a layer in `rank_pattern`.
 */
import { UserError } from '../errors';
import { PEFT_DEFAULTS } from './peft-fields';
import type { AdaptedLayer, PeftChoice, PeftCodec } from './peft-layer';

/** What a person chooses; ranks and scales that differ from `r` and `lora_alpha` go into the patterns by themselves. */
export interface PeftOptions extends PeftChoice {
  /** Suffixes of module paths, e.g. `q_proj`; by default the full path of every layer. */
  readonly target_modules?: readonly string[];
  readonly base_model_name_or_path?: string | null;
  /** PEFT's name of the task: `CAUSAL_LM`, `SEQ_CLS`, `SEQ_2_SEQ_LM`, …; null when none fits. */
  readonly task_type?: string | null;
  readonly lora_dropout?: number;
  /** The base holds these layers' weights as [in, out] (GPT-2's Conv1D). */
  readonly fan_in_fan_out?: boolean;
  /** Further keys of PEFT's own config, e.g. `target_r` and `total_step` of AdaLoRA. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Whether PEFT adapts a module: a target equals its path or is a suffix of it after a dot. */
const targeted = (targets: readonly string[], name: string): boolean =>
  targets.some((target) => name === target || name.endsWith(`.${target}`));

/**
 * The content of `adapter_config.json`.
 * @param modules names of the wholly trained modules saved beside the adapters, e.g. `classifier`.
 * @throws UserError when `target_modules` misses a layer, or the form is asked for what its format cannot hold.
 */
export function peftConfig(
  form: PeftCodec,
  layers: readonly AdaptedLayer[],
  options: PeftOptions,
  modules: readonly string[],
): Record<string, unknown> {
  const { extra, ...chosen } = options;
  const target_modules = options.target_modules ?? layers.map((layer) => layer.name).sort();
  const missed = layers.find((layer) => !targeted(target_modules, layer.name));
  if (missed) {
    throw new UserError(`target_modules [${target_modules}] does not name the adapted layer ${missed.name}; add it.`);
  }
  return {
    ...PEFT_DEFAULTS,
    ...chosen,
    target_modules,
    modules_to_save: modules.length ? modules : null,
    ...form.write(layers, options),
    ...extra,
  };
}

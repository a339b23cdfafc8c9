/**
 * `adapter_config.json` of Hugging Face PEFT (checked against 0.21.0): which modules are adapted, and with which rank
 * and scale. PEFT knows no GoRA: its result is plain LoRA with `use_rslora` and one rank a layer in `rank_pattern`.
 */
import { UserError } from '../errors';
import { PEFT_DEFAULTS } from './peft-fields';
import type { AdapterLayer } from './peft-layer';

/** What a person chooses; ranks and scales that differ from `r` and `lora_alpha` go into the patterns by themselves. */
export interface PeftOptions {
  /** Rank of layers without an entry in `rank_pattern`; for AdaLoRA the starting rank `init_r`. */
  readonly r: number;
  readonly lora_alpha: number;
  /** Scale α/√r in place of α/r. */
  readonly use_rslora?: boolean;
  readonly use_dora?: boolean;
  /** Suffixes of module paths, e.g. `q_proj`; by default the full path of every layer. */
  readonly target_modules?: readonly string[];
  readonly base_model_name_or_path?: string | null;
  /** PEFT's name of the task: `CAUSAL_LM`, `SEQ_CLS`, `SEQ_2_SEQ_LM`, …; null when none fits. */
  readonly task_type?: string | null;
  readonly lora_dropout?: number;
  /** Further keys of PEFT's own config, e.g. `target_r` and `total_step` of AdaLoRA. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

const rankOf = (layer: AdapterLayer): number => layer.A.shape[0];

/** Whether PEFT adapts a module: a target equals its path or is a suffix of it after a dot. */
const targeted = (targets: readonly string[], name: string): boolean =>
  targets.some((target) => name === target || name.endsWith(`.${target}`));

/**
 * The key of a layer in `rank_pattern` and `alpha_pattern`. PEFT matches `(.*\.)?({key})$` on the module path, first
 * match wins; a full path matches, and needs a `^` only where it is also the ending of another layer's path.
 */
function patternKey(name: string, layers: readonly AdapterLayer[]): string {
  return layers.some((other) => other.name.endsWith(`.${name}`)) ? `^${name}` : name;
}

function pattern(
  layers: readonly AdapterLayer[],
  value: (layer: AdapterLayer) => number,
  usual: number,
): Record<string, number> {
  const entries = layers.filter((layer) => value(layer) !== usual);
  return Object.fromEntries(entries.map((layer) => [patternKey(layer.name, layers), value(layer)]));
}

/** The scale that PEFT gives to B·A. AdaLoRA's 1e-5 is PEFT's own guard against a rank of 0. */
export function peftScale(alpha: number, rank: number, kind: 'lora' | 'rslora' | 'adalora'): number {
  if (kind === 'adalora') return (alpha > 0 ? alpha : rank) / (rank + 1e-5);
  return kind === 'rslora' ? alpha / Math.sqrt(rank) : alpha / rank;
}

/** The α with which PEFT gives B·A a wanted scale; inverse of `peftScale`. */
export function peftAlpha(scale: number, rank: number, kind: 'lora' | 'rslora' | 'adalora'): number {
  return scale / peftScale(1, rank, kind);
}

/**
 * The content of `adapter_config.json`.
 * @param modules names of the wholly trained modules saved beside the adapters, e.g. `classifier`.
 * @throws UserError when `target_modules` misses a layer, or AdaLoRA is asked for what its format cannot hold.
 */
export function peftConfig(
  layers: readonly AdapterLayer[],
  options: PeftOptions,
  modules: readonly string[],
): Record<string, unknown> {
  const { extra, ...chosen } = options;
  const target_modules = options.target_modules ?? layers.map((layer) => layer.name).sort();
  const missed = layers.find((layer) => !targeted(target_modules, layer.name));
  if (missed) {
    throw new UserError(`target_modules [${target_modules}] does not name the adapted layer ${missed.name}; add it.`);
  }
  const alphaOf = (layer: AdapterLayer) => layer.alpha ?? options.lora_alpha;
  const common = { ...PEFT_DEFAULTS, ...chosen, target_modules, modules_to_save: modules.length ? modules : null };
  if (!layers.some((layer) => layer.E)) {
    return {
      ...common,
      rank_pattern: pattern(layers, rankOf, options.r),
      alpha_pattern: pattern(layers, alphaOf, options.lora_alpha),
      ...extra,
    };
  }
  const odd = layers.find((layer) => !layer.E || rankOf(layer) !== options.r || alphaOf(layer) !== options.lora_alpha);
  if (odd || options.use_dora || options.use_rslora) {
    const where = odd ? ` (${odd.name})` : '';
    throw new UserError(`AdaLoRA's format holds one rank r and one alpha for all layers, without DoRA${where}.`);
  }
  const adalora = { peft_type: 'ADALORA', r: 8, init_r: options.r, rank_pattern: null };
  const schedule = { target_r: options.r, beta1: 0.85, beta2: 0.85, deltaT: 1, tinit: 0, tfinal: 0 };
  return { ...common, ...adalora, ...schedule, orth_reg_weight: 0.5, total_step: 1, ...extra };
}

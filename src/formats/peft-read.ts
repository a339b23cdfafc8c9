/** Reading `adapter_config.json`, with a refusal of everything that would change what the adapter computes unnoticed. */
import { messageOf, UserError } from '../errors';
import { fieldProblem } from './peft-fields';
import { LayerPatterns, targetsOf } from './peft-targets';
import { readText } from './read';

/** What the loader needs of a config. */
export interface AdapterConfig {
  readonly kind: 'lora' | 'rslora' | 'adalora';
  readonly dora: boolean;
  readonly rank: number;
  readonly alpha: number;
  readonly rankPattern: LayerPatterns;
  readonly alphaPattern: LayerPatterns;
  /** Whether the config adapts a module; null where it does not say which. */
  readonly targets: ((module: string) => boolean) | null;
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Reads and checks a config file. @throws UserError naming the file, the key and what would be right. */
export function parseAdapterConfig(file: string): AdapterConfig {
  const bad = (what: string) => new UserError(`${file}: ${what}.`);
  const text = readText(file, 'adapter config');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw bad(`not JSON (${messageOf(error)})`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw bad('not a JSON object');
  const raw = parsed as Record<string, unknown>;
  const type = raw.peft_type;
  if (type !== 'LORA' && type !== 'ADALORA')
    throw bad(`peft_type must be LORA or ADALORA, not ${JSON.stringify(type)}`);
  const problem = fieldProblem(raw);
  if (problem !== null) throw bad(problem);

  const number = (key: string, value: unknown, whole: boolean): number => {
    if (typeof value === 'number' && Number.isFinite(value) && (!whole || (Number.isInteger(value) && value > 0))) {
      return value;
    }
    throw bad(`${key} must be a ${whole ? 'whole number > 0' : 'number'}, not ${JSON.stringify(value)}`);
  };
  const pattern = (key: string, whole: boolean): LayerPatterns => {
    const value = raw[key] ?? {};
    if (typeof value !== 'object' || Array.isArray(value)) throw bad(`${key} must be an object`);
    const entries = Object.entries(value).map(
      ([name, item]) => [name, number(`${key} of ${name}`, item, whole)] as const,
    );
    return new LayerPatterns(new Map(entries), `${file}: ${key}`);
  };

  const adalora = type === 'ADALORA';
  if (adalora && raw.rank_pattern && Object.keys(raw.rank_pattern).length)
    throw bad('rank_pattern of AdaLoRA is not supported; save with the starting rank');
  return {
    kind: adalora ? 'adalora' : raw.use_rslora ? 'rslora' : 'lora',
    dora: raw.use_dora === true,
    rank: adalora ? number('init_r', raw.init_r ?? 12, true) : number('r', raw.r ?? 8, true),
    alpha: number('lora_alpha', raw.lora_alpha ?? 8, false),
    rankPattern: pattern('rank_pattern', true),
    alphaPattern: pattern('alpha_pattern', false),
    targets: targetsOf(raw, file),
    raw,
  };
}

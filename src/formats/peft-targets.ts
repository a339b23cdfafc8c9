/** Which modules a PEFT config adapts, as PEFT 0.21 decides it (`check_target_module_exists`), and its layer patterns. */
import { messageOf, UserError } from '../errors';
import { PythonPattern } from './python-regex';

/** A module path without prefix, e.g. `model.layers.0.self_attn.q_proj`. */
type Chooses = (module: string) => boolean;

/**
 * @param source file and field, for the error message.
 * @param own what of the pattern stands in the file.
 * @throws UserError when the pattern is not understood.
 */
function pattern(text: string, source: string, own: unknown = text): PythonPattern {
  try {
    return new PythonPattern(text);
  } catch (error) {
    throw new UserError(
      `${source}: the pattern ${JSON.stringify(own)} is no regular expression that this kit follows: ${messageOf(error)}. Use module paths`,
      { cause: error },
    );
  }
}

/** A module is named by its path or by the ending of it after a dot. */
const named = (list: readonly string[], module: string): boolean =>
  list.some((name) => module === name || module.endsWith(`.${name}`));

/** Text is a pattern over the whole path, a list names modules. */
function chooser(value: unknown, source: string): Chooses {
  if (typeof value === 'string') {
    const compiled = pattern(value, source);
    return (module) => compiled.fullMatch(module);
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return (module) => named(value, module);
  throw new UserError(`${source} must be a list of module names or a pattern, not ${JSON.stringify(value)}`);
}

/** Whether a module's layer, its first number with two path parts before it and one behind, is among the numbers. */
function inLayers(module: string, layers: readonly unknown[]): boolean {
  const parts = module.split('.');
  const at = parts.findIndex((part, i) => i >= 2 && i + 1 < parts.length && /^\d+$/.test(part));
  return at >= 0 && layers.includes(Number(parts[at]));
}

const listOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];

/**
 * The modules that a config adapts.
 * @returns null where the config leaves it to PEFT's table of architectures, or says `all-linear`.
 * @throws UserError naming file and field.
 */
export function targetsOf(config: Readonly<Record<string, unknown>>, file: string): Chooses | null {
  const { target_modules: targets, exclude_modules: excluded } = config;
  if (targets === undefined || targets === null || targets === 'all-linear') return null;
  const chosen = chooser(targets, `${file}: target_modules`);
  const none: Chooses = () => false;
  const left = excluded === undefined || excluded === null ? none : chooser(excluded, `${file}: exclude_modules`);
  const saved = listOf(config.modules_to_save).map((name) =>
    pattern(`(^|.*\\.)${name}($|\\..*)`, `${file}: modules_to_save`, name),
  );
  const layers = typeof targets === 'string' ? [] : listOf(config.layers_to_transform);
  const places = listOf(config.layers_pattern).filter((name) => name !== '');
  const numbered = places.flatMap((place) =>
    layers.map((layer) => pattern(`(?:^|.*?\\.)${place}\\.0*${layer}\\.`, `${file}: layers_pattern`, place)),
  );
  return (module) => {
    if (left(module) || saved.some((one) => one.match(module)) || !chosen(module)) return false;
    // PEFT takes a module that is listed by its whole path whatever its layer
    if (layers.length === 0 || (Array.isArray(targets) && targets.includes(module))) return true;
    return places.length > 0 ? numbered.some((one) => one.match(module)) : inLayers(module, layers);
  };
}

/** `rank_pattern` or `alpha_pattern`: the first pattern that fits a module's path, or its ending after a dot, wins. */
export class LayerPatterns {
  private readonly compiled: readonly { key: string; fits: PythonPattern; value: number }[];

  /** @throws UserError on a pattern that is not understood. */
  constructor(
    values: ReadonlyMap<string, number>,
    /** File and field, for messages. */
    private readonly source: string,
  ) {
    this.compiled = Array.from(values, ([key, value]) => ({
      key,
      value,
      fits: pattern(`(.*\\.)?(${key})$`, source, key),
    }));
  }

  /** The value of a module; `usual` where no pattern fits. */
  valueOf(module: string, usual: number): number {
    return this.compiled.find(({ fits }) => fits.match(module))?.value ?? usual;
  }

  /** @throws UserError when a pattern fits none of the adapted modules: PEFT would leave it out without effect. */
  checkUsed(modules: readonly string[]): void {
    const idle = this.compiled.find(({ fits }) => !modules.some((module) => fits.match(module)));
    if (!idle) return;
    throw new UserError(
      `${this.source}: ${JSON.stringify(idle.key)} matches none of the ${modules.length} adapted layers, e.g. ${modules[0]}. Correct it, or remove it`,
    );
  }
}

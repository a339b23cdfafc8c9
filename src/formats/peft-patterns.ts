/** `rank_pattern` and `alpha_pattern`: one number for each group of layers, read and written. */
import { UserError } from '../errors';
import type { AdaptedLayer, PeftFields } from './peft-layer';
import { LayerPatterns } from './peft-targets';

/** A number of a config. @throws UserError naming file and key. */
export function numberOf(value: unknown, key: string, file: string, whole: boolean): number {
  if (typeof value === 'number' && Number.isFinite(value) && (!whole || (Number.isInteger(value) && value > 0))) {
    return value;
  }
  throw new UserError(
    `${file}: ${key} must be a ${whole ? 'whole number > 0' : 'number'}, not ${JSON.stringify(value)}.`,
  );
}

/** Reads one of the two. @throws UserError naming file, key and entry. */
export function readPatterns(config: PeftFields, key: string, file: string, whole: boolean): LayerPatterns {
  const value = config[key] ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new UserError(`${file}: ${key} must be an object.`);
  const entries = Object.entries(value).map(
    ([name, item]) => [name, numberOf(item, `${key} of ${name}`, file, whole)] as const,
  );
  return new LayerPatterns(new Map(entries), `${file}: ${key}`);
}

/**
 * The key of a layer. PEFT matches `(.*\.)?({key})$` on the module path, first match wins; a full path matches, and
 * needs a `^` only where it is also the ending of another layer's path.
 */
function patternKey(name: string, layers: readonly AdaptedLayer[]): string {
  return layers.some((other) => other.name.endsWith(`.${name}`)) ? `^${name}` : name;
}

/** Entries of the layers whose value is not the usual one. */
export function writePatterns(
  layers: readonly AdaptedLayer[],
  value: (layer: AdaptedLayer) => number,
  usual: number,
): Record<string, number> {
  // an α that was computed back from a scale has rounding in its last digits
  const differs = (own: number) => Math.abs(own - usual) > 1e-10 * Math.abs(usual);
  const entries = layers.filter((layer) => differs(value(layer)));
  return Object.fromEntries(entries.map((layer) => [patternKey(layer.name, layers), value(layer)]));
}

/** 12 digits take back the rounding of α/√r·√r. */
export const roundedAlpha = (alpha: number): number => Number(alpha.toPrecision(12));

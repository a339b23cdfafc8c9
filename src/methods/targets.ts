/** Which linear layers a method adapts. */
import { UserError } from '../errors';
import type { LinearLayer, Model } from '../models/model';

/**
 * Selects layers by `all`, `attention`, a comma-separated list of matrix types (`q_proj,v_proj`),
 * or a regular expression over layer names written as /…/.
 * @throws UserError when nothing matches, or a type of the list is none of the model's.
 */
export function selectTargets(model: Model, targets: string): LinearLayer[] {
  const { matches, types } = matcher(targets);
  const chosen = model.linears.filter(matches);
  const known = new Set(model.linears.map((layer) => layer.type));
  const stranger = types.find((type) => !known.has(type));
  if (chosen.length > 0 && stranger === undefined) return chosen;
  const what =
    types.length > 1 && stranger !== undefined
      ? `targets "${targets}": "${stranger}" matches`
      : `targets "${targets}" match`;
  throw new UserError(
    `${what} no linear layer of ${model.name}. Use all, attention, one or more of ${[...known].join(', ')}, or /regular expression/`,
  );
}

/** `types` is the list of matrix types, empty for the other forms. */
function matcher(targets: string): { matches: (layer: LinearLayer) => boolean; types: readonly string[] } {
  if (targets === 'all') return { matches: () => true, types: [] };
  if (targets === 'attention') return { matches: (layer) => /attn|attention/i.test(layer.name), types: [] };
  const pattern = /^\/(.*)\/$/.exec(targets);
  if (pattern) {
    const expression = compile(pattern[1]);
    return { matches: (layer) => expression.test(layer.name), types: [] };
  }
  const types = targets.split(',').map((type) => type.trim());
  return { matches: (layer) => types.includes(layer.type), types };
}

function compile(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new UserError(`targets /${source}/ is not a regular expression: ${(error as Error).message}`);
  }
}

/** Which linear layers a method adapts. */
import { UserError } from '../errors';
import type { LinearLayer, Model } from '../models/model';

/**
 * Selects layers by `all`, `attention`, a comma-separated list of matrix types (`q_proj,v_proj`),
 * or a regular expression over layer names written as /…/.
 * @throws UserError when nothing matches.
 */
export function selectTargets(model: Model, targets: string): LinearLayer[] {
  const chosen = model.linears.filter(matcher(targets));
  if (chosen.length > 0) return chosen;
  const types = [...new Set(model.linears.map((layer) => layer.type))].join(', ');
  throw new UserError(
    `targets "${targets}" match no linear layer of ${model.name}. Use all, attention, one or more of ${types}, or /regular expression/`,
  );
}

function matcher(targets: string): (layer: LinearLayer) => boolean {
  if (targets === 'all') return () => true;
  if (targets === 'attention') return (layer) => /attn|attention/i.test(layer.name);
  const pattern = /^\/(.*)\/$/.exec(targets);
  if (pattern) {
    const expression = compile(pattern[1]);
    return (layer) => expression.test(layer.name);
  }
  const types = new Set(targets.split(',').map((type) => type.trim()));
  return (layer) => types.has(layer.type);
}

function compile(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new UserError(`targets /${source}/ is not a regular expression: ${(error as Error).message}`);
  }
}

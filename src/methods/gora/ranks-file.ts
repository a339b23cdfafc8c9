/** Ranks of an earlier run: a run record, or the plain `{layer: rank}` of the authors' rank.json. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, UserError } from '../../errors';
import type { LinearLayer } from '../../models/model';

const ranksSchema = z.record(z.string(), z.int().nonnegative());

/**
 * Ranks of the targets in their order, 0 where the file leaves a layer out.
 * @throws UserError when the file is not readable, holds no ranks, or names layers that are not targets.
 */
export function readRanks(path: string, targets: readonly LinearLayer[]): number[] {
  const ranks = parse(path);
  const known = new Set(targets.map((layer) => layer.name));
  const stranger = Object.keys(ranks).find((name) => !known.has(name));
  if (stranger !== undefined) {
    throw new UserError(`ranksFrom ${path}: layer "${stranger}" is not a target of this run. Same model and targets?`);
  }
  return targets.map((layer) => (Object.hasOwn(ranks, layer.name) ? ranks[layer.name] : 0));
}

function parse(path: string): Record<string, number> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`ranksFrom ${path}: ${messageOf(error)}`, { cause: error });
  }
  const inner = typeof content === 'object' && content !== null && 'ranks' in content ? content.ranks : content;
  const ranks = ranksSchema.safeParse(inner);
  if (ranks.success && Object.keys(ranks.data).length > 0) return ranks.data;
  throw new UserError(`ranksFrom ${path}: no ranks in it. Give a record of a GoRA run, or {"layer": rank, …}`);
}

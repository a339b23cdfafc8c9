/**
 * Layer names to a place in the network: `blocks.3.attn.q` → block 3, matrix `q`;
 * `decoder.block.1.layer.0.SelfAttention.q` → decoder 1, matrix `SelfAttention.q`.
 */
import { mean } from '../stats';

/** One number a layer: ranks, importances. */
export type LayerValues = Readonly<Record<string, number>>;

/** Mean of each layer over the runs that have it. */
export function layerMeans(runs: readonly LayerValues[]): Record<string, number> {
  const layers = [...new Set(runs.flatMap((run) => Object.keys(run)))];
  const of = (layer: string) => runs.filter((run) => Object.hasOwn(run, layer)).map((run) => run[layer]);
  return Object.fromEntries(layers.map((layer) => [layer, mean(of(layer))]));
}

export interface LayerPlace {
  /** Text before the block number that tells stacks apart: `encoder`, `decoder`, or empty. */
  readonly stack: string;
  /** Number of the block; null for a layer outside the blocks (`lm_head`). */
  readonly block: number | null;
  /** What the matrix does, as short as it is unique. */
  readonly matrix: string;
}

const stackWord = /^(?:encoder|decoder|text|vision|text_model|vision_model)$/;

function split(name: string): { stack: string; block: number | null; rest: string[] } {
  const parts = name.split('.');
  const at = parts.findIndex((part) => /^\d+$/.test(part));
  if (at < 0) return { stack: '', block: null, rest: parts };
  const stack = parts.slice(0, at).filter((part) => stackWord.test(part));
  // T5 numbers the sub-layers too: `layer.0.SelfAttention`; the number says nothing the name does not
  const rest = parts.slice(at + 1).filter((part, i, all) => !/^\d+$/.test(part) && !/^\d+$/.test(all[i + 1] ?? ''));
  return { stack: stack.join(' '), block: Number(parts[at]), rest: rest.length > 0 ? rest : [parts[at]] };
}

/** Places of all layers; a matrix is named by as many of its last words as make it unique. */
export function layerPlaces(names: Iterable<string>): Map<string, LayerPlace> {
  const found = [...names].map((name) => ({ name, ...split(name) }));
  const ends = new Map<string, Set<string>>();
  for (const { rest } of found) {
    for (let words = 1; words <= rest.length; words++) {
      const end = rest.slice(-words).join('.');
      ends.set(end, (ends.get(end) ?? new Set()).add(rest.join('.')));
    }
  }
  const shortest = (rest: readonly string[]): string => {
    for (let words = 1; words < rest.length; words++) {
      const end = rest.slice(-words).join('.');
      if (ends.get(end)!.size === 1) return end;
    }
    return rest.join('.');
  };
  return new Map(found.map(({ name, stack, block, rest }) => [name, { stack, block, matrix: shortest(rest) }]));
}

/**
 * A seeded split of a set that comes without validation or test part.
 *
 * Equal texts stay together. Where there are classes each is split by the same share (largest remainders make the
 * total right), and each part gets one example of every class that has enough texts. The result depends on the seed
 * and the examples alone.
 */
import { UserError } from '../errors';
import { Random } from '../tensor/random';

/** What to cut off, as shares of all examples in (0, 1); 0 for a part that is there already. */
export interface SplitShares {
  readonly validation: number;
  readonly test: number;
}

export interface SplitRequest<T> {
  readonly shares: SplitShares;
  readonly seed: number;
  /** What must not be torn apart: equal texts have equal keys. White space and case do not tell texts apart. */
  readonly key: (example: T) => string;
  /** The class, to split each by the same share; left out, all are one. */
  readonly stratum?: (example: T) => string | number;
}

export interface Parts<T> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
  readonly test: readonly T[];
}

export const HELD_OUT_SHARES: SplitShares = { validation: 0.1, test: 0.1 };
export const SPLIT_SEED = 2024;

const plainKey = (text: string) => text.trim().replace(/\s+/g, ' ').toLowerCase();

/** How many to take of each stratum, so that the total is `share` of all, by largest remainders. */
function quotas(sizes: readonly number[], share: number, random: Random): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const exact = sizes.map((size) => size * share);
  const counts = exact.map(Math.floor);
  const ties = random.permutation(sizes.length);
  const order = sizes
    .map((_, i) => i)
    .sort((a, b) => exact[b] - counts[b] - (exact[a] - counts[a]) || ties[a] - ties[b]);
  let left = Math.round(total * share) - counts.reduce((sum, count) => sum + count, 0);
  for (const i of order) {
    if (left-- <= 0) break;
    counts[i] += 1;
  }
  return counts;
}

/**
 * Takes up to `spare` groups, as they come, while they fit into `count` examples; the smallest when none fits.
 * @returns the examples that are taken, and the groups that stay.
 */
function take(pile: readonly number[][], count: number, spare: number): { taken: number[]; rest: number[][] } {
  const chosen = new Set<number[]>();
  let size = 0;
  for (const group of pile) {
    if (chosen.size === spare || size === count) break;
    if (size + group.length > count) continue;
    chosen.add(group);
    size += group.length;
  }
  if (chosen.size === 0 && spare > 0) {
    chosen.add(pile.reduce((best, group) => (group.length < best.length ? group : best)));
  }
  return { taken: [...chosen].flat(), rest: pile.filter((group) => !chosen.has(group)) };
}

/**
 * Cuts validation and test examples off.
 * @returns the parts, each in the order of the input.
 * @throws UserError when a share is out of range or when there are too few different texts for all parts.
 */
export function splitExamples<T>(examples: readonly T[], request: SplitRequest<T>): Parts<T> {
  const { shares, seed, key, stratum = () => 0 } = request;
  for (const [name, share] of Object.entries(shares)) {
    if (!(share >= 0 && share < 1))
      throw new UserError(`the share of ${name} must be at least 0 and below 1, not ${share}`);
  }
  if (shares.validation + shares.test >= 1) {
    throw new UserError(`validation ${shares.validation} and test ${shares.test} leave nothing to train on`);
  }
  const random = new Random(seed, 'split');
  const groups = new Map<string, number[]>();
  examples.forEach((example, i) => {
    const name = plainKey(key(example));
    const group = groups.get(name);
    if (group) group.push(i);
    else groups.set(name, [i]);
  });
  // a group belongs to the class of its first example
  const strata = new Map<string, number[][]>();
  for (const group of groups.values()) {
    const name = String(stratum(examples[group[0]]));
    const pile = strata.get(name);
    if (pile) pile.push(group);
    else strata.set(name, [group]);
  }
  const names = [...strata.keys()].sort();
  const piles = names.map((name) => {
    const pile = strata.get(name) ?? [];
    return random
      .fork(`class/${name}`)
      .permutation(pile.length)
      .map((i) => pile[i]);
  });
  const sizes = piles.map((pile) => pile.reduce((sum, group) => sum + group.length, 0));
  const part = new Map<number, 'validation' | 'test'>();
  for (const name of ['test', 'validation'] as const) {
    if (shares[name] === 0) continue;
    const counts = quotas(sizes, shares[name], random.fork(name));
    piles.forEach((pile, i) => {
      // one text must stay to train on, and one for the part that is cut off next
      const spare = pile.length - (name === 'test' && shares.validation > 0 ? 2 : 1);
      const { taken, rest } = take(pile, counts[i], Math.max(0, spare));
      piles[i] = rest;
      for (const index of taken) part.set(index, name);
    });
  }
  const of = (name: string | undefined) => examples.filter((_, i) => part.get(i) === name);
  const parts = { train: of(undefined), validation: of('validation'), test: of('test') };
  for (const name of ['validation', 'test'] as const) {
    if (shares[name] > 0 && parts[name].length === 0) {
      throw new UserError(
        `${examples.length} examples with ${groups.size} different texts are too few to cut ${name} examples off; give a ${name} file`,
      );
    }
  }
  return parts;
}

/** The cut nearest to `at` that is behind a blank line, a line or a word, in this order, not farther than `reach`. */
function cutNear(text: string, at: number, reach: number): number {
  for (const end of ['\n\n', '\n', ' ']) {
    const found = text.lastIndexOf(end, at - end.length);
    if (found >= 0 && at - found - end.length <= reach) return found + end.length;
  }
  return /[\udc00-\udfff]/.test(text[at] ?? '') ? at - 1 : at; // not between the halves of one character
}

/**
 * Cuts one long text by place: its end is the test part, what comes before it validates.
 * @throws UserError when the text is too short.
 */
export function splitText(text: string, shares: SplitShares): { train: string; validation: string; test: string } {
  const reach = Math.floor(text.length / 50);
  const testAt = shares.test === 0 ? text.length : cutNear(text, Math.round(text.length * (1 - shares.test)), reach);
  const at = Math.round(text.length * (1 - shares.test - shares.validation));
  const validationAt = shares.validation === 0 ? testAt : cutNear(text, at, reach);
  const parts = {
    train: text.slice(0, validationAt),
    validation: text.slice(validationAt, testAt),
    test: text.slice(testAt),
  };
  const wanted = { train: 1, ...shares };
  for (const name of ['train', 'validation', 'test'] as const) {
    if (wanted[name] > 0 && parts[name].trim() === '') {
      throw new UserError(
        `a text of ${text.length} characters is too short to cut a ${name} part off; give a longer one`,
      );
    }
  }
  return parts;
}

/** Span corruption (Raffel et al. 2020, §3.1.4): gaps in a text, and a target that fills them. */
import type { Random } from '../../tensor/random';

export interface SpanOptions {
  /** Share of the tokens that go. */
  readonly density: number;
  /** Mean length of a gap. */
  readonly length: number;
}

export interface Corrupted {
  readonly input: number[];
  readonly target: number[];
}

/** `total` cut into `parts` random parts of one at least (uniform over all cuts). */
function cut(random: Random, total: number, parts: number): number[] {
  const marks = random.permutation(total - 1).slice(0, parts - 1);
  const ends = [...marks.map((mark) => mark + 1).sort((a, b) => a - b), total];
  return ends.map((end, i) => end - (ends[i - 1] ?? 0));
}

/** Gaps of a text of `size` tokens. */
export function spanCounts(size: number, { density, length }: SpanOptions): { noise: number; gaps: number } {
  const noise = Math.min(size - 1, Math.max(1, Math.round(size * density)));
  return { noise, gaps: Math.max(1, Math.min(size - noise, noise, Math.round(noise / length))) };
}

/**
 * Takes gaps out of a text. Both lengths depend on the text's length alone: input = size − noise + gaps + 1,
 * target = noise + gaps + 2.
 * @param sentinels ids of the marks, one more than there are gaps.
 */
export function corruptSpans(
  tokens: readonly number[],
  options: SpanOptions,
  sentinels: readonly number[],
  eos: number,
  random: Random,
): Corrupted {
  const { noise, gaps } = spanCounts(tokens.length, options);
  const gone = cut(random, noise, gaps);
  const kept = cut(random, tokens.length - noise, gaps);
  const input: number[] = [];
  const target: number[] = [];
  let at = 0;
  for (let i = 0; i < gaps; i++) {
    input.push(...tokens.slice(at, at + kept[i]), sentinels[i]);
    at += kept[i];
    target.push(sentinels[i], ...tokens.slice(at, at + gone[i]));
    at += gone[i];
  }
  return { input: [...input, eos], target: [...target, sentinels[gaps], eos] };
}

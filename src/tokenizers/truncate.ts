/** Cutting texts that are too long, as the strategy `longest_first` of Hugging Face's tokenizers does. */

/** Which end of a text is cut off. */
export type TruncationSide = 'left' | 'right';

/** What is left of one or two texts, and how many tokens went. */
export interface Truncated {
  readonly first: readonly number[];
  /** Null when there was no second text. */
  readonly second: readonly number[] | null;
  readonly cut: number;
}

/**
 * Cuts a text, or the longer of two, to `max` tokens together; where the shorter has more than half of them, both get
 * half, the second one more when `max` is odd (the first when it was the longer).
 * @param side the end that goes.
 */
export function truncatePair(
  first: readonly number[],
  second: readonly number[] | null,
  max: number,
  side: TruncationSide = 'right',
): Truncated {
  const keep = (ids: readonly number[], count: number) =>
    side === 'right' ? ids.slice(0, count) : ids.slice(Math.max(0, ids.length - count));
  const total = first.length + (second?.length ?? 0);
  if (total <= max) return { first, second, cut: 0 };
  if (second === null) return { first: keep(first, max), second, cut: total - max };
  let [short, long] = [first.length, second.length].sort((a, b) => a - b);
  long = short > max ? short : Math.max(short, max - short);
  if (short + long > max) {
    short = Math.floor(max / 2);
    long = max - short;
  }
  const [a, b] = first.length > second.length ? [long, short] : [short, long];
  return { first: keep(first, a), second: keep(second, b), cut: total - max };
}

/** Labelled texts of published data sets: how they are split, and how a few are drawn. */
import { UserError } from '../../errors';
import type { Random } from '../../tensor/random';

export interface LabelledText {
  readonly text: string;
  readonly label: string;
}

/** A data set as its files have it. */
export interface Corpus {
  readonly examples: readonly LabelledText[];
  /** The published test set; null where there is none and one is cut off. */
  readonly test: readonly LabelledText[] | null;
}

/** Texts to train on and held-out ones; no text is in two of them. */
export interface Split {
  readonly pool: readonly LabelledText[];
  readonly validation: readonly LabelledText[];
  readonly test: readonly LabelledText[];
}

/** `count` examples in random order, the labels in turn; a label that has run out is passed over. */
export function drawInTurn(
  examples: readonly LabelledText[],
  labels: readonly string[],
  count: number,
  random: Random,
): LabelledText[] {
  if (count > examples.length)
    throw new UserError(`examples ${count} is more than the ${examples.length} texts there are`);
  const order = random.permutation(examples.length).map((i) => examples[i]);
  const piles = labels.map((label) => order.filter((example) => example.label === label));
  const drawn: LabelledText[] = [];
  for (let turn = 0; drawn.length < count; turn++) {
    for (const pile of piles) if (turn < pile.length && drawn.length < count) drawn.push(pile[turn]);
    if (piles.every((pile) => turn >= pile.length)) break;
  }
  return drawn;
}

/** Every text once, the first time it is seen. */
function distinct(examples: readonly LabelledText[], seen: Set<string>): LabelledText[] {
  return examples.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/**
 * Cuts validation texts (and test texts, where the data set publishes none) off the pool, balanced over labels.
 * @param random a stream that belongs to the task, so that every run has the same held-out texts.
 */
export function splitCorpus(
  corpus: Corpus,
  labels: readonly string[],
  sizes: { readonly validation: number; readonly test: number },
  random: Random,
): Split {
  const seen = new Set<string>();
  const published = corpus.test && distinct(corpus.test, seen);
  const rest = distinct(corpus.examples, seen);
  const test = published ?? drawInTurn(rest, labels, sizes.test, random.fork('test'));
  const without = (taken: readonly LabelledText[], from: readonly LabelledText[]) => {
    const held = new Set(taken);
    return from.filter((example) => !held.has(example));
  };
  const left = without(test, rest);
  const validation = drawInTurn(left, labels, sizes.validation, random.fork('validation'));
  return { pool: without(validation, left), validation, test };
}

/** Lines of a text without empty ones. @throws UserError when there is none. */
export function linesOf(text: string, path: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0) throw new UserError(`${path} is empty: the data set has no text`);
  return lines;
}

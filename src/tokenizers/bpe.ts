/**
 * Byte-pair merging by score, as in llama2.c and SentencePiece: of all neighbouring pairs whose concatenation is a
 * piece, merge the one with the highest score, the leftmost on a tie, until none is left. A heap makes it
 * O(n log n) where llama2.c's own loop is O(n²).
 */

/** A candidate merge of the symbol at `left` with its right neighbour, made when both had these lengths. */
interface Pair {
  readonly score: number;
  readonly left: number;
  readonly right: number;
  readonly id: number;
  readonly text: string;
}

/** Higher score first, then further left. */
const before = (a: Pair, b: Pair): boolean => a.score > b.score || (a.score === b.score && a.left < b.left);

class Heap {
  private readonly items: Pair[] = [];

  push(pair: Pair): void {
    const items = this.items;
    let at = items.push(pair) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(items[at], items[parent])) break;
      [items[at], items[parent]] = [items[parent], items[at]];
      at = parent;
    }
  }

  pop(): Pair | undefined {
    const items = this.items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    items[0] = last;
    for (let at = 0; ; ) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < items.length && before(items[child], items[best])) best = child;
      if (best === at) return top;
      [items[at], items[best]] = [items[best], items[at]];
      at = best;
    }
  }
}

/**
 * Merges symbols in place of one another until no pair is a piece.
 * @param ids id of each starting symbol. @param texts its text in the vocabulary.
 * @param pieces id and score by text.
 */
export function mergePairs(
  ids: readonly number[],
  texts: readonly string[],
  pieces: ReadonlyMap<string, { readonly id: number; readonly score: number }>,
): number[] {
  const id = [...ids];
  const text: (string | null)[] = [...texts]; // null once merged into a left neighbour
  const next = ids.map((_, i) => i + 1);
  const previous = ids.map((_, i) => i - 1);
  const heap = new Heap();
  const consider = (left: number, right: number) => {
    if (left < 0 || right >= id.length) return;
    const joined = `${text[left]}${text[right]}`;
    const piece = pieces.get(joined);
    if (piece) heap.push({ score: piece.score, left, right, id: piece.id, text: joined });
  };
  for (let i = 0; i + 1 < id.length; i++) consider(i, i + 1);
  for (let pair = heap.pop(); pair; pair = heap.pop()) {
    const { left, right } = pair;
    // Stale when either side has been merged since: both texts together no longer make the pair's text.
    if (text[left] === null || text[right] === null || `${text[left]}${text[right]}` !== pair.text) continue;
    id[left] = pair.id;
    text[left] = pair.text;
    text[right] = null;
    next[left] = next[right];
    if (next[left] < id.length) previous[next[left]] = left;
    consider(previous[left], left);
    consider(left, next[left]);
  }
  return id.filter((_, i) => text[i] !== null);
}

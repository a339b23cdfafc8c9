/** Names in messages: lists of them, and the one that a person probably meant. */

/** Longest list in a message. */
const SHOWN = 20;

/** `"a", "b", "c"`; of a long list the first twenty and how many more; long names are cut. */
export function listed(names: readonly string[]): string {
  const cut = (name: string) => (name.length > 60 ? `${name.slice(0, 57)}…` : name);
  const shown = names.slice(0, SHOWN).map((name) => `"${cut(name)}"`);
  if (names.length > SHOWN) shown.push(`and ${names.length - SHOWN} more`);
  return shown.join(', ');
}

/** Longest name that is compared, so that a hostile one costs no time. */
const COMPARED = 64;

/** Insertions, deletions, changes and swaps of neighbours that turn one into the other (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? rows[i - 2][j - 2] + 1 : change;
      row.push(Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, change, swap));
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/** The name nearest to a wrong one, case aside: at most a third of its characters differ; null when none is near. */
export function nearest(wrong: string, names: readonly string[]): string | null {
  const plain = (name: string) => name.trim().toLowerCase().slice(0, COMPARED);
  const from = plain(wrong);
  let best: string | null = null;
  let least = Math.max(1, Math.floor(from.length / 3)) + 1;
  for (const name of names.slice(0, 1000)) {
    const apart = distance(from, plain(name));
    if (apart < least) [best, least] = [name, apart];
  }
  return best;
}

/** ` (did you mean "label"?)`, or nothing. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const near = nearest(wrong, names);
  return near === null ? '' : ` (did you mean "${near}"?)`;
}

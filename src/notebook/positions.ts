/** Positions in a text: Jupyter counts characters (code points), JavaScript and the compiler count UTF-16 units. */

/** Place of the `count`-th character, at most the end of the text. */
export function toUnits(text: string, count: number): number {
  let units = 0;
  for (let left = count; left > 0 && units < text.length; left--) units += text.codePointAt(units)! > 0xffff ? 2 : 1;
  return units;
}

/** Characters before a place. */
export function toCharacters(text: string, units: number): number {
  let count = 0;
  for (let at = 0; at < units && at < text.length; count++) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return count;
}

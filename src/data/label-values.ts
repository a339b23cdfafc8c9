/** Labels as files spell them: numbers in numeric order, names in the order of their letters. */

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A label that is a number, or a text that spells one; null otherwise. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string') return null;
  const text = value.trim();
  if (text.length > 64 || !DECIMAL.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

/** The name of a class: `1.0` is `1`, white space around it goes; null when the value is no label. */
export function labelName(value: unknown): string | null {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : null;
  if (typeof value !== 'string') return null;
  const text = value.trim();
  return /^[+-]?\d+\.0*$/.test(text) ? text.slice(0, text.indexOf('.')) : text || null;
}

/** Class names in order: numerically when all are numbers, else by their characters' codes. */
export function inLabelOrder(names: Iterable<string>): string[] {
  const all = [...names];
  const numbers = new Map(all.map((name) => [name, numberOf(name)]));
  const numeric = all.every((name) => numbers.get(name) !== null);
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return all.sort((a, b) => (numeric ? (numbers.get(a) ?? 0) - (numbers.get(b) ?? 0) || byName(a, b) : byName(a, b)));
}

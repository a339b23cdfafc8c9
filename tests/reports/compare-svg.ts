/**
 * Compares a drawing with the committed one: random ids renamed, images left out (their bytes depend on the encoder),
 * numbers within a tolerance, everything else letter by letter. `UPDATE_GOLDEN=1` writes the committed ones anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stableIds } from '../../src/reports/renderers/svg';

const number = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g;

/** Stable ids, no image data, two decimals, one element a line. */
export function normalise(svg: string): string {
  return stableIds(svg)
    .replace(/data:image\/png;base64,[A-Za-z0-9+/=]+/g, 'data:image')
    .replace(/-?\d+\.\d{3,}(?:e[-+]?\d+)?/g, (text) => String(Math.round(Number(text) * 100) / 100))
    .replaceAll('><', '>\n<');
}

/** Null when equal, else the first difference. */
export function difference(actual: string, expected: string, tolerance: number): string | null {
  const [a, b] = [normalise(actual).split('\n'), normalise(expected).split('\n')];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i] ?? '(end)', b[i] ?? '(end)'];
    const [x, y] = [left.match(number) ?? [], right.match(number) ?? []];
    const sameText = left.replace(number, '#') === right.replace(number, '#');
    const sameNumbers = x.every((text, k) => Math.abs(Number(text) - Number(y[k])) <= tolerance);
    if (!sameText || !sameNumbers) return `line ${i + 1}:\n  is        ${left}\n  should be ${right}`;
  }
  return null;
}

/** Asserts that a drawing equals tests/reports/golden/`name`.svg within `tolerance` pixels. */
export function assertGolden(svg: string, name: string, tolerance = 0.6): void {
  const file = join(__dirname, 'golden', `${name}.svg`);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, `${normalise(svg)}\n`);
  const found = difference(`${normalise(svg)}\n`, readFileSync(file, 'utf8'), tolerance);
  assert.equal(found, null, `${name}.svg differs (UPDATE_GOLDEN=1 writes it anew), ${found}`);
}

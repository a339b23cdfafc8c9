import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandShorthand } from '../../src/notebook/shorthand';

const rows: [source: string, expanded: string][] = [
  ['f({ a, b: 1, c })', 'f({ "a": a, b: 1, "c": c })'],
  ['const { a, b: c } = d', 'const { a, "b": c } = d'],
  ['({ a, b: [c] } = d)', '({ "a": a, b: [c] } = d)'],
  ['({ a = 1 } = d)', '({ "a": a = 1 } = d)'],
  ['for (const { a: b } of c) {}', 'for (const { "a": b } of c) {}'],
  ['const x = { a: { b } }', 'const x = { a: { "b": b } }'],
  ['const x = { __proto__ }', 'const x = { __proto__ }'],
  ['x = "{ a }"; // { a }', 'x = "{ a }"; // { a }'],
  [`const s = \`\${f({ a })}\``, `const s = \`\${f({ "a": a })}\``],
  ['class A { m() { return { a }; } }', 'class A { m() { return { "a": a }; } }'],
];
for (const [source, expanded] of rows) {
  test(`expands ${source}`, () => assert.equal(expandShorthand(source).text, expanded));
}

test('positions after expansion lead back to the same characters', () => {
  for (const [source] of rows) {
    const { text, originalOffset } = expandShorthand(source);
    let reached = 0;
    for (let offset = 0; offset < text.length; offset++) {
      const original = originalOffset(offset);
      assert.ok(original >= reached, `${source}: position ${offset} goes backwards`);
      reached = original;
    }
    assert.equal(originalOffset(text.length), source.length);
    const marker = source.lastIndexOf('d');
    if (marker >= 0) assert.equal(source[originalOffset(text.lastIndexOf('d'))], 'd');
  }
});

test('a text that does not parse is left for the compiler to refuse', () => {
  assert.equal(expandShorthand('const = {').text, 'const = {');
});

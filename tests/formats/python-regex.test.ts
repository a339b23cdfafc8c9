/** Python's regular expressions against Python itself (scripts/goldens/patterns.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PatternError, PythonPattern } from '../../src/formats/python-regex';
import { fixture } from '../support/data';

const golden = fixture<{ texts: string[]; patterns: Record<string, string | null> }>('patterns.json');

test('400 patterns match, and match the whole of, the texts that Python says; what Python refuses is refused', () => {
  for (const [pattern, bits] of Object.entries(golden.patterns)) {
    if (bits === null) {
      assert.throws(() => new PythonPattern(pattern), PatternError, pattern);
      continue;
    }
    const own = new PythonPattern(pattern);
    const found = golden.texts.map((text) => [own.match(text), own.fullMatch(text)].map(Number).join('')).join('');
    assert.equal(found, bits, pattern);
  }
  assert.equal(Object.keys(golden.patterns).length, 400);
});

test('a pattern that makes a backtracking matcher run for ever is answered in few visits, or refused', () => {
  const text = `${'a'.repeat(5000)}!`;
  for (const hostile of ['(a+)+b', '(a*)*b', '(a|a)*b', '(?:a?){50}a{50}b', '(.*)(.*)(.*)(.*)x']) {
    assert.equal(new PythonPattern(hostile).fullMatch(text), false, hostile);
  }
  assert.throws(() => new PythonPattern('(?:(?:(?:a{99}){99}){99})'), /too large/);
  assert.throws(() => new PythonPattern('(?:a(?=.*!))*b').fullMatch(text), /too many steps/);
});

for (const [pattern, why] of [
  [String.raw`(a)\1`, /back-references are not followed/],
  ['(?i)a', /flags, comments and conditions are not followed/],
  ['(?P=n)', /not followed/],
  ['a++', /possessive repeats are not followed/],
  ['(?<=a*)b', /look-behind needs one width/],
  ['(', /is not closed at character 1/],
  ['a)', /closes nothing/],
  ['*a', /nothing to repeat/],
  [String.raw`\q`, /\\q is no escape/],
] as const) {
  test(`says why ${pattern} is not understood`, () => {
    assert.throws(() => new PythonPattern(pattern), why);
  });
}

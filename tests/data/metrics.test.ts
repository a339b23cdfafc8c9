/** Scores against scikit-learn and SciPy (scripts/goldens/metrics.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  accuracy,
  exactMatch,
  f1,
  finalNumber,
  finalNumberMatch,
  macroF1,
  matthews,
  pearson,
  perplexity,
  spearman,
} from '../../src/data/metrics';
import { dataFile, fixture } from '../support/data';

interface Case {
  readonly name: string;
  readonly truth: number[];
  readonly predicted: number[];
  readonly undefined: string[];
  readonly [score: string]: unknown;
}

const golden = fixture<{ classes: Case[]; numbers: Case[] }>('metrics.json');
const near = (found: number, wanted: unknown, what: string) =>
  assert.ok(Math.abs(found - Number(wanted)) < 1e-12, `${what}: ${found}, not ${wanted}`);

for (const { name, truth, predicted, ...wanted } of golden.classes) {
  test(`classes, ${name}`, () => {
    for (const [score, of] of Object.entries({ accuracy, f1, macroF1, matthews })) {
      near(of(predicted, truth), wanted[score], score);
    }
  });
}

for (const { name, truth, predicted, ...wanted } of golden.numbers) {
  test(`numbers, ${name}`, () => {
    for (const [score, of] of Object.entries({ pearson, spearman })) near(of(predicted, truth), wanted[score], score);
  });
}

test('the goldens hold the undefined cases, which are 0 here', () => {
  const undefinedOf = (cases: Case[]) => cases.flatMap((one) => one.undefined);
  assert.deepEqual(new Set(undefinedOf(golden.classes)), new Set(['matthews', 'f1']));
  assert.deepEqual(new Set(undefinedOf(golden.numbers)), new Set(['pearson', 'spearman']));
  assert.equal(golden.numbers.filter((one) => one.undefined.length > 0).length, 3);
});

test('lists that do not match, empty lists, and what is no number', () => {
  for (const of of [accuracy, f1, macroF1, matthews, pearson, spearman]) {
    assert.throws(() => of([1, 0], [1]), /^UserError: 2 predictions for 1 labels/);
    assert.throws(() => of([], []), /^UserError: 0 predictions for 0 labels/);
  }
  for (const of of [pearson, spearman]) {
    assert.throws(() => of([1, Number.NaN], [1, 2]), /^UserError: value 1 is NaN/);
    assert.throws(() => of([1, 2], [1, Number.POSITIVE_INFINITY]), /^UserError: value 1 is Infinity/);
  }
});

test('perplexity', () => {
  assert.equal(perplexity(0), 1);
  assert.ok(Math.abs(perplexity(Math.log(50)) - 50) < 1e-12);
  assert.equal(JSON.parse(JSON.stringify(perplexity(1000))), Number.MAX_VALUE);
});

test('exact match, white space aside', () => {
  assert.equal(exactMatch(['a  b\n', 'A', 'c', ''], ['a b', 'a', ' c', '']), 0.75);
  assert.throws(() => exactMatch(['a'], []), /^UserError: 1 responses for 0 references/);
  assert.throws(() => exactMatch([], []), /^UserError/);
});

const NUMBERS: [text: string, number: string | null][] = [
  ['So 2 + 3 = <<2+3=5>>5.\n#### 5', '5'],
  ['#### 1,234,567', '1234567'],
  ['#### $-12.50 in all', '-12.5'],
  ['#### 18.00', '18'],
  ['#### .5', '.5'],
  ['#### 0.0', '0'],
  ['first #### 1 then #### 2 of 3', '2'],
  ['#### none, but 7', '7'],
  ['it is 72.', '72'],
  ['3 and 4, or 100.', '100'],
  ['1,000', '1000'],
  ['nothing', null],
  ['', null],
];
for (const [text, number] of NUMBERS) {
  test(`the final number of ${JSON.stringify(text)}`, () => {
    assert.equal(finalNumber(text), number);
  });
}

test('final numbers are compared as numbers', () => {
  assert.equal(
    finalNumberMatch(['it is 1,000.0', 'no', '#### 0.5', '7'], ['#### 1000', '#### 3', '#### .50', 'x']),
    0.5,
  );
  const long = `#### 0.${'0'.repeat(200_000)}1`;
  assert.equal(finalNumberMatch([long], [long]), 1);
});

test('every answer of GSM8K has a final number', (t) => {
  const file = dataFile(t, 'gsm8k', 'test.jsonl');
  if (!file) return;
  const answers = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).answer as string);
  const wrong = answers.filter((answer) => finalNumber(answer) !== answer.split('#### ')[1].replaceAll(',', '').trim());
  assert.deepEqual(wrong, []);
});

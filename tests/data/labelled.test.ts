/** Labels and texts of a table, and what is wrong with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledColumns } from '../../src/data/kinds';
import { classifyExamples, regressExamples } from '../../src/data/labelled';
import { tableOf } from '../support/tables';

const single: LabelledColumns = { kind: 'classify', text: 'text', text2: null, label: 'label' };
const pair: LabelledColumns = { ...single, text2: 'other' };
const scores: LabelledColumns = { ...single, kind: 'regress' };

const labelled = (...labels: unknown[]) => tableOf(labels.map((label, i) => ({ text: `t${i}`, label })));

test('classes are ordered: numbers by value, names by their characters, declared ones as declared', () => {
  const of = (...labels: unknown[]) => classifyExamples(labelled(...labels), single).labels;
  assert.deepEqual(of('10', '9', '10', '-1'), ['-1', '9', '10']);
  assert.deepEqual(of(2, 10, 1), ['1', '2', '10']);
  assert.deepEqual(of('1.0', '0.0', '1'), ['0', '1']);
  assert.deepEqual(of(true, false), ['false', 'true']);
  assert.deepEqual(of(' b', 'a ', 'B'), ['B', 'a', 'b']);
  assert.deepEqual(of('7', 'x'), ['7', 'x']);
  assert.deepEqual(of('01', '1'), ['01', '1']);
  const declared = tableOf(
    [2, 0, 2].map((label) => ({ text: 't', label })),
    { label: ['z', 'y', 'x'] },
  );
  const { labels, examples } = classifyExamples(declared, single);
  assert.deepEqual(labels, ['z', 'x']);
  assert.deepEqual(
    examples.map(({ label }) => label),
    [1, 0, 1],
  );
});

test('examples have their texts, class and line; a table to test has the classes of the training table', () => {
  const train = tableOf([
    { text: 'a', other: 'b', label: 'yes' },
    { text: 'c', other: 'd', label: 'no' },
  ]);
  const data = classifyExamples(train, pair);
  assert.deepEqual(data, {
    kind: 'classify',
    labels: ['no', 'yes'],
    pair: true,
    examples: [
      { text: 'a', text2: 'b', label: 1, line: 1 },
      { text: 'c', text2: 'd', label: 0, line: 2 },
    ],
    notes: [],
  });
  const held = classifyExamples(tableOf([{ text: 'e', label: 'yes' }]), single, {}, data.labels);
  assert.deepEqual(held.examples, [{ text: 'e', label: 1, line: 1 }]);
  assert.throws(
    () => classifyExamples(labelled('yes', 'Yes'), single, {}, data.labels),
    /file\.jsonl:2: the label "Yes" is not among the training set's "no", "yes" \(did you mean "yes"\?\)/,
  );
});

test('rows without a gold label, or without a text when asked, are left out and counted', () => {
  const table = tableOf([
    { text: 'a', gold_label: 'x' },
    { text: 'b', gold_label: '-' },
    { text: ' ', gold_label: 'x' },
    { text: 'c', gold_label: 'y' },
  ]);
  const { examples, labels, notes } = classifyExamples(
    table,
    { ...single, label: 'gold_label' },
    { emptyTexts: 'skip' },
  );
  assert.deepEqual(labels, ['x', 'y']);
  assert.deepEqual(
    examples.map(({ line }) => line),
    [1, 4],
  );
  assert.deepEqual(notes, [
    'file.jsonl: 1 of 4 rows left out: their text is empty',
    'file.jsonl: 1 rows without a gold label ("-") left out',
  ]);
  assert.deepEqual(classifyExamples(labelled('+', '-'), single).labels, ['+', '-'], 'a class as any other elsewhere');
});

test('numbers', () => {
  const { examples, kind } = regressExamples(labelled('5.000', '-1e-1', 3), scores);
  assert.equal(kind, 'regress');
  assert.deepEqual(
    examples.map(({ label }) => label),
    [5, -0.1, 3],
  );
  assert.throws(
    () => regressExamples(labelled(1, 'much'), scores),
    /file\.jsonl:2: the label "label" "much" is not a nu/,
  );
  for (const label of ['NaN', 'Infinity', '1e999', '0x10', true, [1]]) {
    assert.throws(() => regressExamples(labelled(1, label), scores), /file\.jsonl:2: the label .* is not a number/);
  }
  assert.throws(() => regressExamples(labelled(1, ''), scores), /file\.jsonl:2: the label "label" is missing/);
  assert.throws(() => regressExamples(labelled(1.5, 1.5), scores), /all numbers in "label" are 1\.5: nothing to learn/);
  assert.equal(regressExamples(labelled(1.5, 1.5), scores, {}, false).examples.length, 2);
});

const REFUSED: [rows: object[], message: RegExp][] = [
  [
    [
      { text: 'a', label: 1 },
      { text: '', label: 1 },
    ],
    /:2: the text "text" is empty; fill it, or skip rows/,
  ],
  [
    [
      { text: 'a', label: 1 },
      { text: ' \n', label: 1 },
    ],
    /:2: the text "text" is empty/,
  ],
  [[{ text: 'a', label: 1 }, { label: 1 }], /:2: the text "text" is missing/],
  [[{ text: null, label: 1 }], /:1: the text "text" is missing/],
  [[{ text: 5, label: 1 }], /:1: "text" is a number, not text/],
  [[{ text: ['a'], label: 1 }], /:1: "text" is a list, not text/],
  [[{ text: { a: 1 }, label: 1 }], /:1: "text" is an object, not text/],
  [[{ text: 'a', label: 1 }, { text: 'a' }], /:2: the label "label" is missing/],
  [[{ text: 'a', label: ' ' }], /:1: the label "label" is neither/],
  [[{ text: 'a', label: [1] }], /:1: the label "label" is neither a word nor a number/],
  [
    [
      { text: 'a', label: 'x' },
      { text: 'b', label: 'x' },
    ],
    /all labels in "label" are "x"; two classes at least/,
  ],
];
for (const [rows, message] of REFUSED) {
  test(`refuses ${JSON.stringify(rows)}`, () => {
    assert.throws(
      () => classifyExamples(tableOf(rows), single),
      (error: Error) => error.name === 'UserError' && message.test(error.message),
    );
  });
}

test('a column with a value of its own in nearly every row is no label', () => {
  const rows = Array.from({ length: 80 }, (_, i) => ({ text: `t${i}`, label: `id ${i}` }));
  assert.throws(
    () => classifyExamples(tableOf(rows), single),
    /"label" has 80 different values in 80 rows: no classes/,
  );
  const numbers = tableOf(Array.from({ length: 180 }, (_, i) => ({ text: `t${i}`, label: i % 60 })));
  assert.match(classifyExamples(numbers, single).notes[0], /60 classes that are all numbers: say kind regress/);
});

test('classes of a Parquet file: rows that are not labelled or out of range', () => {
  const of = (label: number) =>
    tableOf(
      [
        { text: 'a', label: 0 },
        { text: 'b', label },
      ],
      { label: ['x', 'y'] },
    );
  assert.throws(
    () => classifyExamples(of(-1), single),
    /:2: "label" is -1, .*the row is not labelled: use a labelled file/,
  );
  assert.throws(() => classifyExamples(of(2), single), /:2: "label" is 2, not a class of "x", "y"$/);
});

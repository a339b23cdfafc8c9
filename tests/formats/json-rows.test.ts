import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginsWithObject, jsonRows } from '../../src/formats/json-rows';

test('elements of a list and their lines', () => {
  const text = '\n[ {"a": "x\\"]\\n"},\n{"a":\n[1, {"b": "{"}]},{"a": 3},\n\n {}\n]\n';
  assert.deepEqual(jsonRows(text, 'f'), [
    { line: 2, value: { a: 'x"]\n' } },
    { line: 3, value: { a: [1, { b: '{' }] } },
    { line: 4, value: { a: 3 } },
    { line: 6, value: {} },
  ]);
  assert.deepEqual(jsonRows('[]', 'f'), []);
});

const bad: [text: string, message: RegExp][] = [
  ['[{"a":1},\n{"a":}]', /^UserError: f:2: not JSON/],
  ['[{"a":1},\n\n{"a":1', /^UserError: f:3: not JSON/],
  ['[{"a":1},\n{"a":1}\n] x', /^UserError: f:3: not JSON/],
  ['[{"a":1},\n 2]', /^UserError: f:2: element 2 of the list is not an object/],
  ['[[1],\n []]', /^UserError: f:1: element 1/],
  ['3', /^UserError: f: expected a list of objects/],
];
for (const [text, message] of bad) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => jsonRows(text, 'f'), message);
  });
}

test('what begins with an object is not a list', () => {
  assert.ok(beginsWithObject(' \n {"a":1}'));
  assert.ok(!beginsWithObject('\n[{"a":1}]'));
  assert.ok(!beginsWithObject(''));
});

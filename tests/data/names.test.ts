import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, listed, nearest } from '../../src/data/names';

test('the nearest name, case aside; none when too much differs', () => {
  const names = ['text', 'label', 'sentence1', 'Quality'];
  assert.equal(nearest('lable', names), 'label');
  assert.equal(nearest('LABEL', names), 'label');
  assert.equal(nearest('labels', names), 'label');
  assert.equal(nearest('sentnce1', names), 'sentence1');
  assert.equal(nearest('qualty', names), 'Quality');
  assert.equal(nearest('score', names), null);
  assert.equal(nearest('x', ['label']), null);
  assert.equal(nearest('label', []), null);
  assert.equal(didYouMean('texxt', names), ' (did you mean "text"?)');
  assert.equal(didYouMean('premise', names), '');
  assert.equal(nearest('a'.repeat(1e6), Array(1000).fill('b'.repeat(1e4))), null);
});

test('long lists are cut', () => {
  assert.equal(listed(['a', 'b']), '"a", "b"');
  const many = listed(Array.from({ length: 25 }, (_, i) => String(i)));
  assert.ok(many.endsWith('"19", and 5 more'));
  assert.equal(listed(['x'.repeat(100)]).length, 60);
});

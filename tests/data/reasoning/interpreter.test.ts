/** The tiny language: what it computes and how it stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgramError, parseProgram, runProgram } from '../../../src/data/reasoning/interpreter';

const run = (text: string, x = 0, steps?: number) => runProgram(parseProgram(text), x, steps);
const failure = (kind: ProgramError['kind']) => (error: unknown) =>
  error instanceof ProgramError && error.kind === kind;

test('expressions bind as in arithmetic, and digits join into numbers', () => {
  assert.equal(run('return 1 2 + 3 * 4 ;'), 24);
  assert.equal(run('return ( 1 2 + 3 ) * 4 ;'), 60);
  assert.equal(run('return 2 0 - 5 - 3 ;'), 12);
  assert.equal(run('y = x * x ; return y - x ;', 7), 42);
  assert.equal(run('return 0 - x ;', 5), -5);
});

test('branches, loops and early returns', () => {
  const sign = 'if x > 0 { return 1 ; } if x == 0 { return 0 ; } return 0 - 1 ;';
  assert.deepEqual(
    [5, 0, -5].map((x) => run(sign, x)),
    [1, 0, -1],
  );
  assert.equal(run('y = 1 ; while y < x { y = y * 2 ; } return y ;', 100), 128);
  assert.equal(run('n = 0 ; while n < 1 0 { n = n + 1 ; if n == x { return n * n ; } } return 0 ;', 4), 16);
  assert.equal(run('if x > 5 { x = 5 ; } return x ;', 9), 5, 'if runs once');
});

test('what is no program is refused', () => {
  const bad = [
    'y =',
    'y = 3',
    'return ;',
    'y = 1 + ; ',
    'if x { return 1 ; }',
    'while x < 3 { x = 1 ;',
    '}',
    'return 1 2 3 x ;',
  ];
  for (const text of [...bad, 'dog = 3 ;', 'return ( 1 ;', 'if = 3 ;']) {
    assert.throws(() => parseProgram(text), failure('syntax'), text);
  }
  assert.throws(() => run('return y ;'), failure('name'));
  assert.throws(() => run('y = x ;'), failure('no-return'));
  assert.throws(() => run(''), failure('no-return'));
});

test('endless and growing programs end', () => {
  assert.throws(() => run('while 0 < 1 { }'), failure('steps'));
  assert.throws(() => run('while 0 < 1 { y = 1 ; }'), failure('steps'));
  assert.throws(() => run('y = 9 ; while y > 1 { y = y * y ; } return y ;'), failure('overflow'));
  assert.equal(run('y = 0 ; while y < 9 { y = y + 1 ; } return y ;', 0, 40), 9);
  assert.throws(() => run('y = 0 ; while y < 9 { y = y + 1 ; } return y ;', 0, 15), failure('steps'));
});

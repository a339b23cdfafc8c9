/** SVAMP and GSM8K: how their files are read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSolutions } from '../../src/tasks/gsm8k';
import { encodeProblem, parseProblems } from '../../src/tasks/svamp';
import { CharTokenizer } from '../../src/tokenizers';

test('numbers of a problem become letters that its text has not', () => {
  const table = 'Question,Equation\n"Bryan has  number0 books , and number1 more .",- number1 number0\n';
  const [problem] = parseProblems(table, 'train.csv');
  assert.deepEqual(problem, { text: 'bryan has A books , and B more .', equation: '-BA' });
  assert.throws(
    () => parseProblems('Question,Equation\nnumber7 ?,number7\n', 'dev.csv'),
    /dev\.csv: number7 is beyond/,
  );
});

test('long problems keep their end and their answer', () => {
  const tokenizer = new CharTokenizer([...new Set('how many pears has A ? :-AB')]);
  const { prompt, answer, passes } = encodeProblem({ text: 'how many pears has A ?', equation: '-AB' }, tokenizer, 12);
  assert.equal(tokenizer.decode(prompt), 's has A ? :'.slice(-8));
  assert.equal(prompt.length + answer.length - 1, 12);
  assert.equal(tokenizer.decode(answer), '-AB');
  assert.ok(passes('-AB') && !passes('-BA') && !passes('-AB '));
});

test('solutions lose the marks of the calculator and keep the rest', () => {
  const line = JSON.stringify({ question: 'Q ?', answer: '48/2 = <<48/2=24>>24 clips.\n#### 24' });
  assert.deepEqual(parseSolutions(`${line}\n`, 'train.jsonl'), ['Q ?\n48/2 = 24 clips.\n#### 24\n\n']);
  assert.throws(() => parseSolutions('{"question": "Q ?"}\n', 'test.jsonl'), /test\.jsonl:1: expected a question/);
});

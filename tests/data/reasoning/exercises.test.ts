/** The three generation tasks: deterministic, apart in their templates, and marked as they should be. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { equation, GAINING, LARGEST, LOSING, statement, sum } from '../../../src/data/reasoning/arithmetic';
import { type ExerciseKind, type Split, spell, writeExercises } from '../../../src/data/reasoning/exercise';
import { instructions } from '../../../src/data/reasoning/instructions';
import { pretrainingDocument } from '../../../src/data/reasoning/pretraining';
import { passesTests, programs } from '../../../src/data/reasoning/programs';
import { reasoningTokenizer } from '../../../src/data/reasoning/vocabulary';
import { extractAnswer, wordProblems } from '../../../src/data/reasoning/word-problems';
import { Random } from '../../../src/tensor/random';

const SPLITS: readonly Split[] = ['train', 'validation', 'test'];
const KINDS: readonly ExerciseKind[] = [wordProblems, programs, instructions];
const some = (kind: ExerciseKind, split: Split, count = 400) =>
  writeExercises(kind, split, new Random(3, `${kind.name}/${split}`), count);

for (const kind of KINDS) {
  describe(kind.name, () => {
    it('is the same for the same stream, and another for another', () => {
      const texts = (seed: number) => writeExercises(kind, 'train', new Random(seed), 20).map(({ prompt }) => prompt);
      assert.deepEqual(texts(1), texts(1));
      assert.notDeepEqual(texts(1), texts(2));
    });

    it('has no template in two splits', () => {
      const owner = new Map<string, Split>();
      for (const split of SPLITS) {
        for (const { template } of some(kind, split)) {
          assert.equal(owner.get(template) ?? split, split, template);
          owner.set(template, split);
        }
      }
      for (const split of SPLITS) assert.ok([...owner.values()].filter((s) => s === split).length >= 10, split);
    });

    it('accepts its own answers, not those of other prompts, within its context', () => {
      for (const split of SPLITS) {
        const exercises = some(kind, split);
        let borrowed = 0;
        for (const [i, { prompt, answer, passes }] of exercises.entries()) {
          assert.ok(passes(answer), `${prompt}${answer}`);
          assert.ok(!passes(''), prompt);
          if (passes(exercises[(i + 1) % exercises.length].answer)) borrowed += 1;
          const all = [...reasoningTokenizer.encode(prompt), ...reasoningTokenizer.encode(answer)];
          assert.ok(all.length + 1 <= kind.context, `${all.length} tokens: ${prompt}${answer}`);
        }
        assert.ok(borrowed < 0.05 * exercises.length, `${borrowed} answers pass for another prompt`);
      }
    });
  });
}

describe('word problems', () => {
  it('have their answer taken from the last pattern', () => {
    assert.equal(extractAnswer('1 2 + 5 = 1 7 . answer : 1 7'), 17);
    assert.equal(extractAnswer('answer : 3 . answer : 0'), 0);
    assert.equal(extractAnswer('answer : 4 pears'), 4);
    for (const text of ['1 7', 'answer :', 'answer : pears', 'answer 1 7', 'the answer : ']) {
      assert.equal(extractAnswer(text), null, text);
    }
  });

  it('have steps that are true and lead to the answer', () => {
    for (const { answer } of some(wordProblems, 'test')) {
      const steps = answer.split(' . ').slice(0, -1);
      let last = Number.NaN;
      for (const step of steps) {
        const [, a, operator, b, result] = /^([\d ]+) ([+*-]) ([\d ]+) = ([\d ]+)$/.exec(step) as string[];
        const value = (digits: string) => Number(digits.replaceAll(' ', ''));
        if (!Number.isNaN(last)) assert.equal(value(a), last);
        last = equation(value(a), operator as '+', value(b)).result;
        assert.equal(value(result), last, step);
        assert.ok(last >= 0 && last <= LARGEST, step);
      }
      assert.equal(extractAnswer(answer), last);
    }
  });
});

describe('programs', () => {
  it('pass when they compute the same another way, and fail when wrong, endless or broken', () => {
    const wanted = (x: number) => 2 * x + 10;
    assert.ok(passesTests('y = x + 5 ; return y + y ;', wanted));
    assert.ok(passesTests('return 1 0 + 2 * x ;', wanted));
    assert.ok(!passesTests('y = x + 5 ; return y ;', wanted));
    assert.ok(!passesTests('y = 0 ; while y < 1 { x = x + 1 ; } return y ;', wanted));
    assert.ok(!passesTests('y = = x ;', wanted));
  });
});

describe('instructions', () => {
  const named = (template: RegExp) => {
    const found = some(instructions, 'train').find((exercise) => template.test(exercise.template));
    assert.ok(found, String(template));
    return found;
  };

  it('leave free what they leave free, and no more', () => {
    const free = named(/^name .* none$/);
    const words = free.answer.split(' , ');
    assert.ok(free.passes([...words].reverse().join(' , ')));
    assert.ok(!free.passes([...words, words[0]].join(' , ')), 'one twice');
    assert.ok(!free.passes([...words.slice(1), 'garden'].join(' , ')), 'not of the kind');
    const framed = named(/please$/);
    assert.ok(framed.answer.startsWith('please ') && !framed.passes(framed.answer.slice(7)), framed.answer);
  });
});

describe('pretraining', () => {
  const value = (digits: string) => Number(digits.replaceAll(' ', ''));

  it('has true sums, in words that the tokenizer knows, and no task in it', () => {
    const random = new Random(8);
    for (let i = 0; i < 1000; i++) {
      const text = pretrainingDocument(random);
      assert.equal(reasoningTokenizer.decode(reasoningTokenizer.encode(text)), text);
      assert.ok(!/answer :|^program :/.test(text), text);
      const [, a, operator, b, result] = /^([\d ]+) ([+*-]) ([\d ]+) = ([\d ]+)$/.exec(sum(random)) as string[];
      assert.equal(spell(equation(value(a), operator as '+', value(b)).result), result);
    }
  });

  it('has statements that count right', () => {
    const random = new Random(9);
    for (let i = 0; i < 300; i++) {
      const text = statement(random);
      const [opening, ...sentences] = text.split(' .').map((sentence) => sentence.trim());
      const counts = [value((/has ([\d ]+) /.exec(opening) as string[])[1])];
      const results: number[] = [];
      for (const sentence of sentences.filter((said) => said !== '')) {
        const [, said] = /([\d ]+)(?: \w+)?$/.exec(sentence) as string[];
        if (/^(now|that is) /.test(sentence)) results.push(value(said));
        else {
          const verb = sentence.split(' ')[1];
          const gains = Object.values(GAINING).flat().includes(verb);
          assert.ok(gains || Object.values(LOSING).flat().includes(verb), verb);
          counts.push((counts.at(-1) as number) + (gains ? value(said) : -value(said)));
        }
      }
      assert.deepEqual(results, counts.slice(1), text);
      assert.ok(
        counts.every((count) => count >= 0 && count <= LARGEST),
        text,
      );
    }
  });

  it('used the vocabulary that the base model was saved with', () => {
    const path = join(__dirname, '../../../data/grammar-decoder/vocabulary.json');
    assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), reasoningTokenizer.toJSON());
  });
});

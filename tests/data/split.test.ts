/** Seeded splits: shares, classes, equal texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitExamples, splitText } from '../../src/data/split';
import { Random } from '../../src/tensor/random';

interface Example {
  readonly text: string;
  readonly label: number;
}

const key = ({ text }: Example) => text;
const stratum = ({ label }: Example) => label;
const TENTHS = { validation: 0.1, test: 0.1 };
const request = { shares: TENTHS, seed: 2024, key, stratum };

/** Examples of these classes' sizes, mixed. */
function examplesOf(sizes: readonly number[]): Example[] {
  const all = sizes.flatMap((size, label) =>
    Array.from({ length: size }, (_, i) => ({ text: `${label} ${i}`, label })),
  );
  return new Random(1).permutation(all.length).map((i) => all[i]);
}

const countsOf = (examples: readonly Example[], classes: number) =>
  Array.from({ length: classes }, (_, label) => examples.filter((example) => example.label === label).length);

test('a tenth of each class, every example once, in its order, the same for one seed', () => {
  const examples = examplesOf([500, 300, 200]);
  const parts = splitExamples(examples, request);
  assert.deepEqual(countsOf(parts.validation, 3), [50, 30, 20]);
  assert.deepEqual(countsOf(parts.test, 3), [50, 30, 20]);
  const places = [parts.train, parts.validation, parts.test].map((part) => part.map((e) => examples.indexOf(e)));
  for (const part of places)
    assert.deepEqual(
      part,
      [...part].sort((a, b) => a - b),
    );
  assert.deepEqual(
    places.flat().sort((a, b) => a - b),
    examples.map((_, i) => i),
  );
  assert.deepEqual(splitExamples(examples, request), parts);
  const other = splitExamples(examples, { ...request, seed: 1 });
  assert.notDeepEqual(other.test, parts.test);
  // chance: a tenth of the test examples would be the same ones
  const same = other.test.filter((example) => parts.test.includes(example)).length;
  assert.ok(same < 30, `${same} of 100`);
});

test('the total is right although no class divides; small classes give one to each part', () => {
  const sizes = [33, 27, 24, 16];
  const { validation, test: held } = splitExamples(examplesOf(sizes), request);
  assert.deepEqual([validation.length, held.length], [10, 10]);
  assert.deepEqual(countsOf(held, 4), [3, 3, 2, 2]); // of 3.3, 2.7, 2.4, 1.6
  const few = splitExamples(examplesOf([100, 3, 2, 1]), request);
  assert.deepEqual(countsOf(few.train, 4).slice(1), [1, 1, 1]);
  assert.deepEqual(countsOf(few.test, 4).slice(1), [1, 0, 0]);
  assert.deepEqual(countsOf(few.validation, 4).slice(1), [1, 1, 0]);
});

test('equal texts stay together, white space and case aside', () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed, 'twins');
    const examples = Array.from({ length: 200 }, () => {
      const n = random.int(60);
      return { text: random.pick([`Text  ${n}`, `text ${n} `, `TEXT\n${n}`]), label: random.int(2) };
    });
    const parts = splitExamples(examples, { ...request, seed });
    const sets = [parts.train, parts.validation, parts.test].map(
      (part) => new Set(part.map(({ text }) => text.trim().toLowerCase().replace(/\s+/g, ' '))),
    );
    assert.equal(new Set(sets.flatMap((set) => [...set])).size, sets[0].size + sets[1].size + sets[2].size);
    assert.ok(sets.every((set) => set.size > 0));
    assert.ok(parts.test.length <= 22 && parts.validation.length <= 22, `${parts.test.length}`);
  }
});

test('one part only; no classes; very few examples', () => {
  const examples = examplesOf([50, 50]);
  const one = splitExamples(examples, { ...request, shares: { validation: 0.25, test: 0 } });
  assert.deepEqual([one.train.length, one.validation.length, one.test.length], [75, 25, 0]);
  const { stratum: _, ...plain } = request;
  const parts = splitExamples(examples, plain);
  assert.deepEqual([parts.train.length, parts.validation.length, parts.test.length], [80, 10, 10]);
  const three = splitExamples(examplesOf([3]), plain);
  assert.deepEqual([three.train.length, three.validation.length, three.test.length], [1, 1, 1]);
  assert.throws(
    () => splitExamples(examplesOf([2]), plain),
    /2 examples with 2 different texts are too few to cut test/,
  );
  assert.throws(() => splitExamples(examplesOf([1]), { ...plain, shares: { validation: 0.1, test: 0 } }), /too few/);
  const twins = [1, 2, 3, 4].map((label) => ({ text: 'same', label }));
  assert.throws(() => splitExamples(twins, request), /4 examples with 1 different texts are too few/);
});

test('shares out of range', () => {
  const examples = examplesOf([10]);
  for (const validation of [-0.1, 1, Number.NaN]) {
    assert.throws(
      () => splitExamples(examples, { ...request, shares: { validation, test: 0 } }),
      /the share of validation must be at least 0 and below 1/,
    );
  }
  assert.throws(
    () => splitExamples(examples, { ...request, shares: { validation: 0.5, test: 0.5 } }),
    /leave nothing to train on/,
  );
});

test('a hundred thousand examples of one class are split in linear time', () => {
  const examples = Array.from({ length: 100_000 }, (_, i) => ({ text: `t${i}`, label: 0 }));
  const start = process.cpuUsage().user;
  assert.equal(splitExamples(examples, request).test.length, 10_000);
  assert.ok((process.cpuUsage().user - start) / 1e6 < 10);
});

test('one long text is cut by place, behind a paragraph, a line or a word', () => {
  const paragraphs = Array.from({ length: 200 }, (_, i) => `Paragraph ${i}\nhas two lines.\n\n`);
  const text = paragraphs.join('');
  const parts = splitText(text, TENTHS);
  assert.equal(parts.train + parts.validation + parts.test, text);
  assert.ok(parts.validation.startsWith('Paragraph 1') && parts.test.startsWith('Paragraph 1'));
  assert.ok(Math.abs(parts.test.length / text.length - 0.1) < 0.03);
  assert.ok(Math.abs(parts.validation.length / text.length - 0.1) < 0.03);
  const words = splitText('word '.repeat(1000), TENTHS);
  assert.ok(words.test.startsWith('word') && words.validation.startsWith('word'));
  const emoji = splitText('🙂'.repeat(999), TENTHS);
  assert.ok([emoji.train, emoji.validation, emoji.test].every((part) => !/^[\udc00-\udfff]/.test(part)));
  const whole = splitText(text, { validation: 0.1, test: 0 });
  assert.deepEqual([whole.test, whole.train + whole.validation], ['', text]);
  assert.throws(() => splitText('a', TENTHS), /a text of 1 characters is too short to cut a validation part off/);
});

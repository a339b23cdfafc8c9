/** Readers of published text sets, on tiny files written here and on the real ones where they are. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CLINC_LABELS, readClinc } from '../../src/data/corpora/clinc150';
import { COLA_LABELS, readCola } from '../../src/data/corpora/cola';
import { type Corpus, drawInTurn, splitCorpus } from '../../src/data/corpora/corpus';
import { readSubjectivity, SUBJECTIVITY_LABELS } from '../../src/data/corpora/subjectivity';
import { readTrec, TREC_LABELS } from '../../src/data/corpora/trec';
import { Random } from '../../src/tensor/random';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';
import { zipOf } from '../support/zip';

/** A data folder with one file in it. */
function folderWith(t: TestContext, path: string, content: string | Buffer): string {
  const dir = tempDir(t);
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
  return dir;
}

const counts = (corpus: Corpus, labels: readonly string[]) =>
  labels.map((label) => corpus.examples.filter((example) => example.label === label).length);

test('CoLA: tabs, judgement and sentence; a line of another form is named', (t) => {
  const file = 'glue/CoLA/in_domain_train.tsv';
  const dir = folderWith(t, file, 'gj04\t1\t\tIt rains.\r\ngj04\t0\t*\tRains it the.\n');
  assert.deepEqual(readCola(dir), {
    examples: [
      { text: 'It rains.', label: 'good' },
      { text: 'Rains it the.', label: 'bad' },
    ],
    test: null,
  });
  for (const line of ['gj04\t2\t\tIt rains.', 'gj04\t1\tIt rains.', 'no tabs']) {
    assert.throws(() => readCola(folderWith(t, file, `gj04\t1\t\tRight.\n${line}\n`)), /line 2 is not source, 0 or 1/);
  }
  assert.throws(() => readCola(folderWith(t, file, '\n')), /is empty: the data set has no text/);
  assert.throws(() => readCola(tempDir(t)), /in_domain_train\.tsv: no such file/);
});

test('TREC: a class and a question, in Latin-1, with its own test set', (t) => {
  const dir = folderWith(t, 'trec/TREC.train.all', Buffer.from('3 Who was Ren\xe9 ?\n5 How far ?\n', 'latin1'));
  writeFileSync(join(dir, 'trec', 'TREC.test.all'), '0 What is an atom ?\n');
  const { examples, test: held } = readTrec(dir);
  assert.deepEqual(examples, [
    { text: 'Who was René ?', label: 'person' },
    { text: 'How far ?', label: 'number' },
  ]);
  assert.deepEqual(held, [{ text: 'What is an atom ?', label: 'meaning' }]);
  writeFileSync(join(dir, 'trec', 'TREC.test.all'), '6 What ?\n');
  assert.throws(() => readTrec(dir), /TREC\.test\.all: line 1 is not a class 0 … 5/);
});

test('subjectivity: one entry of the archive a class', (t) => {
  const entries = {
    'subjectivity/plot.tok.gt9.5000': 'a boy leaves home . \nhe returns . \n',
    'subjectivity/quote.tok.gt9.5000': 'a small g\xeam . \n',
  };
  const { examples, test: held } = readSubjectivity(folderWith(t, 'nltk/subjectivity.zip', zipOf(entries)));
  assert.deepEqual(
    examples.map(({ text, label }) => `${label}: ${text}`),
    ['fact: a boy leaves home .', 'fact: he returns .', 'opinion: a small gêm .'],
  );
  assert.equal(held, null);
});

test('CLINC150: ten intents of the file, its validation texts in the pool', (t) => {
  const file = 'clinc150/data_full.json';
  const content = {
    train: [
      ['set a timer', 'timer'],
      ['tell me a joke', 'tell_joke'],
    ],
    val: [['what is my balance', 'balance']],
    test: [['how do i get there', 'directions']],
    oos_test: [['what is love', 'oos']],
  };
  const { examples, test: held } = readClinc(folderWith(t, file, JSON.stringify(content)));
  assert.deepEqual(
    examples.map(({ label }) => label),
    ['timer', 'balance'],
  );
  assert.deepEqual(held, [{ text: 'how do i get there', label: 'directions' }]);
  for (const text of ['{', '{"train": []}', '{"train": [["one"]], "val": [], "test": []}']) {
    assert.throws(() => readClinc(folderWith(t, file, text)), /is not CLINC150's data_full\.json/);
  }
});

test('a split keeps texts apart, is the same every time, and balances what it draws', () => {
  const examples = Array.from({ length: 60 }, (_, i) => ({ text: `text ${i % 50}`, label: i % 3 === 0 ? 'a' : 'b' }));
  const make = () =>
    splitCorpus({ examples, test: null }, ['a', 'b'], { validation: 8, test: 10 }, new Random(1, 'split'));
  const split = make();
  assert.deepEqual(split, make());
  const texts = [split.pool, split.validation, split.test].flat().map(({ text }) => text);
  assert.deepEqual([split.test.length, split.validation.length, texts.length], [10, 8, 50]);
  assert.equal(new Set(texts).size, 50, 'a text that the files hold twice is in one set, once');
  assert.equal(split.test.filter(({ label }) => label === 'a').length, 5);
  // six of 'a' in the set, asked for more: the rest is of 'b'
  const few = drawInTurn(split.pool, ['a', 'b'], 30, new Random(2));
  assert.equal(few.length, 30);
  assert.equal(few.filter(({ label }) => label === 'a').length, split.pool.filter(({ label }) => label === 'a').length);
  assert.throws(() => drawInTurn(split.pool, ['a', 'b'], 33, new Random(2)), /examples 33 is more than the 32 texts/);
});

test('a published test set is kept as it is, and its texts leave the pool', () => {
  const of = (...texts: string[]) => texts.map((text) => ({ text, label: 'a' }));
  const {
    pool,
    validation,
    test: held,
  } = splitCorpus(
    { examples: of('one', 'two', 'three', 'two'), test: of('three', 'four') },
    ['a'],
    { validation: 1, test: 0 },
    new Random(3),
  );
  assert.deepEqual(held, of('three', 'four'));
  assert.deepEqual([...pool, ...validation].map(({ text }) => text).sort(), ['one', 'two']);
});

test('the real files have the published sizes', (t) => {
  const file = dataFile(t, 'README.md');
  if (!file) return;
  const dir = dirname(file);
  assert.deepEqual(counts(readCola(dir), COLA_LABELS), [2528, 6023]);
  const trec = readTrec(dir);
  assert.deepEqual(counts(trec, TREC_LABELS), [1162, 1250, 86, 1223, 835, 896]);
  assert.equal(trec.test?.length, 500);
  assert.deepEqual(counts(readSubjectivity(dir), SUBJECTIVITY_LABELS), [5000, 5000]);
  const clinc = readClinc(dir);
  assert.deepEqual(counts(clinc, CLINC_LABELS), Array(10).fill(120));
  assert.equal(clinc.test?.length, 300);
});

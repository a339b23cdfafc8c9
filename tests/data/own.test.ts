/** A person's files from end to end: kinds, parts, and what is written down of them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type OwnFiles, readOwn } from '../../src/data/own';
import { dataFile } from '../support/data';
import { fixturePath } from '../support/files';
import { tempDir } from '../support/temp';

/** Writes the parts and gives their paths. */
function filesOf(t: TestContext, parts: Record<string, string>): OwnFiles {
  const dir = tempDir(t);
  const files = Object.entries(parts).map(([name, content]) => {
    const path = join(dir, name);
    writeFileSync(path, content);
    return [name.split('.')[0], path];
  });
  return Object.fromEntries(files);
}

const csv = (rows: readonly string[], header = 'text,label') => `${[header, ...rows].join('\n')}\n`;
const many = Array.from({ length: 40 }, (_, i) => `text ${i},${i % 4 === 0 ? 'yes' : 'no'}`);

test('one file: classes, a tenth each, stratified, written down', async (t) => {
  const files = filesOf(t, { 'train.csv': csv(many) });
  const own = await readOwn(files);
  assert.ok(own.kind === 'classify');
  assert.deepEqual(own.labels, ['no', 'yes']);
  assert.equal(own.pair, false);
  assert.deepEqual(own.notes, {
    kind: 'classify',
    columns: 'text "text", label "label"',
    remarks: ['kind classify, guessed from the columns', 'columns guessed by their names: text "text", label "label"'],
    validation: 'split 10 % of train, seed 2024, stratified by label',
    test: 'split 10 % of train, seed 2024, stratified by label',
    sizes: { train: 32, validation: 4, test: 4 },
    sha256: { train: createHash('sha256').update(csv(many)).digest('hex') },
  });
  assert.equal(own.test.filter(({ label }) => label === 1).length, 1);
  assert.equal(own.majority, 0.75);
  for (const { text, label, line } of [...own.train, ...own.validation, ...own.test]) {
    assert.equal(many[line - 2], `${text},${own.labels[label]}`);
  }
  const again = await readOwn(files, { splitSeed: 7 });
  assert.notDeepEqual(again.test, own.test);
  assert.match(again.notes.test, /seed 7/);
});

test('files that are given are kept, with the classes of the training file; shared texts are counted', async (t) => {
  const files = filesOf(t, {
    'train.csv': csv(many),
    'validation.jsonl': '{"label":"yes","text":"new"}\n{"label":"no","text":"text 3"}\n',
    'test.tsv': 'label\ttext\nno\tx\n',
  });
  const own = await readOwn(files);
  assert.ok(own.kind === 'classify');
  assert.deepEqual(own.notes.sizes, { train: 40, validation: 2, test: 1 });
  assert.deepEqual(own.validation[0], { text: 'new', label: 1, line: 1 });
  assert.deepEqual([own.notes.validation, own.notes.test], ['validation.jsonl', 'test.tsv']);
  assert.equal(own.notes.remarks.at(-1), '1 of 2 validation texts are in the training set too');
  assert.deepEqual(Object.keys(own.notes.sha256), ['train', 'validation', 'test']);
});

test('a validation file alone: the test part is cut off, the rest trains', async (t) => {
  const own = await readOwn(filesOf(t, { 'train.csv': csv(many), 'validation.csv': csv(['x,no']) }), {
    shares: { test: 0.2 },
  });
  assert.deepEqual(own.notes.sizes, { train: 32, validation: 1, test: 8 });
  const none = await readOwn(filesOf(t, { 'train.csv': csv(many) }), { shares: { test: 0 } });
  assert.deepEqual(none.notes.sizes, { train: 36, validation: 4, test: 0 });
  assert.equal(none.notes.test, 'none, as asked');
});

test('faults of a second file name it', async (t) => {
  const train = csv(many);
  const cases: [content: string, message: RegExp][] = [
    [csv(['x,maybe']), /test\.csv:2: the label "maybe" is not among the training set's "no", "yes"/],
    [csv(['x,no'], 'sentence,label'), /test\.csv has no column "text", which the training table has/],
    [csv([',no']), /test\.csv:2: the text "text" is empty/],
    ['', /test\.csv is empty/],
  ];
  for (const [content, message] of cases) {
    await assert.rejects(readOwn(filesOf(t, { 'train.csv': train, 'test.csv': content })), message);
  }
  await assert.rejects(readOwn({ train: 'nowhere.csv' }), /nowhere\.csv: no such file/);
});

test('numbers, pairs, prompts, conversations', async (t) => {
  const rows = Array.from({ length: 20 }, (_, i) => i);
  const scores = rows.map((i) => `a ${i},b,${i / 4}`);
  const regress = await readOwn(filesOf(t, { 'train.csv': csv(scores, 'sentence1,sentence2,score') }));
  assert.ok(regress.kind === 'regress' && regress.pair);
  assert.deepEqual(regress.notes.sizes, { train: 16, validation: 2, test: 2 });
  assert.equal(regress.notes.test, 'split 10 % of train, seed 2024');

  const prompts = rows.map((i) => JSON.stringify({ prompt: `p ${i % 10}`, completion: `c ${i}` })).join('\n');
  const completion = await readOwn(filesOf(t, { 'train.jsonl': prompts }));
  assert.ok(completion.kind === 'completion');
  const held = new Set([...completion.test, ...completion.validation].map(({ prompt }) => prompt));
  assert.equal(held.size, 2, 'both answers to one prompt are in one part');
  assert.ok(completion.train.every(({ prompt }) => !held.has(prompt)));

  const chat = rows.map((i) => ({
    messages: [
      { role: 'user', content: `q ${i % 10}` },
      { role: 'assistant', content: `a ${i}` },
    ],
  }));
  const chats = await readOwn(filesOf(t, { 'train.jsonl': chat.map((row) => JSON.stringify(row)).join('\n') }));
  assert.ok(chats.kind === 'chat');
  const asked = (examples: typeof chats.train) => new Set(examples.map(({ messages }) => messages[0].content));
  assert.equal(asked(chats.train).size + asked(chats.test).size + asked(chats.validation).size, 10);
});

test('a plain text is cut by place, a list of texts by chance', async (t) => {
  const text = Array.from({ length: 300 }, (_, i) => `line ${i}`).join('\n');
  const whole = await readOwn(filesOf(t, { 'train.txt': text }));
  assert.ok(whole.kind === 'text');
  assert.equal(whole.train[0] + whole.validation[0] + whole.test[0], text);
  assert.equal(whole.notes.test, '10 % of the text, cut off its end');
  const given = await readOwn(filesOf(t, { 'train.txt': text, 'test.txt': 'other' }));
  assert.deepEqual(given.test, ['other']);
  assert.equal([...given.train, ...given.validation].join(''), text);
  const list = text.split('\n').map((line) => JSON.stringify({ text: line }));
  const texts = await readOwn(filesOf(t, { 'train.jsonl': list.join('\n') }));
  assert.deepEqual(texts.notes.sizes, { train: 240, validation: 30, test: 30 });
  assert.equal(texts.kind, 'text');
});

test('class names of a Parquet file', async () => {
  const path = fixturePath('tables', 'pairs-none.parquet');
  await assert.rejects(readOwn({ train: path }), /pairs-none\.parquet: row 3: the text "sentence2" is missing/);
  await assert.rejects(readOwn({ train: path }, { emptyTexts: 'skip' }), /row 4: "label" is -1, .*is not labelled/);
});

test('real sets as a person would give them', async (t) => {
  const sst = dataFile(t, 'glue', 'SST-2', 'train.tsv');
  const stsb = dataFile(t, 'glue', 'STS-B', 'train.tsv');
  const boolq = dataFile(t, 'glue', 'BoolQ', 'val.jsonl');
  if (!sst || !stsb || !boolq) return;
  const sentiment = await readOwn({ train: sst, validation: sst.replace('train', 'dev') });
  assert.ok(sentiment.kind === 'classify');
  assert.deepEqual(sentiment.labels, ['0', '1']);
  assert.equal(sentiment.train.length + sentiment.test.length, 67349);
  assert.equal(sentiment.validation.length, 872);
  const similarity = await readOwn({ train: stsb });
  assert.ok(similarity.kind === 'regress' && similarity.pair);
  const questions = await readOwn({ train: boolq });
  assert.ok(questions.kind === 'classify' && questions.pair);
  assert.deepEqual(questions.labels, ['false', 'true']);
  assert.equal(questions.test.length, 327);
});

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { CharTokenizer, listTokenizerFromJson, loadCharTokenizer105, WordTokenizer } from '../../src/tokenizers';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';

test('agrees with SentencePiece and the published babyllama', (t) => {
  const vocabulary = dataFile(t, 'babyllama-tok105', 'tok105.vocab');
  const goldenFile = dataFile(t, 'babyllama-tok105', 'golden.json');
  if (!vocabulary || !goldenFile) return;
  const golden = JSON.parse(fs.readFileSync(goldenFile, 'utf8'));
  const tok = loadCharTokenizer105(vocabulary);
  assert.equal(tok.vocabSize, 105);
  const text = golden.greedy_text.trimStart();
  assert.deepEqual(tok.encode(text, { bos: true }), golden.greedy_ids);
  assert.equal(tok.decode(golden.greedy_ids), text);
  // sentencepiece 0.2: SentencePieceProcessor(model_file='tok105.model').encode(text)
  const reference: [string, number[]][] = [
    ['Once upon', [3, 34, 9, 22, 4, 3, 18, 20, 7, 9]],
    ['a  b', [3, 5, 3, 23]],
    [' a', [3, 5]],
    ['a ', [3, 5]],
    ['a\nb', [3, 5, 0, 23]],
    ['a\n\nb', [3, 5, 0, 23]],
    ['日本 x', [3, 0, 3, 37]],
    ['', []],
    ['  ', []],
  ];
  for (const [input, ids] of reference) assert.deepEqual(tok.encode(input), ids, JSON.stringify(input));
  assert.equal(tok.decode([3, 0, 3, 37]), ' \u2047  x');
});

const vocab = '<unk>\t0\n<s>\t0\n</s>\t0\n\u2581\t-0\na\t-1\n';

test('reads a character vocabulary', (t) => {
  const file = path.join(tempDir(t), 'v.vocab');
  fs.writeFileSync(file, vocab);
  const tok = loadCharTokenizer105(file);
  assert.deepEqual(tok.encode('a a', { bos: true, eos: true }), [1, 3, 4, 3, 4, 2]);
  assert.equal(tok.decode([1, 3, 4, 3, 4, 2]), 'a a');
  assert.throws(() => tok.decode([5]), /token 5 is not in 0 … 4/);
});

const broken: [what: string, text: string, message: RegExp][] = [
  ['an empty file', '', /no characters/],
  ['marks alone', '<unk>\t0\n<s>\t0\n</s>\t0\n', /:4: the vocabulary has no characters/],
  ['other marks', '<pad>\t0\n', /:1: expected <unk>, found "<pad>"/],
  ['a longer piece', `${vocab}ab\t-2\n`, /:6: expected a single character, found "ab"/],
  ['a line without score', `${vocab}b\n`, /:6: expected a piece, a tab and a score/],
  ['a character twice', `${vocab}a\t-2\n`, /appears twice/],
  ['a JSON file', '{"model": 1}', /:1: expected a piece/],
];
for (const [what, text, message] of broken) {
  test(`refuses a vocabulary with ${what}`, (t) => {
    const file = path.join(tempDir(t), 'v.vocab');
    fs.writeFileSync(file, text);
    assert.throws(
      () => loadCharTokenizer105(file),
      (error) => error instanceof UserError && error.message.includes(file) && message.test(error.message),
    );
  });
}

test('refuses binary and missing vocabularies', (t) => {
  const file = path.join(tempDir(t), 'v.vocab');
  fs.writeFileSync(file, Uint8Array.of(0xff, 0xfe, 0));
  assert.throws(() => loadCharTokenizer105(file), /not valid UTF-8/);
  assert.throws(() => loadCharTokenizer105('/nowhere/v'), /no such file/);
});

test('characters and words of a closed vocabulary', () => {
  const chars = new CharTokenizer(['a', '+', '𝔸', ' ']);
  assert.deepEqual([chars.vocabSize, chars.pad, chars.bos, chars.eos], [7, 0, 1, 2]);
  assert.deepEqual(chars.encode('a+ 𝔸', { bos: true, eos: true }), [1, 3, 4, 6, 5, 2]);
  const words = new WordTokenizer(['the', 'cat']);
  assert.deepEqual(words.encode('cat the', { eos: true }), [4, 3, 2]);
  for (const [tok, text] of [
    [chars, 'a+ 𝔸'],
    [chars, ''],
    [words, 'the cat the'],
    [words, ''],
  ] as const) {
    assert.equal(tok.decode([0, ...tok.encode(text, { bos: true, eos: true }), 0]), text);
    const again = listTokenizerFromJson(JSON.parse(JSON.stringify(tok)));
    assert.equal(again.constructor, tok.constructor);
    assert.deepEqual(again.encode(text), tok.encode(text));
  }
});

test('closed vocabularies name what is wrong', () => {
  const chars = new CharTokenizer(['a']);
  assert.throws(() => chars.encode('ab'), /the character "b" is not in the vocabulary/);
  assert.throws(() => new WordTokenizer(['the']).encode('the  the'), /the word "" is not in the vocabulary/);
  for (const id of [-1, 4, 0.5]) assert.throws(() => chars.decode([id]), /is not in 0 … 3/);
  assert.throws(() => new CharTokenizer([]), /empty/);
  assert.throws(() => new CharTokenizer(['a', 'a']), /twice/);
  assert.throws(() => new CharTokenizer(['ab']), /"ab" is not a single character/);
  assert.throws(() => new WordTokenizer(['a b']), /"a b" is not a word/);
  for (const bad of [null, 1, {}, { unit: 'byte', vocabulary: ['a'] }, { unit: 'word', vocabulary: [1] }]) {
    assert.throws(() => listTokenizerFromJson(bad), UserError);
  }
});

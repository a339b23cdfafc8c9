import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../src/errors';
import { Random } from '../../src/tensor/random';
import { type Llama2cTokenizer, loadLlama2cTokenizer } from '../../src/tokenizers';
import { mergePairs } from '../../src/tokenizers/bpe';
import { dataFile } from '../support/data';
import { tempDir } from '../support/temp';

/** A tokenizer.bin: marks, bytes, then the given pieces with falling scores. */
function fileOf(pieces: readonly string[]): Buffer {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const all = ['<unk>', '\n<s>\n', '\n</s>\n', ...bytes, ...pieces];
  const parts = all.map((text, i) => {
    const head = Buffer.alloc(8);
    head.writeFloatLE(i < 259 ? 0 : 259 - i);
    head.writeInt32LE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  });
  return Buffer.concat([Buffer.from(Int32Array.of(16).buffer), ...parts]);
}

function tokenizer(t: TestContext, pieces: readonly string[]): Llama2cTokenizer {
  const file = path.join(tempDir(t), 'tokenizer.bin');
  fs.writeFileSync(file, fileOf(pieces));
  return loadLlama2cTokenizer(file);
}

test('merges the best pair first, the leftmost on a tie', (t) => {
  const tok = tokenizer(t, ['ab', 'bc', 'aa', ' ', 'a', 'b', 'c']);
  const pieces = (text: string) => tok.encode(text).map((id) => tok.decode([id]) || ' ');
  assert.deepEqual(pieces('abc'), [' ', 'ab', 'c']);
  assert.deepEqual(pieces('aab'), [' ', 'a', 'ab']);
  assert.deepEqual(pieces('aaa'), [' ', 'aa', 'a']);
});

test('characters without a piece become bytes, and the text comes back', (t) => {
  const tok = tokenizer(t, [' a', ' ', 'a', 'é']);
  assert.deepEqual(tok.encode('a\né€', { bos: true, eos: true }), [1, 259, 13, 262, 229, 133, 175, 2]);
  for (const text of ['', ' ', 'a', '  a  a ', 'naïve\n\t€ 𝔸 \0 <s> <0x41>', 'x'.repeat(100)]) {
    assert.equal(tok.decode(tok.encode(text, { bos: true, eos: true })), text);
    assert.equal(tok.decode(tok.encode(text)), text);
  }
});

/** llama2.c's own loop, quadratic and plain: the reference. */
function mergeSlowly(texts: readonly string[], pieces: ReadonlyMap<string, { id: number; score: number }>): number[] {
  const left = [...texts];
  for (;;) {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let i = 0; i + 1 < left.length; i++) {
      const piece = pieces.get(left[i] + left[i + 1]);
      if (piece && piece.score > bestScore) [best, bestScore] = [i, piece.score];
    }
    if (best < 0) return left.map((text) => pieces.get(text)!.id);
    left.splice(best, 2, left[best] + left[best + 1]);
  }
}

test('the heap gives what the quadratic loop gives', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed, 'bpe');
    const texts = new Set(['a', 'b', 'c']);
    while (texts.size < 12) texts.add(random.pick([...texts]) + random.pick([...texts]));
    const order = random.permutation(12);
    // few different scores, so that ties happen
    const pieces = new Map([...texts].map((text, id) => [text, { id, score: -(order[id] >> (seed % 3)) }]));
    const letters = Array.from({ length: random.int(60) }, () => random.pick(['a', 'b', 'c']));
    const ids = letters.map((letter) => pieces.get(letter)!.id);
    assert.deepEqual(mergePairs(ids, letters, pieces), mergeSlowly(letters, pieces), `seed ${seed}`);
  }
});

test('a long text without spaces is tokenised in bounded time', (t) => {
  const tok = tokenizer(t, ['aa', 'aaaa', ' ', 'a']);
  const start = Date.now();
  assert.equal(tok.encode('a'.repeat(200_000)).length, 50_001);
  assert.ok(Date.now() - start < 20_000);
});

test('pieces with inner spaces are found across words', (t) => {
  const tok = tokenizer(t, ['a b', ' a', ' b', ' ', 'a', 'b', 'a ']);
  // "a " scores below " b" and "a b" needs a symbol " b" or "a " beside the other letter
  assert.equal(tok.decode(tok.encode('a b a b')), 'a b a b');
  assert.ok(tokenizer(t, ['a b', 'a ', ' ', 'a', 'b']).encode('a b').includes(259));
});

const broken: [what: string, change: (good: Buffer) => Buffer, message: RegExp][] = [
  ['an empty file', () => Buffer.alloc(0), /no header/],
  ['a text', () => Buffer.from('{"model": {"type": "BPE"}}'), /longest piece/],
  ['a cut inside a header', (good) => good.subarray(0, good.length - 5), /ends inside piece|past the end/],
  ['a cut inside a piece', (good) => good.subarray(0, good.length - 1), /past the end/],
  ['a negative length', (good) => Buffer.concat([good, Buffer.from('00000000ffffffff', 'hex')]), /-1 bytes/],
  ['too few pieces', (good) => good.subarray(0, 4), /0 pieces/],
  [
    'other bytes',
    (good) => Buffer.from(good.toString('latin1').replace('<0x00>', '<0x01>'), 'latin1'),
    /piece 3 must be/,
  ],
];
for (const [what, change, message] of broken) {
  test(`refuses ${what}`, (t) => {
    const file = path.join(tempDir(t), 'tokenizer.bin');
    fs.writeFileSync(file, change(fileOf(['ab', 'a'])));
    assert.throws(
      () => loadLlama2cTokenizer(file),
      (error) => error instanceof UserError && error.message.includes(file) && message.test(error.message),
    );
  });
}

test('refuses a missing file and foreign ids', (t) => {
  assert.throws(() => loadLlama2cTokenizer('/nowhere/tok.bin'), /\/nowhere\/tok\.bin: no such file/);
  const tok = tokenizer(t, ['a']);
  for (const id of [-1, 260, 1.5, Number.NaN]) assert.throws(() => tok.decode([id]), /is not in 0 … 259/);
});

test('agrees with the published stories260K', (t) => {
  const vocabulary = dataFile(t, 'stories260K', 'tok512.bin');
  const goldenFile = dataFile(t, 'stories260K', 'golden.json');
  const problems = dataFile(t, 'gsm8k', 'test.jsonl');
  if (!vocabulary || !goldenFile || !problems) return;
  const golden = JSON.parse(fs.readFileSync(goldenFile, 'utf8'));
  const tok = loadLlama2cTokenizer(vocabulary);
  assert.equal(tok.vocabSize, 512);
  assert.deepEqual(tok.encode(golden.greedy_text, { bos: true }), golden.greedy_ids);
  assert.equal(tok.decode(golden.greedy_ids), golden.greedy_text);
  const { question, answer } = JSON.parse(fs.readFileSync(problems, 'utf8').split('\n')[0]);
  assert.deepEqual(tok.encode(`${question}\n${answer}`, { bos: true }), golden.gsm8k_test0_ids);
});

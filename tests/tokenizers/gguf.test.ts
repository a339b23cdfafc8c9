/** Tokenizers out of GGUF metadata: the ids of the tokenizer.json, or the SentencePiece model, that went in. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import type { GgufValue } from '../../src/formats/gguf';
import { tokenizerFromGguf } from '../../src/tokenizers';
import { fixture, fixturePath } from '../support/data';

interface Golden {
  texts: string[];
  tokenizers: { 'byte-bpe': Record<'ids' | 'pre gpt-2' | 'pre llama-bpe', number[][]> };
}
const golden = fixture<Golden>('tokenizers/golden.json');
const own = golden.tokenizers['byte-bpe'];

/** The byte-level tokenizer of the fixtures, as llama.cpp's converter writes one. */
function byteLevel(more: Record<string, GgufValue | undefined> = {}): Map<string, GgufValue> {
  const json = JSON.parse(fs.readFileSync(fixturePath('tokenizers', 'byte-bpe', 'tokenizer.json'), 'utf8'));
  const tokens: string[] = [];
  for (const [piece, id] of Object.entries<number>(json.model.vocab)) tokens[id] = piece;
  const types = tokens.map(() => 1);
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    types[id] = special ? 3 : 4;
  }
  const all: Record<string, GgufValue | undefined> = {
    model: 'gpt2',
    pre: 'smollm',
    tokens,
    token_type: types,
    merges: json.model.merges.map((merge: string | string[]) => (Array.isArray(merge) ? merge.join(' ') : merge)),
    bos_token_id: 1,
    eos_token_id: 2,
    padding_token_id: 2,
    unknown_token_id: 0,
    ...more,
  };
  const known = Object.entries(all).flatMap(([key, value]): [string, GgufValue][] =>
    value === undefined ? [] : [[`tokenizer.ggml.${key}`, value]],
  );
  return new Map(known);
}

for (const [pre, expected] of [
  ['smollm', own.ids],
  ['gpt-2', own['pre gpt-2']],
  ['default', own['pre gpt-2']],
  [undefined, own['pre gpt-2']],
  ['llama-bpe', own['pre llama-bpe']],
] as const) {
  test(`byte-level BPE split as ${pre ?? 'nothing says'}`, () => {
    const tokenizer = tokenizerFromGguf(byteLevel({ pre }), 'model.gguf');
    golden.texts.forEach((text, i) => {
      assert.deepEqual(tokenizer.encode(text), expected[i], JSON.stringify(text));
    });
    assert.deepEqual([tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.special], [1, 2, 2, { unk: 0 }]);
  });
}

test('the ways of splitting differ on these texts', () => {
  for (const other of [own['pre gpt-2'], own['pre llama-bpe']]) assert.notDeepEqual(own.ids, other);
});

test('marks around a text, as far as the file adds them', () => {
  const ids = (more: Record<string, GgufValue>) => tokenizerFromGguf(byteLevel(more), 'm').encodeModel('a').ids;
  const [plain] = [tokenizerFromGguf(byteLevel(), 'm').encode('a')];
  assert.deepEqual(ids({}), plain);
  assert.deepEqual(ids({ add_bos_token: true }), [1, ...plain]);
  assert.deepEqual(ids({ add_bos_token: true, add_eos_token: true }), [1, ...plain, 2]);
  assert.deepEqual(ids({ pre: 'llama-bpe' }), [1, ...plain]);
  assert.deepEqual(ids({ pre: 'llama-bpe', add_bos_token: false }), plain);
});

test('special and user-defined tokens are found in a text, and only special ones left out of one', () => {
  const tokenizer = tokenizerFromGguf(byteLevel(), 'm');
  const ids = tokenizer.encode('Österreich<|im_end|>');
  assert.equal(ids.length, 2);
  assert.equal(tokenizer.decode(ids), 'Österreich');
});

interface SentencePiece {
  tokens: string[];
  scores: number[];
  token_type: number[];
  texts: string[];
  ids: number[][];
}
const spm = fixture<SentencePiece>('tokenizers/sentencepiece.json');
const sentencePiece = (more: Record<string, GgufValue> = {}) => {
  const { tokens, scores, token_type } = spm;
  const all = { model: 'llama', tokens, scores, token_type, bos_token_id: 1, eos_token_id: 2, ...more };
  return new Map<string, GgufValue>(Object.entries(all).map(([key, value]) => [`tokenizer.ggml.${key}`, value]));
};

test('SentencePiece: ids as from the model the pieces come from', () => {
  const tokenizer = tokenizerFromGguf(sentencePiece(), 'model.gguf');
  assert.ok(spm.texts.length >= 15);
  spm.texts.forEach((text, i) => {
    assert.deepEqual(tokenizer.encode(text), spm.ids[i], JSON.stringify(text));
    assert.equal(tokenizer.decode(spm.ids[i]), text.replaceAll('▁', ' '));
  });
  assert.deepEqual(tokenizer.encodeModel('a').ids, [1, ...tokenizer.encode('a')]);
  const bare = tokenizerFromGguf(sentencePiece({ add_space_prefix: false, add_bos_token: false }), 'model.gguf');
  assert.deepEqual(bare.encodeModel(' a').ids, tokenizer.encode('a'));
});

const refused: [what: string, metadata: Map<string, GgufValue>, message: RegExp][] = [
  ['no tokenizer', new Map(), /carries no tokenizer/],
  ['another model', byteLevel({ model: 'bert' }), /tokenizer\.ggml\.model "bert" is not supported/],
  [
    'another way of splitting',
    byteLevel({ pre: 'qwen2' }),
    /tokenizer\.ggml\.pre "qwen2" is not supported \(only .*smollm/,
  ],
  ['a name of Object.prototype', byteLevel({ pre: 'constructor' }), /pre "constructor" is not supported/],
  ['no tokens', byteLevel({ tokens: undefined }), /tokens is missing/],
  ['tokens that are numbers', byteLevel({ tokens: [1, 2] }), /tokens is no list of strings/],
  ['too few types', byteLevel({ token_type: [1] }), /tokens and 1 token types/],
  ['no merges', byteLevel({ merges: undefined }), /merges is missing/],
  ['a broken merge', byteLevel({ merges: ['a'] }), /merge 0 is no pair/],
  ['a token twice', byteLevel({ tokens: ['a', 'a'], token_type: [1, 1] }), /token "a" is there twice/],
  ['a special token that is none', byteLevel({ eos_token_id: 1e6 }), /eos_token_id is 1000000/],
  ['a begin mark that is not named', byteLevel({ add_bos_token: true, bos_token_id: undefined }), /adds the bos token/],
  ['a flag that is none', byteLevel({ add_bos_token: 1 }), /add_bos_token is neither true nor false/],
  ['no scores', sentencePiece({ scores: [1] }), /no score for every token/],
];
for (const [what, metadata, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => tokenizerFromGguf(metadata, 'model.gguf'),
      (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.match(error.message, /^model\.gguf: /);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

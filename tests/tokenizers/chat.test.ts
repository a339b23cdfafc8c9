/** Chat templates, and which ids of a conversation the assistant said. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserError } from '../../src/errors';
import {
  type ChatMessage,
  chatTemplate,
  chatTemplateFromGguf,
  encodeChat,
  loadTokenizer,
  parseChatTemplate,
} from '../../src/tokenizers';
import { ggufOf, key, TEXT, text } from '../formats/gguf-bytes';
import { fixturePath, sharedFile } from '../support/data';
import { tempDir } from '../support/temp';

const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const INST =
  "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";
const talk = (...contents: string[]): ChatMessage[] =>
  contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));

function folderOf(t: TestContext, files: Record<string, unknown>): string {
  const folder = tempDir(t);
  for (const [name, value] of Object.entries(files)) {
    fs.writeFileSync(path.join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return folder;
}

const chatml = parseChatTemplate(CHATML, {}, 'chatml');
const inst = parseChatTemplate(INST, { bos_token: '<s>', eos_token: '</s>' }, 'inst');

test('renders messages, with the generation prompt when asked for', () => {
  const text = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n';
  assert.equal(chatml.render(talk('Hi', 'Hello')), text);
  assert.equal(chatml.render(talk('Hi'), { addGenerationPrompt: true }), text.replace(/Hello.*\n$/s, ''));
  assert.equal(inst.render(talk('Hi', 'Hello')), '<s>[INST] Hi [/INST] Hello</s>');
  const dated = parseChatTemplate('{{ date }}{{ bos_token }}', { bos_token: '<s>', date: 'never' }, 'dated');
  assert.equal(dated.render([], { variables: { date: 'today' } }), 'today<s>');
});

test('blocks on lines of their own leave nothing, as in transformers', () => {
  const template =
    '{% for m in messages %}\n    {%- if true %}\n    {{ m.content }}\n    {% endif %}\n{% endfor %}\nend';
  assert.equal(parseChatTemplate(template, {}, 'lines').render(talk('a', 'b')), '    a\n    b\nend');
});

const bytes = loadTokenizer(fixturePath('tokenizers', 'byte-bpe'));
const llama = loadTokenizer(fixturePath('tokenizers', 'llama'));

test('the mask is on what the assistant says and what ends it', () => {
  for (const [tokenizer, template, answers] of [
    [bytes, chatml, ['It is.<|im_end|>\n', '\n\nYes, \n42<|im_end|>\n']],
    [llama, inst, ['It is.</s>', '\n\nYes, \n42</s>']],
  ] as const) {
    const messages = talk('to be or not to be?', 'It is.', 'And 7 times 6?', '\n\nYes, \n42', 'Thanks');
    const { ids, mask } = encodeChat(tokenizer, template, messages);
    assert.deepEqual(ids, tokenizer.encode(template.render(messages)), 'the ids of the whole text');
    const runs: number[][] = [];
    mask.forEach((said, i) => {
      if (said === 1 && mask[i - 1] !== 1) runs.push([]);
      if (said === 1) runs.at(-1)?.push(ids[i]);
    });
    assert.equal(runs.length, 2);
    // decode leaves special tokens out, as is compared here, and Llama's answers have a blank before them
    const texts = answers.map((answer) => answer.replace(/<.*>/, ''));
    assert.deepEqual(
      runs.map((run) => tokenizer.decode(run).replace(/^ /, '')),
      texts,
    );
    assert.equal(
      runs.every((run, i) => run.includes(2) && answers[i].includes('>')),
      true,
      'the end mark is in',
    );
  }
});

test('a token that reaches into the answer is the answer’s', () => {
  const template = parseChatTemplate(
    "{% for m in messages %}{{ '\\n' + m.content }}{% endfor %}{% if add_generation_prompt %}\n\n{% endif %}",
    {},
    'blanks',
  );
  const { ids, mask } = encodeChat(bytes, template, talk('a', '\n b'));
  assert.deepEqual(ids, bytes.encode('\na\n\n b'));
  assert.ok(mask.join('').match(/^0+1+$/));
});

test('nobody answers: nothing is marked', () => {
  assert.deepEqual(encodeChat(bytes, chatml, talk('a')).mask.includes(1), false);
  assert.deepEqual(encodeChat(bytes, chatml, []), { ids: [], mask: [] });
});

test('a template that rewrites what went before is refused', () => {
  const mark = '{% for m in messages %}{{ m.content }}{% if loop.last %}!{% endif %}{% endfor %}';
  // as templates that leave out the thoughts of earlier answers
  const drop =
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'user' or loop.last %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  for (const text of [mark, drop]) {
    assert.throws(
      () => encodeChat(bytes, parseChatTemplate(text, {}, 'x'), talk('a', 'b', 'c', 'd')),
      (error) =>
        error instanceof UserError && /writes message 2 of 4 differently when more follows/.test(error.message),
    );
  }
  assert.deepEqual(encodeChat(bytes, parseChatTemplate(drop, {}, 'x'), talk('a', 'b')).mask.at(-1), 1);
});

test('finds the template beside a tokenizer', (t) => {
  const render = (files: Record<string, unknown>) => chatTemplate(folderOf(t, files))?.render(talk('Hi'));
  const config = { bos_token: { content: '<s>' }, eos_token: '</s>' };
  const say = (word: string) => `{{ bos_token }}${word}`;
  assert.equal(render({ 'tokenizer_config.json': config }), undefined);
  assert.equal(render({}), undefined);
  assert.equal(render({ 'tokenizer_config.json': { ...config, chat_template: say('config') } }), '<s>config');
  const named = [
    { name: 'tool_use', template: say('tool') },
    { name: 'default', template: say('default') },
  ];
  assert.equal(render({ 'tokenizer_config.json': { ...config, chat_template: named } }), '<s>default');
  assert.equal(render({ 'tokenizer_config.json': { ...config, chat_template: [named[0]] } }), '<s>tool');
  const all = {
    'tokenizer_config.json': { ...config, chat_template: say('config') },
    'chat_template.json': { chat_template: say('json') },
    'chat_template.jinja': say('jinja'),
  };
  assert.equal(render(all), '<s>jinja');
  assert.equal(render({ ...all, 'chat_template.jinja': say('é🚀') }), '<s>é🚀');
  const { 'chat_template.jinja': _, ...rest } = all;
  assert.equal(render(rest), '<s>json');
});

test('finds the template in a GGUF, by its name or in its folder', (t) => {
  const bytes = ggufOf({ keys: [key('tokenizer.chat_template', TEXT, text(CHATML))] });
  const folder = tempDir(t);
  fs.writeFileSync(path.join(folder, 'model.gguf'), bytes);
  for (const place of [folder, path.join(folder, 'model.gguf')]) {
    assert.equal(chatTemplate(place)?.template, CHATML);
  }
  fs.writeFileSync(path.join(folder, 'tokenizer.json'), '{}');
  assert.equal(chatTemplate(folder), null, 'the tokenizer beside it is another model’s');
});

test('finds the template in a GGUF’s metadata', () => {
  const tokens = ['<s>', '</s>'];
  const metadata = new Map<string, string | number | string[]>([
    ['tokenizer.chat_template', INST],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.bos_token_id', 0],
    ['tokenizer.ggml.eos_token_id', 1],
  ]);
  assert.equal(chatTemplateFromGguf(metadata, 'm')?.render(talk('Hi', 'Yes')), '<s>[INST] Hi [/INST] Yes</s>');
  assert.equal(chatTemplateFromGguf(new Map(), 'm'), null);
  assert.throws(() => chatTemplateFromGguf(new Map([['tokenizer.chat_template', 1]]), 'm'), /m: .* is no text/);
});

test('errors say where the template comes from and what it says', (t) => {
  const refuses = (act: () => unknown, message: RegExp) =>
    assert.throws(act, (error) => error instanceof UserError && message.test(error.message));
  refuses(() => parseChatTemplate('{% if %}', {}, 'f.jinja'), /f\.jinja: the chat template cannot be read: /);
  refuses(
    () => inst.render([{ role: 'system', content: 'Be' }]),
    /inst: the chat template refuses the messages: Only user/,
  );
  refuses(() => parseChatTemplate('{{ nobody() }}', {}, 'f').render([]), /f: the chat template refuses the messages/);
  const two = [
    { name: 'a', template: '' },
    { name: 'b', template: '' },
  ];
  refuses(
    () => chatTemplate(folderOf(t, { 'tokenizer_config.json': { chat_template: two } })),
    /tokenizer_config\.json: none of its chat templates \(a, b\) is named "default"/,
  );
  refuses(() => chatTemplate(folderOf(t, { 'tokenizer_config.json': '{' })), /tokenizer_config\.json is not JSON/);
});

test('SmolLM2: the ids of a message as from Python', (t) => {
  const file = sharedFile(t, 'models', 'goldens', 'smollm2.json');
  const folder = file && sharedFile(t, 'models', 'smollm2-tokenizer');
  if (!file || !folder) return;
  const { tokenizer: cases } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const [{ messages, text, ids }] = cases.filter((item: { messages?: unknown }) => item.messages);
  const template = chatTemplate(folder);
  assert.ok(template);
  assert.equal(template.render(messages, { addGenerationPrompt: true }), text);
  const tokenizer = loadTokenizer(folder);
  assert.deepEqual(encodeChat(tokenizer, template, messages, { addGenerationPrompt: true }).ids, ids);
  const answered = encodeChat(tokenizer, template, [...messages, { role: 'assistant', content: '42' }]);
  assert.deepEqual(answered.ids.slice(0, ids.length), ids);
  assert.equal(answered.mask.indexOf(1), ids.length);
  assert.ok(answered.mask.slice(ids.length).every((said) => said === 1));
});

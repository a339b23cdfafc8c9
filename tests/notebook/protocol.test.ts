/** The kernel's answers to a Jupyter client, beside those to `execute_request`. */
import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { completenessOf } from '../../src/notebook/completeness';
import { outputLimit } from '../../src/notebook/limit';
import { toCharacters, toUnits } from '../../src/notebook/positions';
import { KernelClient, shown, textOf } from './kernel-client';
import { projectTempDir } from './support';

test('completion and inspection count characters, also after some that take two UTF-16 units', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  await kernel.execute('const valueOfMine = 42;');
  for (const [before, after] of [
    ['const s = "🎉𝒳"; valueOf', 'M'],
    ['/* 🎉 */ valueOf', ' + 1; "🎉"'],
    ['valueOf', '; "🎉"'],
  ]) {
    const code = before + after;
    const cursor_pos = [...before!].length;
    const { reply } = await kernel.request('complete_request', { code, cursor_pos });
    assert.ok(reply?.matches.includes('valueOfMine'), code);
    const characters = [...code];
    assert.equal(reply?.cursor_start, [...code.slice(0, code.indexOf('valueOf'))].length, code);
    const replaced = characters.slice(reply?.cursor_start, reply?.cursor_end).join('');
    assert.match(replaced, /^valueOfM?$/);
  }
  const code = '"🎉🎉🎉🎉🎉🎉"; valueOfMine';
  const found = await kernel.request('inspect_request', { code, cursor_pos: [...code].length - 3, detail_level: 0 });
  assert.match(found.reply?.data['text/plain'], /const valueOfMine: 42/);
  const start = await kernel.request('inspect_request', { code, cursor_pos: 3, detail_level: 0 });
  assert.equal(start.reply?.found, false);
});

test('positions lead there and back', () => {
  const text = 'a🎉b𝒳c';
  for (const [index] of [...text].entries()) {
    assert.equal([...text][index], String.fromCodePoint(text.codePointAt(toUnits(text, index))!));
    assert.equal(toCharacters(text, toUnits(text, index)), index);
  }
  assert.equal(toUnits(text, 99), text.length);
  assert.equal(toCharacters(text, 99), 5);
});

test('a request for the history is answered; what the kernel does not know goes to its log and to no cell', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  const cell = await kernel.execute('console.log("mine")');
  const content = { hist_access_type: 'tail', n: 10, raw: true, output: false };
  const history = await kernel.request('history_request', content);
  assert.equal(history.replyType, 'history_reply');
  assert.deepEqual(history.reply, { status: 'ok', history: [] });
  const unknown = await kernel.request('teleport_request', {});
  assert.equal(unknown.reply, null);
  assert.deepEqual(
    unknown.messages.map(([type, { execution_state }]) => [type, execution_state]),
    [
      ['status', 'busy'],
      ['status', 'idle'],
    ],
  );
  await kernel.send(['{"msg_type":"execute_request"}', '{}', '{}', '{"code":"1"}'], 'shell', 'forged');
  await kernel.send(['not JSON', '{}', '{}', '{}']);
  const broken = await kernel.request('complete_request', { cursor_pos: 1 });
  assert.equal(broken.reply?.status, 'error', 'a request that fails is answered too');
  const interrupted = await kernel.request('interrupt_request', {}, 'control');
  assert.deepEqual(interrupted.reply, { status: 'ok' });

  const after = await kernel.execute('"next"');
  assert.equal(after.reply?.status, 'ok', 'none of it counts as a failure of a cell');
  assert.equal(textOf(cell), 'mine\n');
  assert.equal(textOf(cell, 'stderr') + textOf(after, 'stderr'), '');
  assert.match(kernel.printed, /unknown kind teleport_request was ignored/);
  assert.match(kernel.printed, /cannot be read was ignored: the message is not signed/);
  assert.match(kernel.printed, /complete_request failed/);
});

test('a cell in the kernel shows a million characters of a stream and a note, and the next cell begins anew', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  const loud = await kernel.execute(
    'for (let i = 0; i < 400_000; i++) console.log("line " + i); console.error("separate"); 1 + 1',
  );
  const text = textOf(loud);
  assert.ok(text.startsWith('line 0\nline 1\n'));
  assert.match(
    text.slice(outputLimit),
    /^\n\[stdout is cut here: a cell shows 1,000,000 characters of it at most\]\n$/,
  );
  assert.equal(textOf(loud, 'stderr'), 'separate\n');
  assert.equal(shown(loud), '2');
  assert.equal(textOf(await kernel.execute('console.log("quiet")')), 'quiet\n');
  const error = await kernel.execute('throw new Error("x".repeat(3_000_000))');
  assert.ok(JSON.stringify(error.reply).length < 400_000);
  assert.match(error.reply?.evalue, /^x+… \(2,900,000 more characters\)$/);
});

const typed: [code: string, status: string, indent?: string][] = [
  ['', 'complete'],
  ['const a = 1;', 'complete'],
  ['if (x) {', 'incomplete', '  '],
  ['  [1,', 'incomplete', '    '],
  ['if (x) {\n  y', 'incomplete', '  '],
  ['if (x) {\n  while (y) {\n  }', 'incomplete', ''],
  ['x.', 'incomplete', ''],
  ['f(\n\n', 'complete'],
  ['const = {{', 'incomplete', '  '],
];
for (const [code, status, indent] of typed) {
  test(`a console takes ${JSON.stringify(code)} as ${status}`, () => {
    assert.deepEqual(completenessOf(code), indent === undefined ? { status } : { status, indent });
  });
}

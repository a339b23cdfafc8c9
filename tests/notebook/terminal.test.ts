/** What stands on a terminal after text that writes over itself; and how long that takes to find out. */
import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CellEvent } from '../../src/notebook/events';
import { OutputLimit, outputLimit } from '../../src/notebook/limit';
import { notebookText, type Output, parseNotebook } from '../../src/notebook/nbformat';
import { OutputFolder } from '../../src/notebook/outputs';
import { TerminalText } from '../../src/notebook/terminal';

function onTerminal(...pieces: string[]): string {
  const text = new TerminalText();
  for (const piece of pieces) text.write(piece);
  return text.toString();
}

// As xterm and VTE show it.
const rows: [what: string, printed: string, shown: string][] = [
  ['a short rewriting leaves the end of the longer line', 'abcdef\rXY', 'XYcdef'],
  ['a return at the end of a line takes nothing away', 'step 100%\r', 'step 100%'],
  ['nor does one before a line feed', 'one\r\ntwo\r\n', 'one\ntwo\n'],
  ['a longer rewriting replaces all', '10%\r100%\n', '100%\n'],
  ['lines are apart', 'ab\rX\ncd\rY\n', 'Xb\nYd\n'],
  ['several rewritings', 'aaaa\rbbb\rcc\rd', 'dcba'],
  ['a backspace goes back one place', 'abc\b\bX', 'aXc'],
  ['not past the beginning of the line', 'a\n\b\bX', 'a\nX'],
  ['erasing to the end', 'abcdef\r\x1b[Kxy', 'xy'],
  ['erasing after some characters', 'abcdef\rab\x1b[0K', 'ab'],
  ['erasing the whole line leaves the cursor', 'abc\x1b[2K\b\bX', ' X'],
  ['erasing to the cursor', 'abcdef\rab\x1b[1KX', '  Xdef'],
  ['colours stay with their characters', '\x1b[31mabcdef\x1b[0m\rXY', 'XY\x1b[31mcdef\x1b[0m'],
  ['a new colour for what is written over', 'abcdef\r\x1b[32mXY\x1b[0m', '\x1b[32mXY\x1b[0mcdef'],
  ['characters of two units are one', '🎉🎉🎉\rab', 'ab🎉'],
  ['combining marks belong to their letter', 'e\u0301e\u0301\rX', 'Xe\u0301'],
  ['text without any of it is left alone', 'a\tb \x1b[31mc\n\x1b[2Jd', 'a\tb \x1b[31mc\n\x1b[2Jd'],
  ['nothing', '', ''],
];
for (const [what, printed, shown] of rows) {
  test(`on a terminal: ${what}`, () => {
    assert.equal(onTerminal(printed), shown);
    assert.equal(onTerminal(...printed), shown, 'the same when it comes character by character');
  });
}

/** Time that a folder needs for a stream in pieces, and what it makes of it. */
function folded(pieces: Iterable<string>): { text: string; seconds: number } {
  const started = process.cpuUsage();
  const outputs: Output[] = [];
  const folder = new OutputFolder();
  for (const text of pieces) folder.add(outputs, { type: 'stream', name: 'stdout', text } as CellEvent, 1);
  folder.settle();
  const cells = [{ cell_type: 'code' as const, id: 'a', metadata: {}, source: '', execution_count: 1, outputs }];
  const file = notebookText({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });
  const [cell] = parseNotebook(file, 'a').cells;
  const { user } = process.cpuUsage(started);
  const text = cell?.cell_type === 'code' && cell.outputs[0]?.output_type === 'stream' ? cell.outputs[0].text : '';
  return { text: [text].flat().join(''), seconds: user / 1e6 };
}

const million = 1_000_000;
const long: [what: string, pieces: () => Iterable<string>, shown: (text: string) => boolean][] = [
  ['a line of a million characters', () => ['x'.repeat(million)], (text) => text.length === million],
  ['a million characters one by one', () => 'x'.repeat(million), (text) => text.length === million],
  ['short lines', () => ['line\n'.repeat(million / 5)], (text) => text.length === million],
  ['only returns', () => ['\r'.repeat(million)], (text) => text === ''],
  ['a progress line written over', () => [`${'abcdefgh\r'.repeat(million / 9)}X`], (text) => text === 'Xbcdefgh'],
  ['a long line with a return', () => [`${'x'.repeat(million - 1)}\ry`], (text) => text.length === million - 1],
  ['colours without end', () => ['\x1b[31mx\x1b[1my\r'.repeat(million / 12)], (text) => text.length < 40],
];
for (const [what, pieces, shown] of long) {
  // The quadratic way took 36 s for a tenth of the first one.
  test(`printed text is folded and written in linear time: ${what}`, () => {
    const { text, seconds } = folded(pieces());
    assert.ok(shown(text), `${text.length} characters: ${JSON.stringify(text.slice(0, 100))}`);
    assert.ok(seconds < 10, `${seconds} s`);
  });
}

test('the cap counts what stands there, each stream for itself, and cuts no character in half', () => {
  const limit = new OutputLimit();
  const bar = `${'█'.repeat(50)}\r`;
  let passed = 0;
  for (let i = 0; i < outputLimit / 10; i++) passed += limit.pass('stdout', bar).length;
  assert.equal(passed, (bar.length * outputLimit) / 10, 'a progress line counts once');
  assert.equal(limit.pass('stdout', '\n'), '\n');
  const rest = limit.pass('stdout', '🎉'.repeat(outputLimit));
  const [kept, note] = rest.split('\n');
  assert.equal(note, '[stdout is cut here: a cell shows 1,000,000 characters of it at most]');
  assert.match(kept!, /^(?:🎉)+$/u);
  assert.ok(kept!.length > outputLimit - 60 && kept!.length <= outputLimit - 51);
  assert.equal(limit.pass('stdout', 'more'), '', 'the note stands once');
  assert.equal(limit.pass('stderr', 'other'), 'other');
  limit.reset();
  assert.equal(limit.pass('stdout', 'next cell'), 'next cell');
});

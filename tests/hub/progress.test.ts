/** Lines about a transfer, on a terminal and in a log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, transferLines } from '../../src/hub';

const plan = { name: 'm', files: 2, bytes: 2_000_000, from: 'there', to: 'here' };
const step = (done: number) => ({ name: 'm', file: 'a.bin', done, total: 2_000_000 });

function written(isTTY: boolean, work: (lines: ReturnType<typeof transferLines>) => void): string {
  let text = '';
  work(transferLines({ isTTY, write: (piece: string | Uint8Array) => (text += piece) !== '' }));
  return text;
}

test('bytes have the unit that people use', () => {
  assert.deepEqual([0, 999, 1000, 83_506_384, 999_999, 999_960_000, 4.2e12].map(bytesText), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '83.5 MB',
    '1.0 MB',
    '1.0 GB',
    '4200.0 GB',
  ]);
});

test('a log gets the plan, the end and now and then a line between, without control characters', () => {
  const text = written(false, ({ onPlan, onProgress, onNote }) => {
    onPlan(plan);
    for (let done = 0; done <= 2_000_000; done += 1000) onProgress(step(done));
    onProgress(step(2_000_000));
    onNote('a note');
  });
  assert.equal(text, 'm: 2.0 MB in 2 files from there to here\nm  2.0 MB of 2.0 MB (100 %)  a.bin\na note\n');
});

test('a terminal has one line redrawn, which a note does not tear', () => {
  const text = written(true, ({ onPlan, onProgress, onNote }) => {
    onPlan(plan);
    onProgress(step(500_000));
    onNote('a note');
    onProgress(step(2_000_000));
  });
  assert.equal(
    text,
    'm: 2.0 MB in 2 files from there to here\n\r\x1b[2Km  500.0 kB of 2.0 MB (25 %)  a.bin\na note\n\r\x1b[2Km  2.0 MB of 2.0 MB (100 %)  a.bin\n',
  );
});

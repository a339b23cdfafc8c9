/** `gora list` and the other commands' small mistakes, from the outside. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gora } from '../support/cli';
import { tempDir } from '../support/temp';
import { tinyData } from '../support/tiny-data';

test('list shows methods with source and needs, and the options of one with defaults', async () => {
  const all = await gora(['list', 'methods']);
  assert.equal(all.code, 0, all.stderr);
  assert.match(all.stdout, /gora +GoRA +He et al\. 2025.*needs: gradients/);
  assert.match(all.stdout, /olora +OLoRA +.*needs: nothing/);
  const one = await gora(['list', 'methods', 'gora']);
  assert.match(one.stdout, /gamma +0\.05 +γ/);
});

test('list with a task counts what each method trains on its model', async (t) => {
  const { code, stdout, stderr } = await gora(['list', 'methods', '--task', 'shakespeare', '--data', tinyData(t)]);
  assert.equal(code, 0, stderr);
  // two blocks of q, o [16, 16], k, v [8, 16], gate, up [32, 16], down [16, 32] at rank 8
  assert.match(stdout, /\nlora .* 4,096\n|\n {2}lora .* 4,096\n/);
});

test('mistakes are named, with exit code 1', async (t) => {
  const cases: [string[], RegExp][] = [
    [['list', 'nothing'], /list what\? One of: tasks, methods, models/],
    [['list', 'methods', 'gorra'], /unknown method "gorra"\. Methods: .*gora/],
    [['reproduce', 'nothing'], /unknown comparison "nothing"\. Comparisons: glyphs/],
    [['quickstart', '--seed', '1.5', '--out', tempDir(t)], /--seed must be an integer ≥ 0, not "1\.5"/],
    [['rnu'], /unknown command "rnu"\. Commands: quickstart, run/],
  ];
  for (const [command, message] of cases) {
    const { code, stderr } = await gora(command);
    assert.equal(code, 1, command.join(' '));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

test('--help shows a command’s options instead of running it', async () => {
  const { code, stdout } = await gora(['run', '--help']);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /gora run: one method on a task, or on your own .*\nUsage: .*\n {2}--task NAME .*\n {2}--method NAME /s,
  );
});

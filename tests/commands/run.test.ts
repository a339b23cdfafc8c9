/** `gora run` from the outside: records, determinism, interruption, and every kind of bad input. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readRecord } from '../../src/experiments/store';
import { gora } from '../support/cli';
import { tempDir } from '../support/temp';
import { tinyData } from '../support/tiny-data';

const SMALL = ['context=16', 'trainWindows=32', 'evalWindows=4', 'batch=4', 'steps=4', 'rank=2'];
const args = (data: string, out: string, method = 'gora', set: readonly string[] = []) => [
  ...['run', '--task', 'shakespeare', '--method', method, '--data', data, '--out', out],
  ...[...(/^full/.test(method) ? SMALL.filter((pair) => !pair.startsWith('rank')) : SMALL), ...set].flatMap((pair) => [
    '--set',
    pair,
  ]),
];

const onlyRecord = (dir: string) => {
  const files = readdirSync(dir);
  assert.equal(files.length, 1, files.join());
  return readRecord(join(dir, files[0]));
};

test('one run writes one complete record; a second process gives the same numbers bit for bit', async (t) => {
  const data = tinyData(t);
  const outs = [tempDir(t), tempDir(t)];
  for (const out of outs) {
    const { code, stderr } = await gora(args(data, out));
    assert.equal(code, 0, stderr);
  }
  const [a, b] = outs.map(onlyRecord);
  assert.equal(a.status, 'completed');
  assert.equal(Object.keys(a.ranks ?? {}).length, 14);
  assert.ok(a.metrics.loss > 0 && a.timings.gradients > 0 && a.memory.rss > 0);
  assert.equal(a.spec.methodOptions.gamma, 0.05);
  for (const part of ['id', 'curve', 'metrics', 'ranks', 'importances', 'evaluations'] as const) {
    assert.deepEqual(b[part], a[part], part);
  }
});

/** Sends signals to a run: the first `delay` ms after it has written what `when` matches, the others 300 ms apart. */
function interrupted(
  command: readonly string[],
  when: RegExp,
  signals: readonly NodeJS.Signals[],
  env = {},
  delay = 100,
) {
  let sent = false;
  return gora(
    command,
    (child, text) => {
      if (sent || !when.test(text)) return;
      sent = true;
      for (const [i, signal] of signals.entries()) setTimeout(() => child.kill(signal), delay + 300 * i);
    },
    env,
  );
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} while training leaves a cancelled record, says what was not saved, and no empty folder`, async (t) => {
    const [out, place] = [tempDir(t), tempDir(t)];
    const command = [...args(tinyData(t), out, 'lora', ['steps=100000']), '--save', join(place, 'a', 'b')];
    const { code, stdout, stderr } = await interrupted(command, /step 1\//, [signal]);
    assert.equal(code, 130, stderr);
    assert.match(stderr, /interrupted: finishing the step, then writing the record \(again to quit at once\)/);
    const record = onlyRecord(out);
    assert.equal(record.status, 'cancelled');
    assert.ok(record.curve.loss.length >= 1);
    assert.match(stdout, new RegExp(`: cancelled after ${record.curve.loss.length} of 100000 steps\n`));
    assert.match(stdout, /no adapter was saved to .*a\/b\n.*\.json\n$/s);
    assert.deepEqual(readdirSync(place), []);
  });

  test(`${signal} while gradients are estimated does too`, async (t) => {
    const [out, place] = [tempDir(t), tempDir(t)];
    const many = ['trainWindows=787', 'batch=1', 'gradientBatches=787', 'steps=100000'];
    const command = [...args(tinyData(t), out, 'gora', many), '--save', join(place, 'a')];
    // Ctrl-C stops at the next batch: so many take plain JavaScript the better part of a minute. SIGTERM is heard when
    // the event loop turns, after them
    const env = signal === 'SIGINT' ? { GORA_BACKEND: 'cpu' } : {};
    const { code, stdout, stderr } = await interrupted(command, /data: 787 to train/, [signal], env);
    assert.equal(code, 130, stderr);
    assert.equal(onlyRecord(out).status, 'cancelled');
    assert.match(stdout, /: cancelled after \d+ of 100000 steps\n.*no adapter was saved to .*\/a\n/s);
    assert.deepEqual(readdirSync(place), []);
  });
}

test('a second Ctrl-C ends the process at once, also in the middle of a batch that blocks it', async (t) => {
  // one batch takes plain JavaScript many seconds; when it has begun depends on the machine
  const slow = ['context=64', 'trainWindows=196', 'batch=196', 'gradientBatches=1'];
  const env = { GORA_BACKEND: 'cpu' };
  for (const delay of [100, 400, 800, 1500, 3000]) {
    const out = tempDir(t);
    const command = args(tinyData(t), out, 'gora', slow);
    const { code, signal, stderr } = await interrupted(command, /data: 196 to train/, ['SIGINT', 'SIGINT'], env, delay);
    if (/interrupted:/.test(stderr)) continue; // heard before the batch began
    assert.deepEqual([code, signal], [null, 'SIGINT'], stderr);
    assert.deepEqual(readdirSync(out), []);
    return;
  }
  assert.fail('no signal met the batch');
});

/** The command fails with a message, and leaves nothing behind. */
async function refuses(command: string[], message: RegExp, out: string): Promise<void> {
  const { code, stderr } = await gora(command);
  assert.equal(code, 1, stderr);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /\n\s+at /, 'a stack is no message');
  assert.deepEqual(existsSync(out) ? readdirSync(out) : [], []);
}

test('bad options are named', async (t) => {
  const [data, out] = [tinyData(t), tempDir(t)];
  await refuses(['run', '--tusk', 'x'], /Unknown option '--tusk'.*\nOptions: --model, --task, .*--method/s, out);
  await refuses(['run', '--task', 'shakespeare'], /run needs --method NAME/, out);
  await refuses(['run', '--method', 'lora'], /name a task \(--task NAME.* or your own data \(--data FILE/, out);
  for (const seed of ['1.5', '-1', '-1e3', 'one', '']) {
    await refuses(
      [...args(data, out), '--seed', seed],
      new RegExp(`--seed must be an integer ≥ 0, not "${seed}"`),
      out,
    );
  }
  await refuses([...args(data, out), '--seed', '9007199254740993'], /--seed must be an integer below 2⁵³/, out);
  for (const key of ['__proto__', 'constructor', 'toString']) {
    await refuses(args(data, out, 'gora', [`${key}=1`]), new RegExp(`unknown option "${key}"`), out);
  }
  await refuses([...args(data, out), '--task', '-x'], /'--task' argument is ambiguous.*use '--task=-XYZ'/, out);
  await refuses(args(data, out, 'gora', ['rnak=3']), /unknown option "rnak"/, out);
  await refuses(args(data, out, 'lora', ['rank=9']), /rank 9 does not fit .*choose an integer from 1 to 8/, out);
  await refuses(args(data, out, 'gora', ['gradientBatches=99']), /gradientBatches 99 is more than the data has/, out);
  await refuses(args(data, out, 'lora', ['targets=nope']), /targets "nope" match no linear layer/, out);
  await refuses(args(data, out, 'lora', ['targets=q_proj,vproj']), /"vproj" matches no linear layer/, out);
  await refuses(
    args(data, out, 'full', ['base=nf4']),
    /Full fine-tuning trains the base weights.*Use base float32/,
    out,
  );
});

test('bad files are named', async (t) => {
  const out = tempDir(t);
  await refuses(args(tempDir(t), out), /tinyshakespeare.*input\.txt is not there\. Name the folder/, out);
  const textAlone = tinyData(t);
  rmSync(join(textAlone, 'stories260K'), { recursive: true });
  await refuses(args(textAlone, out), /model stories260K is not there: .*--data-dir DIR or GORA_DATA/, out);
  const [data, broken] = [tinyData(t), 'stories260K/stories260K.bin'];
  const path = join(data, broken);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, bytes.length - 100));
  await refuses(args(data, out), /stories260K\.bin is not a legacy llama2\.c checkpoint: it is truncated/, out);
  bytes.writeFloatLE(Number.NaN, 28 + 40);
  writeFileSync(path, bytes);
  await refuses(args(data, out), /weight "model\.embed_tokens\.weight" holds NaN at index 10/, out);
  const fresh = tinyData(t);
  writeFileSync(join(fresh, 'tinyshakespeare', 'input.txt'), '');
  await refuses(args(fresh, out), /input\.txt is empty: the data set has no text/, out);
  writeFileSync(join(fresh, 'tinyshakespeare', 'input.txt'), 'thou art more\n'.repeat(20));
  await refuses(args(fresh, out), /too short for one window of 16 tokens\. Lower context/, out);
});

test('a folder that cannot be written is refused before the work, and earlier records stay', async (t) => {
  const data = tinyData(t);
  const out = tempDir(t);
  copyFileSync(join(data, 'tinyshakespeare', 'input.txt'), join(out, 'file'));
  await refuses(args(data, join(out, 'file', 'sub')), /cannot make the folder .*--out DIR/, join(out, 'none'));
  assert.deepEqual(readdirSync(out), ['file']);
});

test('what cannot be saved is known before the work, and leaves no folder behind', async (t) => {
  const [data, out, place] = [tinyData(t), tempDir(t), tempDir(t)];
  const file = join(data, 'tinyshakespeare', 'input.txt');
  const none = join(place, 'not', 'made');
  // no data folder: had the work begun, that would be the error
  const nowhere = join(place, 'nowhere');
  await refuses([...args(nowhere, out), '--save', join(file, 'sub')], /cannot make the folder .*--save DIR/, out);
  for (const method of ['full', 'full-targets']) {
    const command = [...args(nowhere, none, method), '--save', join(none, 'a')];
    await refuses(command, /trains the weights themselves: there is no adapter to --save/, out);
  }
  mkdirSync(join(place, 'a', 'adapter_config.json'), { recursive: true });
  await refuses([...args(nowhere, none), '--save', join(place, 'a')], /adapter_config\.json is a folder there/, out);
  await refuses(
    [...args(nowhere, none), '--save', none],
    /tinyshakespeare.*input\.txt is not there\. Name the folder/,
    out,
  );
  assert.deepEqual(readdirSync(place), ['a'], 'folders made for nothing are gone');
});

test('a folder on a read-only file system is called that', async (t) => {
  const out = tempDir(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,ro', 'tmpfs', out], { stdio: 'ignore' });
  } catch {
    t.skip('mounting a small file system needs root');
    return;
  }
  try {
    for (const dir of [out, join(out, 'a', 'b')]) {
      await refuses(args(tempDir(t), dir), /cannot make the folder .*: the file system is read-only.*--out DIR/, out);
    }
  } finally {
    execFileSync('umount', [out]);
  }
});

/** A disk of two pages, with `used` bytes of it taken. */
async function onSmallDisk(t: TestContext, used: number, check: (out: string) => Promise<void>): Promise<void> {
  const out = tempDir(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', out], { stdio: 'ignore' });
  } catch {
    t.skip('mounting a small file system needs root');
    return;
  }
  try {
    writeFileSync(join(out, 'filler'), Buffer.alloc(used));
    await check(out);
    assert.deepEqual(readdirSync(out), ['filler']);
  } finally {
    execFileSync('umount', [out]);
  }
}

test('a disk that is full is refused before the work', (t) =>
  onSmallDisk(t, 8192, async (out) => {
    const { code, stdout, stderr } = await gora(args(join(out, 'nowhere'), out));
    assert.equal(code, 1, stderr);
    assert.match(stderr, /the disk is full/);
    assert.equal(stdout, '');
  }));

test('a disk that fills up while a run is on does not hide what the run found', (t) =>
  onSmallDisk(t, 4096, async (out) => {
    const save = tempDir(t);
    // a record larger than the page that is left
    const long = args(tinyData(t), out, 'gora', ['steps=40', 'evalEvery=1']);
    const { code, stdout, stderr } = await gora([...long, '--save', save]);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /shakespeare-gora-s1-[0-9a-f]{8}: completed\n {2}test: loss \d+\.\d{4}.*\n {2}trainable/);
    assert.match(stderr, /Cannot write .*\.json: the disk is full/);
    assert.ok(readdirSync(save).includes('adapter_model.safetensors'), 'the adapter is on another disk');
  }));

test('an adapter that cannot be written does not hide what the run found either', (t) =>
  onSmallDisk(t, 4096, async (disk) => {
    const out = tempDir(t);
    const { code, stdout, stderr } = await gora([...args(tinyData(t), out), '--save', disk]);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /test: loss \d+\.\d{4}/);
    assert.match(stderr, /Cannot write .*adapter_model\.safetensors: the disk is full/);
    assert.equal(onlyRecord(out).status, 'completed');
  }));

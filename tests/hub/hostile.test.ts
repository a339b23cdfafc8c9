/** Answers that are wrong, endless or mean harm: nothing leaves the cache's folder, no token leaves the hub, nothing false stays. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { fetchModel, HubError, type HubFailure, parseHubName } from '../../src/hub';
import { mayHaveToken, redirectTarget } from '../../src/hub/http';
import { isSafePath } from '../../src/hub/paths';
import { type Handler, HubServer, hubFor, noise, sendBytes, setEnv, sha256, treeOf } from './server';

const weights = noise(200_000);
const config = '{"model_type":"llama"}';
const plain = { 'config.json': config, 'model.safetensors': weights };
const id = sha256(weights);
const name = parseHubName('hf:owner/name');
const patience = { retries: 0, retryMs: 1, stallMs: 5000 };

const failed = (failure: HubFailure, message: RegExp) => (error: Error) => {
  assert.ok(error instanceof HubError, String(error));
  assert.equal(error.failure, failure, error.message);
  assert.match(error.message, message);
  return true;
};

/** Files (no folders) below a folder. */
const filesBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
        (path) => !lstatSync(join(folder, path)).isDirectory(),
      )
    : [];

test('names of files that leave the folder are refused before anything is written', async (t) => {
  const { hub, home, cache } = await hubFor(t);
  const [entry] = treeOf({ x: { content: weights, lfs: true } });
  const evil = [
    '../x.safetensors',
    '../../../../x.safetensors',
    'a/../../x',
    '/tmp/x',
    'C:\\x',
    'C:x',
    '\\\\host\\x',
    'a\\..\\..\\x',
  ];
  for (const path of [...evil, '', '.', 'a//b', 'a/./b', 'a\nb', 'a\u001b[2Jb', 'x'.repeat(300), 7, null]) {
    hub.put('owner/name', plain, { tree: [{ ...entry, path }] });
    const folder = join(cache, 'models--owner--name');
    await assert.rejects(
      fetchModel(name, { files: () => true }),
      failed('broken', /not one that a repository can have/),
      String(path),
    );
    assert.deepEqual(filesBelow(folder), []);
  }
  // hashes become file names, too
  for (const oid of ['../../../x', `${'a'.repeat(39)}/`, '', 7]) {
    hub.put('owner/name', plain, { tree: [{ ...entry, path: 'x', oid }] });
    await assert.rejects(fetchModel(name, { files: () => true }), failed('broken', /name, size or hash/));
    hub.put('owner/name', plain, { tree: [{ ...entry, path: 'x', lfs: { ...entry.lfs, oid } }] });
    await assert.rejects(fetchModel(name, { files: () => true }), failed('broken', /name, size or hash/));
  }
  for (const size of [-1, 1.5, '9', null, Number.MAX_VALUE]) {
    hub.put('owner/name', plain, { tree: [{ ...entry, path: 'x', size, lfs: undefined }] });
    await assert.rejects(fetchModel(name, { files: () => true }), failed('broken', /name, size or hash/));
  }
  assert.deepEqual(filesBelow(home), []);
  assert.ok(isSafePath('a/b-c_d.x') && isSafePath('..a') && isSafePath('ä ö'));
});

test('a commit that is a path is refused', async (t) => {
  const { hub, home } = await hubFor(t);
  hub.put('owner/name', plain);
  for (const sha of ['../../../../x', 'main', '', null, 7]) {
    hub.special.set('/revision/main', (_, response) => response.end(JSON.stringify({ id: 'owner/name', sha })));
    await assert.rejects(fetchModel(name), failed('broken', /names no commit/));
  }
  assert.deepEqual(filesBelow(home), []);
});

test('a file in the place of a folder does no harm', async (t) => {
  const { hub, cache } = await hubFor(t);
  const tree = treeOf({ a: { content: weights, lfs: true }, 'a/b': { content: weights, lfs: true } });
  hub.put('owner/name', { a: weights, 'a/b': weights }, { tree });
  await assert.rejects(fetchModel(name, { files: () => true }), (error: Error) => error instanceof UserError);
  assert.deepEqual(readFileSync(join(cache, 'models--owner--name', 'blobs', id)), weights);
});

test('content that is not what the hash says is not kept, in LFS or out of it', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  const blobs = join(cache, 'models--owner--name', 'blobs');
  const other = Buffer.from(weights);
  other[100_000] ^= 1;
  hub.special.set(id, (request, response) => sendBytes(request, response, other, id));
  await assert.rejects(
    fetchModel(name, { patience }),
    failed('broken', /model\.safetensors of owner\/name came with another content/),
  );
  assert.deepEqual(
    filesBelow(blobs).filter((path) => path.startsWith(id)),
    [],
  );
  hub.special.clear();

  hub.put('owner/name', { ...plain, 'config.json': `${config} ` });
  const changed = Buffer.from(`${config}\n`);
  hub.special.set('/config.json', (request, response) => sendBytes(request, response, changed, 'x'));
  const before = filesBelow(blobs);
  await assert.rejects(
    fetchModel(name, { patience }),
    failed('broken', /config\.json of owner\/name came with another content/),
  );
  assert.deepEqual(filesBelow(blobs), before);
  hub.special.clear();
  await fetchModel(name, { patience });
});

test('bodies that are longer, endless, shorter or of another range are not kept as the file', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  const blobs = join(cache, 'models--owner--name', 'blobs');
  let sent = 0;
  const endless: Handler = (_, response) => {
    response.writeHead(200);
    const more = (): void => {
      if (response.destroyed) return;
      sent += 65_536;
      response.write(Buffer.alloc(65_536), () => setImmediate(more));
    };
    more();
  };
  const head =
    (status: number, headers: Record<string, string | number>, body = weights): Handler =>
    (_, response) => {
      response.writeHead(status, headers);
      response.end(body);
    };
  const cases: [Handler, HubFailure, RegExp][] = [
    [endless, 'broken', /sends more than the 200000 bytes/],
    [
      head(200, { 'Content-Length': 200_001 }, Buffer.concat([weights, Buffer.of(1)])),
      'broken',
      /sends 200001 bytes where the listing says 200000/,
    ],
    [head(200, { 'Content-Length': 100 }, weights.subarray(0, 100)), 'broken', /sends 100 bytes where/],
    [
      head(206, { 'Content-Range': 'bytes 5-199999/200000' }, weights.subarray(5)),
      'broken',
      /another range than asked/,
    ],
    [head(206, {}, weights), 'broken', /another range than asked/],
    [head(204, {}, Buffer.alloc(0)), 'broken', /another range than asked/],
    [head(200, {}, weights.subarray(0, 100)), 'unreachable', /broke off/],
  ];
  for (const [handler, failure, message] of cases) {
    hub.special.set(id, handler);
    await assert.rejects(fetchModel(name, { patience }), failed(failure, message));
    assert.deepEqual(
      filesBelow(blobs).filter((path) => path.startsWith(id)),
      failure === 'unreachable' ? [`${id}.incomplete`] : [],
    );
  }
  const stopped = sent;
  await new Promise((done) => setTimeout(done, 100));
  assert.equal(sent, stopped, 'the endless body is broken off');
  assert.ok(sent < 50e6, `after ${sent} bytes`);
  hub.special.clear();
  await fetchModel(name);
});

test('listings without end, of another host, or that are none, are refused', async (t) => {
  const { hub } = await hubFor(t);
  const commit = hub.put('owner/name', plain);
  const elsewhere = await new HubServer().start();
  t.after(() => elsewhere.stop());
  setEnv(t, { HF_TOKEN: 'hf_secret' });
  const json =
    (body: string, headers: Record<string, string> = {}): Handler =>
    (_, response) =>
      void response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(body);
  const cases: [string, Handler, RegExp][] = [
    [
      `/tree/${commit}`,
      json('[]', { Link: `<${hub.url}/api/models/owner/name/tree/${commit}?x>; rel="next"` }),
      /without end/,
    ],
    [`/tree/${commit}`, json('[]', { Link: `<${elsewhere.url}/api>; rel="next"` }), /for a listing: not followed/],
    [`/tree/${commit}`, json(`[${' '.repeat(33 * 2 ** 20)}]`), /more than 33554432 bytes/],
    [`/tree/${commit}`, json('<html>log in to this network</html>'), /does not answer as the hub does/],
    [`/tree/${commit}`, json('{"a":1}'), /does not answer as the hub does/],
    [`/tree/${commit}`, json('[null]'), /does not answer as the hub does/],
    ['/revision/main', json('null'), /does not answer as the hub does/],
    [
      '/revision/main',
      (_, response) => void response.writeHead(302, { Location: `${elsewhere.url}/x` }).end(),
      /for a listing: not followed/,
    ],
  ];
  for (const [path, handler, message] of cases) {
    hub.special.clear();
    hub.special.set(path, handler);
    await assert.rejects(fetchModel(name), failed('broken', message));
  }
  assert.ok(elsewhere.seen.every(({ authorization }) => authorization === undefined));
});

test('the token goes to the hub and to no other host', async (t) => {
  const { hub } = await hubFor(t);
  hub.put('owner/name', plain, { gate: 'hf_secret' });
  setEnv(t, { HF_TOKEN: 'hf_secret' });
  await fetchModel(name);
  const [own, other] = ['hub', 'storage'].map((host) => hub.seen.filter((seen) => seen.host === host));
  assert.ok(own.length > 0 && own.every(({ authorization }) => authorization === 'Bearer hf_secret'));
  assert.ok(other.length > 0 && other.every(({ authorization }) => authorization === undefined));

  const settings = { endpoint: 'https://hub.example', token: 'x', cache: '', offline: false };
  const may = (url: string, endpoint = settings.endpoint) => mayHaveToken(new URL(url), { ...settings, endpoint });
  assert.ok(may('https://hub.example/x') && may('http://127.0.0.1:8/x', 'http://127.0.0.1:8'));
  for (const url of [
    'http://hub.example/',
    'https://hub.example:8443/',
    'https://hub.example.evil/',
    'https://a.hub.example/',
  ]) {
    assert.ok(!may(url), url);
  }
  assert.ok(!may('http://mirror.example/', 'http://mirror.example'), 'not in plain text over a network');
  for (const token of ['hf_a\nX-Evil: 1', 'hf ä', 'hf_ä']) {
    setEnv(t, { HF_TOKEN: token });
    await assert.rejects(
      fetchModel(name),
      (error: Error) => /HF_TOKEN has characters/.test(error.message) && !error.message.includes(token),
    );
  }
});

test('redirects are followed a few times, to http(s), and never to less protection', async (t) => {
  const { hub } = await hubFor(t);
  hub.put('owner/name', plain);
  for (const [location, message] of [
    [`${hub.storageUrl}/lfs/${id}`, /redirects more than 5 times/],
    ['file:///etc/passwd', /redirects to file:/],
    ['http://', /redirects to no address/],
  ] as const) {
    hub.special.set(id, (_, response) => void response.writeHead(302, { Location: location }).end());
    await assert.rejects(fetchModel(name, { patience }), failed('broken', message));
  }
  hub.special.set(id, (_, response) => void response.writeHead(302).end());
  await assert.rejects(fetchModel(name, { patience }), failed('broken', /redirects to nowhere/));
  const from = new URL('https://hub.example/a/b');
  assert.equal(redirectTarget(from, '../c').href, 'https://hub.example/c');
  assert.equal(redirectTarget(from, 'https://cdn.example/c').href, 'https://cdn.example/c');
  assert.throws(() => redirectTarget(from, 'http://hub.example/c'), failed('broken', /from https to plain http/));
});

test('refusals say what to do: gated, private, missing, busy, out of reach', async (t) => {
  const { hub } = await hubFor(t);
  hub.put('owner/name', plain, { gate: 'hf_good' });
  await assert.rejects(fetchModel(name), (error: Error) => {
    assert.ok(error.message.includes(`hf:owner/name is gated: accept its conditions at ${hub.url}/owner/name`));
    assert.ok(error.message.includes(`make a token at ${hub.url}/settings/tokens and set HF_TOKEN`));
    return failed('refused', /gated/)(error);
  });
  setEnv(t, { HF_TOKEN: 'hf_bad' });
  await assert.rejects(fetchModel(name), failed('refused', /gated.*the account of HF_TOKEN has no access yet/));
  await assert.rejects(
    fetchModel(parseHubName('hf:owner/nothing')),
    failed('refused', /check the name at .*owner\/nothing; if it is right, HF_TOKEN is wrong/),
  );
  setEnv(t, { HF_TOKEN: null });
  await assert.rejects(
    fetchModel(parseHubName('hf:owner/nothing')),
    failed('refused', /check the name.*if it is private or gated, make a token/),
  );
  await assert.rejects(fetchModel(parseHubName('hf:owner/name@nope')), failed('missing', /no revision "nope"/));
  const status =
    (code: number): Handler =>
    (_, response) =>
      void response.writeHead(code).end();
  for (const [code, failure, message] of [
    [404, 'missing', /no such model or revision/],
    [429, 'unreachable', /asks for a pause/],
    [503, 'unreachable', /is in trouble \(status 503\)/],
    [418, 'broken', /status 418/],
  ] as const) {
    hub.special.set('/revision/main', status(code));
    await assert.rejects(fetchModel(name), failed(failure, message));
  }
  hub.special.clear();
  hub.put('owner/name', plain);
  hub.special.set(id, status(403));
  await assert.rejects(
    fetchModel(name, { patience }),
    failed('unreachable', /where the hub keeps the file, answers with status 403/),
  );
  await hub.stop();
  await assert.rejects(
    fetchModel(parseHubName('hf:owner/other')),
    failed('unreachable', /not whole on this machine.*cannot be reached: it .*copy .*models--owner--other/),
  );
  setEnv(t, { HF_ENDPOINT: 'http://no-such-host.invalid' });
  await assert.rejects(fetchModel(parseHubName('hf:owner/other')), failed('unreachable', /no network/));
  for (const bad of ['huggingface', 'ftp://x', 'http://user:pass@x', 'http://x?a']) {
    setEnv(t, { HF_ENDPOINT: bad });
    await assert.rejects(fetchModel(name), /HF_ENDPOINT/);
  }
});

test('more than the disk has room for is refused before the first byte', async (t) => {
  const { hub } = await hubFor(t);
  const tree = treeOf({ 'model.safetensors': { content: weights, lfs: true } });
  const huge = { ...tree[0], lfs: { ...tree[0].lfs, size: 2 ** 52 } };
  hub.put('owner/name', plain, { tree: [...treeOf({ 'config.json': { content: Buffer.from(config) } }), huge] });
  await assert.rejects(
    fetchModel(name),
    /4503599\.6 GB are to come and .* has room for .*: free some space, or set HF_HOME/,
  );
  assert.deepEqual(hub.filesAsked(), []);
});

test('a disk that fills up during the download is said, and the part goes on when there is room', async (t) => {
  const { hub } = await hubFor(t);
  const cache = mkdtempSync(join(tmpdir(), 'gora-small-'));
  const mounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', cache], { stdio: 'ignore' }).status === 0;
  t.after(() => {
    if (mounted) spawnSync('umount', [cache]);
    rmSync(cache, { recursive: true });
  });
  if (!mounted) return t.skip('a small disk cannot be mounted here');
  setEnv(t, { HF_HUB_CACHE: cache });
  hub.put('owner/name', plain);
  hub.special.set('/config.json', (request, response) => {
    // another program takes the room after it was looked at
    spawnSync('dd', ['if=/dev/zero', `of=${join(cache, 'filler')}`, 'bs=1k', 'count=150'], { stdio: 'ignore' });
    sendBytes(request, response, Buffer.from(config), 'x');
  });
  await assert.rejects(
    fetchModel(name, { patience }),
    (error: Error) => error instanceof UserError && /the disk is full; free some space/.test(error.message),
  );
  const left = filesBelow(cache).filter((path) => path.includes(id));
  assert.deepEqual(
    left.map((path) => path.split(id)[1]),
    ['.incomplete'],
  );
  rmSync(join(cache, 'filler'));
  const folder = await fetchModel(name, { patience });
  assert.match(hub.seen.at(-1)?.range ?? '', /^bytes=[1-9]\d*-$/);
  assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
});

test('what a killed process had left is taken over', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  hub.special.set(id, (_, response) => {
    response.writeHead(200, { 'Content-Length': weights.length });
    response.write(weights.subarray(0, 50_000));
  });
  const program = `require('./src/hub').fetchModel({ kind: 'model', repo: 'owner/name', revision: 'main' }, { onProgress: (p) => p.done >= 50000 && console.log('half') })`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', program], {
    cwd: join(__dirname, '..', '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((done) => child.stdout.once('data', done));
  child.kill('SIGKILL');
  await new Promise((done) => child.once('close', done));
  const blobs = join(cache, 'models--owner--name', 'blobs');
  assert.equal(filesBelow(blobs).filter((path) => path.includes('incomplete')).length, 1);
  hub.special.clear();
  const folder = await fetchModel(name);
  assert.equal(hub.seen.at(-1)?.range, 'bytes=50000-');
  assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  assert.deepEqual(
    filesBelow(blobs).filter((path) => path.includes('incomplete')),
    [],
  );
});

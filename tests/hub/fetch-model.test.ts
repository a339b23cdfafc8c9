/** Models from the hub: which files come, where they lie, that they come once, and that the line may break. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Interrupted, UserError } from '../../src/errors';
import { fetchModel, HubError, parseHubName, type TransferPlan, type TransferProgress } from '../../src/hub';
import { gitId, hubFor, noise, sendBytes, setEnv, sha256 } from './server';

const weights = noise(300_000);
const plain = {
  'config.json': '{"model_type":"llama"}',
  'generation_config.json': '{}',
  'tokenizer.json': '{"version":"1.0"}',
  'tokenizer_config.json': '{"a":1}',
  'special_tokens_map.json': '{"b":1}',
  'vocab.json': '{"c":1}',
  'merges.txt': 'a b',
  'chat_template.jinja': '{{ x }}',
  'model.safetensors': weights,
};
const others = {
  'README.md': '# card',
  'pytorch_model.bin': noise(1000, 2),
  'model.fp16.safetensors': noise(1000, 3),
  'consolidated.safetensors': noise(1000, 4),
  'onnx/config.json': '{}',
  'onnx/model.safetensors': noise(1000, 5),
  'x.gguf': noise(1000, 6),
  'training_args.bin': noise(10, 7),
};
const name = parseHubName('hf:owner/name');
const fast = { retries: 3, retryMs: 1, stallMs: 10_000 };
const once = { ...fast, retries: 0 };

/** Everything below a folder, as paths. */
const filesBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
        (path) => !lstatSync(join(folder, path)).isDirectory(),
      )
    : [];

test('what a model needs comes, nothing else; size before, progress during; laid out as the Python cache', async (t) => {
  const { hub, cache } = await hubFor(t);
  const commit = hub.put('owner/name', { ...plain, ...others });
  hub.pageSize = 3;
  const plans: TransferPlan[] = [];
  const steps: TransferProgress[] = [];
  const folder = await fetchModel(name, { onPlan: (p) => plans.push(p), onProgress: (p) => steps.push(p) });
  const repo = join(cache, 'models--owner--name');
  assert.equal(folder, join(repo, 'snapshots', commit));
  assert.deepEqual(readdirSync(folder).sort(), Object.keys(plain).sort());
  for (const [path, content] of Object.entries(plain)) {
    assert.deepEqual(readFileSync(join(folder, path)), Buffer.from(content as string), path);
  }
  assert.equal(
    readlinkSync(join(folder, 'config.json')),
    join('..', '..', 'blobs', gitId(Buffer.from(plain['config.json']))),
  );
  assert.equal(readlinkSync(join(folder, 'model.safetensors')), join('..', '..', 'blobs', sha256(weights)));
  assert.equal(readFileSync(join(repo, 'refs', 'main'), 'utf8'), commit);
  assert.deepEqual(
    filesBelow(join(repo, 'blobs')).filter((path) => path.includes('incomplete')),
    [],
  );

  const bytes = Object.values(plain).reduce((sum, content) => sum + content.length, 0);
  assert.equal(plans.length, 1);
  assert.deepEqual([plans[0].bytes, plans[0].files, plans[0].from], [bytes, 9, hub.url]);
  assert.ok(steps.every(({ total, done }, i) => total === bytes && done >= (steps[i - 1]?.done ?? 0)));
  assert.equal(steps.at(-1)?.done, bytes);
  // weights last: a folder that has them has the rest
  assert.equal(hub.filesAsked().at(-1), 'model.safetensors');
});

test('the second time nothing is downloaded, and without a hub it is found by branch and by commit', async (t) => {
  const { hub } = await hubFor(t);
  const commit = hub.put('owner/name', plain);
  const folder = await fetchModel(name);
  const before = hub.seen.length;
  assert.equal(await fetchModel(name), folder);
  assert.deepEqual(
    hub.seen.slice(before).map(({ path }) => path.split('?')[0]),
    ['/api/models/owner/name/revision/main'],
  );
  const at = hub.seen.length;
  assert.equal(await fetchModel(parseHubName(`hf:owner/name@${commit}`)), folder);
  assert.equal(hub.seen.length, at, 'a commit that is here needs no question');

  await hub.stop();
  const notes: string[] = [];
  assert.equal(await fetchModel(name, { onNote: (line) => notes.push(line) }), folder);
  assert.match(notes.join('\n'), /cannot be reached: it .*; hf:owner\/name is the copy of [0-9a-f]{8} that is here/);
  assert.equal(await fetchModel(name, { offline: true }), folder);
  setEnv(t, { HF_HUB_OFFLINE: '1' });
  assert.equal(await fetchModel(name), folder);
});

test('a branch that moved is seen, and files that stayed are not fetched again', async (t) => {
  const { hub } = await hubFor(t);
  hub.put('owner/name', plain);
  const first = await fetchModel(name);
  hub.put('owner/name', { ...plain, 'config.json': '{"model_type":"llama","v":2}' });
  const before = hub.filesAsked().length;
  const second = await fetchModel(name);
  assert.notEqual(second, first);
  assert.deepEqual(hub.filesAsked().slice(before), ['config.json']);
  assert.match(readFileSync(join(second, 'config.json'), 'utf8'), /"v":2/);
  assert.doesNotMatch(readFileSync(join(first, 'config.json'), 'utf8'), /"v":2/);
});

test('offline and not here: the error says what is missing, why nobody is asked, and which folder to bring', async (t) => {
  const { hub, cache } = await hubFor(t);
  const repo = join(cache, 'models--owner--name');
  hub.put('owner/name', plain);
  await assert.rejects(fetchModel(name, { offline: true }), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /hf:owner\/name is not whole on this machine \(it has not been fetched/);
    assert.ok(error.message.includes(`copy ${repo}`) && /HF_HOME/.test(error.message));
    return true;
  });
  assert.equal(hub.seen.length, 0);
  const folder = await fetchModel(name);
  rmSync(realpathSync(join(folder, 'tokenizer.json')));
  setEnv(t, { HF_HUB_OFFLINE: '1' });
  await assert.rejects(fetchModel(name), /\(tokenizer\.json, 17 bytes, missing\), and HF_HUB_OFFLINE is set/);
  setEnv(t, { HF_HUB_OFFLINE: null });
  await hub.stop();
  await assert.rejects(
    fetchModel(name),
    (error: Error) =>
      error instanceof HubError && error.failure === 'unreachable' && /tokenizer\.json/.test(error.message),
  );
});

test('sharded weights: the parts that the index names, whatever else lies there', async (t) => {
  const { hub } = await hubFor(t);
  const [one, two] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const index = JSON.stringify({ weight_map: { a: two, b: one, c: two } });
  const rest = {
    'config.json': '{}',
    'model-00003-of-00003.safetensors': noise(9),
    'consolidated.00.safetensors': noise(8),
  };
  hub.put('owner/name', { ...rest, [one]: noise(100, 2), [two]: noise(90, 3), 'model.safetensors.index.json': index });
  const plans: TransferPlan[] = [];
  const folder = await fetchModel(name, { onPlan: (plan) => plans.push(plan) });
  assert.deepEqual(readdirSync(folder).sort(), ['config.json', one, two, 'model.safetensors.index.json']);
  assert.equal(plans[0].bytes, 192);
  rmSync(join(folder, one)); // a lost link is made again
  rmSync(realpathSync(join(folder, two)));
  await assert.rejects(fetchModel(name, { offline: true }), /\(model-00002-of-00002\.safetensors, 90 bytes, missing/);

  hub.put('owner/name', { ...rest, [one]: noise(100, 2), 'model.safetensors.index.json': index });
  await assert.rejects(fetchModel(name), /names model-00002-of-00002\.safetensors, which the repository does not have/);
  for (const bad of [
    '{',
    '{}',
    '{"weight_map":{}}',
    '{"weight_map":{"a":"../x.safetensors"}}',
    '{"weight_map":{"a":1}}',
  ]) {
    hub.put('owner/name', { ...rest, 'model.safetensors.index.json': bad });
    await assert.rejects(fetchModel(name), /is no index of weights/, bad);
  }
});

test('a repository without safetensors is refused with what to do instead', async (t) => {
  const { hub } = await hubFor(t);
  const refused = async (contents: Record<string, string | Buffer>, message: RegExp) => {
    hub.put('owner/name', contents);
    await assert.rejects(fetchModel(name), (error: Error) => error instanceof UserError && message.test(error.message));
  };
  await refused(
    { 'config.json': '{}', 'pytorch_model.bin': noise(9) },
    /only in pytorch_model\.bin, a pickle.*save_pretrained\('converted', safe_serialization=True\).*hf:owner\/name@refs\/pr\/N/s,
  );
  await refused({ 'x.Q4_K.gguf': noise(9) }, /ask for one, like hf:owner\/name\/x\.Q4_K\.gguf/);
  await refused({ 'model.safetensors': noise(9) }, /no config\.json/);
  await refused(
    { 'config.json': '{}', 'a.safetensors': noise(8), 'b.safetensors': noise(9) },
    /several of its own \(a\.safetensors, b\.safetensors\)/,
  );
  await refused({ 'README.md': 'x' }, /of weights as safetensors it has none.*It has: README\.md/);
  assert.deepEqual(hub.filesAsked(), []);
});

test('one GGUF when it is asked for, with its other parts; chosen files; adapters', async (t) => {
  const { hub } = await hubFor(t);
  const parts = {
    'q/m-00001-of-00002.gguf': noise(7, 2),
    'q/m-00002-of-00002.gguf': noise(7, 3),
    'q/m-00001-of-00003.gguf': noise(7, 4),
  };
  hub.put('owner/name', { 'config.json': '{}', 'a.gguf': noise(9), 'b.gguf': noise(8), ...parts });
  const folder = await fetchModel(parseHubName('hf:owner/name/a.gguf'));
  assert.deepEqual(readdirSync(folder), ['a.gguf']);
  await fetchModel(parseHubName('hf:owner/name/q/m-00001-of-00002.gguf'));
  assert.deepEqual(readdirSync(join(folder, 'q')).sort(), ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf']);
  await assert.rejects(fetchModel(parseHubName('hf:owner/name/q/m-00001-of-00003.gguf')), /not there whole/);
  await assert.rejects(fetchModel(parseHubName('hf:owner/name/c.gguf')), /GGUF files of owner\/name: a\.gguf, b\.gguf/);
  await fetchModel(name, { files: (path) => path === 'b.gguf' });
  assert.ok(existsSync(join(folder, 'b.gguf')));
  await assert.rejects(fetchModel(name, { files: () => false }), /none of the files asked for/);

  hub.put('owner/adapter', { 'adapter_config.json': '{}', 'adapter_model.safetensors': noise(9) });
  const adapter = await fetchModel(parseHubName('hf:owner/adapter'));
  assert.deepEqual(readdirSync(adapter).sort(), ['adapter_config.json', 'adapter_model.safetensors']);
});

test('a line that breaks is taken up where it broke, in one run and in the next', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  const id = sha256(weights);
  const blob = join(cache, 'models--owner--name', 'blobs', id);
  let cuts = 0;
  const cut = (limit: number) =>
    hub.special.set(id, (request, response) => {
      if (cuts++ >= limit) return sendBytes(request, response, weights, id);
      const begin = Number(/=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(begin > 0 ? 206 : 200, {
        'Content-Length': weights.length - begin,
        ...(begin > 0 ? { 'Content-Range': `bytes ${begin}-${weights.length - 1}/${weights.length}` } : {}),
      });
      response.write(weights.subarray(begin, begin + 70_000), () => setTimeout(() => response.destroy(), 30));
    });

  cut(Number.POSITIVE_INFINITY);
  await assert.rejects(
    fetchModel(name, { patience: once }),
    (error: Error) => error instanceof HubError && error.failure === 'unreachable',
  );
  assert.ok(!existsSync(blob), 'half a file has no final name');
  const left = readFileSync(`${blob}.incomplete`);
  assert.ok(left.length > 0 && left.length < weights.length && left.equals(weights.subarray(0, left.length)));

  cuts = 0;
  cut(2);
  const before = hub.seen.length;
  const steps: number[] = [];
  const notes: string[] = [];
  const folder = await fetchModel(name, {
    patience: fast,
    onProgress: ({ done }) => steps.push(done),
    onNote: (line) => notes.push(line),
  });
  assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  const ranges = hub.seen.slice(before).flatMap(({ host, range }) => (host === 'storage' ? [range] : []));
  assert.equal(ranges.length, 3);
  assert.equal(ranges[0], `bytes=${left.length}-`);
  assert.ok(ranges.every((range) => range !== undefined));
  assert.equal(steps[0], left.length, 'what was there counts');
  assert.equal(notes.length, 2);
  assert.deepEqual(
    filesBelow(join(cache, 'models--owner--name', 'blobs')).filter((f) => f.includes('incomplete')),
    [],
  );
});

test('a left part that is damaged, too long, or that the server will not continue, costs a new start and no more', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  const id = sha256(weights);
  const blob = join(cache, 'models--owner--name', 'blobs', id);
  const again = async (left: Buffer, what: string) => {
    const folder = await fetchModel(name, { patience: fast });
    rmSync(join(folder, 'model.safetensors'));
    rmSync(blob);
    writeFileSync(`${blob}.incomplete`, left);
    const from = hub.seen.length;
    await fetchModel(name, { patience: fast });
    assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights, what);
    return hub.seen.slice(from).flatMap(({ host, range }) => (host === 'storage' ? [range] : []));
  };
  assert.deepEqual(await again(noise(5000, 9), 'damaged'), ['bytes=5000-', undefined]);
  assert.deepEqual(await again(noise(weights.length, 9), 'damaged and whole'), [undefined]);
  assert.deepEqual(await again(weights, 'whole'), []);
  assert.deepEqual(await again(noise(weights.length + 1), 'too long'), [undefined]);
  const half = weights.subarray(0, 5000);
  hub.special.set(id, (request, response) =>
    sendBytes({ ...request, headers: {} } as typeof request, response, weights, id),
  );
  assert.deepEqual(await again(half, 'no ranges'), ['bytes=5000-']);
  hub.special.set(id, (request, response) => {
    if (request.headers.range) response.writeHead(416).end();
    else sendBytes(request, response, weights, id);
  });
  assert.deepEqual(await again(half, 'range refused'), ['bytes=5000-', undefined]);
});

test('a body that stands still is broken off and asked for again', { timeout: 60_000 }, async (t) => {
  const { hub } = await hubFor(t);
  hub.put('owner/name', plain);
  const id = sha256(weights);
  let stalls = 0;
  hub.special.set(id, (request, response) => {
    stalls++;
    if (stalls === 1) return; // not even a status
    if (stalls > 2) return sendBytes(request, response, weights, id);
    response.writeHead(200, { 'Content-Length': weights.length });
    response.write(weights.subarray(0, 1000));
  });
  const notes: string[] = [];
  const patience = { ...fast, stallMs: 200 };
  const folder = await fetchModel(name, { patience, onNote: (line) => notes.push(line) });
  assert.match(notes[0], /sends nothing for 0\.2 s; new try at 0 of 300000 bytes/);
  assert.match(notes[1], /sends nothing for 0\.2 s; new try at 1000 of 300000 bytes/);
  assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
});

test('a download that is interrupted leaves its part and nothing else, and goes on from there', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  const id = sha256(weights);
  const blobs = join(cache, 'models--owner--name', 'blobs');
  hub.special.set(id, (_, response) => {
    response.writeHead(200, { 'Content-Length': weights.length });
    response.write(weights.subarray(0, 40_000));
  });
  const stop = new AbortController();
  const onProgress = ({ file, done }: TransferProgress) => {
    if (file === 'model.safetensors' && done >= 40_000) stop.abort();
  };
  await assert.rejects(fetchModel(name, { signal: stop.signal, onProgress, patience: once }), Interrupted);
  assert.deepEqual(
    filesBelow(blobs).filter((path) => path.startsWith(id)),
    [`${id}.incomplete`],
  );
  await assert.rejects(fetchModel(name, { signal: stop.signal }), Interrupted);
  hub.special.clear();
  await fetchModel(name);
  assert.equal(hub.seen.at(-1)?.range, 'bytes=40000-');
});

test('two that fetch the same model at once both get it whole', async (t) => {
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', plain);
  const id = sha256(weights);
  hub.special.set(id, (request, response) => setTimeout(() => sendBytes(request, response, weights, id), 50));
  const folders = await Promise.all([fetchModel(name), fetchModel(name), fetchModel(name)]);
  assert.equal(new Set(folders).size, 1);
  assert.deepEqual(readFileSync(join(folders[0], 'model.safetensors')), weights);
  assert.deepEqual(
    filesBelow(join(cache, 'models--owner--name')).filter((f) => /incomplete|tmp/.test(f)),
    [],
  );
});

/** Python's huggingface_hub and this code find each other's files. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fetchModel, parseHubName } from '../../src/hub';
import { hubFor, noise } from './server';

const contents = {
  'config.json': '{"model_type":"llama"}',
  'tokenizer.json': '{}',
  'README.md': '# card',
  'model.safetensors': noise(100_000),
};
const name = parseHubName('hf:owner/name');

/** A Python that has huggingface_hub: `GORA_PYTHON`, else the first on the PATH; null, and the test skipped, without. */
function python(t: TestContext): string | null {
  const command = process.env.GORA_PYTHON ?? 'python3';
  if (spawnSync(command, ['-c', 'import huggingface_hub']).status === 0) return command;
  t.skip('no Python with huggingface_hub: set GORA_PYTHON');
  return null;
}

/** Runs a program beside the test's server and returns what it prints as JSON. */
async function ask(command: string, program: string, env: Record<string, string> = {}): Promise<unknown> {
  const child = spawn(command, ['-c', program], {
    env: { ...process.env, HF_HUB_DISABLE_XET: '1', HF_HUB_DISABLE_TELEMETRY: '1', ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  const code = await new Promise((done) => child.once('close', done));
  assert.equal(code, 0, err);
  return JSON.parse(out.trim().split('\n').at(-1) ?? '');
}

test('Python finds offline what was fetched here, and its survey of the cache has no complaint', async (t) => {
  const command = python(t);
  if (command === null) return;
  const { hub } = await hubFor(t);
  const commit = hub.put('owner/name', contents);
  const folder = await fetchModel(name);
  await fetchModel(parseHubName(`hf:owner/name@${commit}`));
  const found = await ask(
    command,
    `
import json, huggingface_hub as h
info = h.scan_cache_dir()
repo = list(info.repos)[0]
print(json.dumps([
  h.hf_hub_download("owner/name", "model.safetensors"),
  h.try_to_load_from_cache("owner/name", "config.json", revision="main"),
  h.snapshot_download("owner/name", allow_patterns=["*.safetensors", "config.json", "tokenizer*"]),
  [str(w) for w in info.warnings], repo.repo_id, repo.repo_type, sorted(repo.refs),
  sorted(f.file_name for r in repo.revisions for f in r.files),
]))`,
    { HF_HUB_OFFLINE: '1' },
  );
  assert.deepEqual(found, [
    join(folder, 'model.safetensors'),
    join(folder, 'config.json'),
    folder,
    [],
    'owner/name',
    'model',
    ['main'],
    ['config.json', 'model.safetensors', 'tokenizer.json'],
  ]);
});

test('what Python fetched is found here without the hub, with its listing or without', async (t) => {
  const command = python(t);
  if (command === null) return;
  const { hub, cache } = await hubFor(t);
  hub.put('owner/name', contents);
  const folder = await ask(
    command,
    'import json, huggingface_hub as h; print(json.dumps(h.snapshot_download("owner/name")))',
  );
  await hub.stop();
  assert.equal(await fetchModel(name), folder);
  rmSync(join(cache, 'models--owner--name', 'trees'), { recursive: true, force: true });
  assert.equal(await fetchModel(name, { offline: true }), folder);
  assert.deepEqual(readFileSync(join(folder as string, 'model.safetensors')), contents['model.safetensors']);
  rmSync(join(folder as string, 'model.safetensors'));
  await assert.rejects(fetchModel(name, { offline: true }), /of weights as safetensors it has none/);
});

/** The same training on every backend: native TensorFlow, WebAssembly and plain JavaScript agree. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunRecord } from '../../src/experiments/record';
import { readRecord } from '../../src/experiments/store';
import { gora } from '../support/cli';
import { tempDir } from '../support/temp';
import { tinyData } from '../support/tiny-data';

const SETTINGS = ['context=16', 'trainWindows=32', 'evalWindows=4', 'batch=4', 'steps=5', 'lr=0.003'];

async function runOn(t: TestContext, backend: string, data: string, method: string): Promise<RunRecord | null> {
  const out = tempDir(t);
  const { code, stderr } = await gora(
    [
      ...['run', '--task', 'shakespeare', '--method', method, '--data', data, '--out', out],
      ...[...SETTINGS, ...(method === 'full' ? [] : ['rank=2'])].flatMap((pair) => ['--set', pair]),
    ],
    undefined,
    { GORA_BACKEND: backend },
  );
  if (backend === 'native' && code !== 0 && /npm run setup/.test(stderr)) {
    t.diagnostic('native TensorFlow is not set up here: NOT TESTED. Add it with `npm run setup`');
    return null;
  }
  assert.equal(code, 0, stderr);
  return readRecord(join(out, readdirSync(out)[0]));
}

for (const method of ['full', 'lora', 'lora-ga', 'gora']) {
  test(`${method}: losses of five steps agree within 1e-4, and so do ranks`, async (t) => {
    const data = tinyData(t);
    const reference = await runOn(t, 'cpu', data, method);
    for (const backend of ['wasm', 'native']) {
      const other = await runOn(t, backend, data, method);
      if (!other || !reference) continue;
      assert.equal(other.environment.backend, backend);
      assert.deepEqual(other.ranks, reference.ranks);
      other.curve.loss.forEach((loss, i) => {
        const expected = reference.curve.loss[i];
        assert.ok(Math.abs(loss - expected) < 1e-4, `step ${i + 1}: ${backend} ${loss}, cpu ${expected}`);
      });
    }
  });
}

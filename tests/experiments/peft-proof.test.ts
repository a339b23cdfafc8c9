/** A part of `npm run prove:peft`, where Python has PEFT: GoRA and LoRA-GA on two models, to PEFT and back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(__dirname, '..', '..');
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'scripts/prove-peft.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });

test('without PEFT it says so and passes', () => {
  const { status, stdout } = run([], { GORA_PYTHON: process.execPath });
  assert.equal(status, 0);
  assert.match(stdout, /passed over: .* has no torch, transformers and peft \(name a Python with GORA_PYTHON\)/);
});

test('GoRA and LoRA-GA, kit to PEFT and back', (t) => {
  const { status, stdout, stderr } = run(['--models', 'llama,vit', '--methods', 'gora,lora-ga']);
  if (/passed over/.test(stdout)) return t.skip(stdout.trim());
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /18 comparisons, 0 above 0\.0001 or failed/);
});

/**
 * Training on WebGPU gives what plain JavaScript gives. Needs the optional packages and a driver, e.g. SwiftShader:
 * VK_ICD_FILENAMES=…/vk_swiftshader_icd.json
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

function lossesOn(backend: string): Record<string, number[]> {
  const args = ['--import', 'tsx', join(__dirname, 'webgpu-steps.ts')];
  const env = { ...process.env, GORA_BACKEND: backend };
  const text = execFileSync(process.execPath, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return JSON.parse(text.trim().split('\n').at(-1)!).losses;
}

test('four LoRA steps on WebGPU: the losses of the JavaScript backend within 1e-4', (context) => {
  let found: Record<string, number[]>;
  try {
    require.resolve('webgpu');
    found = lossesOn('webgpu');
  } catch (error) {
    const message = String((error as { stderr?: string }).stderr ?? error);
    if (!/Cannot find module 'webgpu'|driver answers/.test(message)) throw error;
    context.skip('no webgpu package or no driver: npm i --no-save webgpu @tensorflow/tfjs-backend-webgpu@4.22.0');
    return;
  }
  const expected = lossesOn('cpu');
  assert.deepEqual(Object.keys(found), Object.keys(expected));
  for (const [family, losses] of Object.entries(expected)) {
    assert.ok(losses[3] !== losses[0], 'training moves');
    losses.forEach((loss, i) => {
      assert.ok(Math.abs(found[family][i] - loss) < 1e-4, `${family}, step ${i + 1}: ${found[family][i]}, ${loss}`);
    });
  }
});

/** The parts of LoRA-GA apart: the scale α/√r, the stable length, the gradient's directions. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { recordId, resolveSpec } from '../../src/experiments/spec';
import type { AdaptedLayer } from '../../src/formats/peft';
import { loraGa } from '../../src/methods/lora-ga';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { assertClose } from '../support/close';
import { attachTo, baseLogits, families, logitsOf } from '../support/models';

before(() => startBackend());

const [mlp] = families;

async function layersOf(options: Record<string, unknown>): Promise<readonly AdaptedLayer[]> {
  const model = mlp.make();
  const adapters = attachTo(loraGa, mlp, model, options);
  const { layers } = await adapters.state!();
  adapters.dispose();
  disposeModel(model);
  return layers;
}

const squares = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0);

test('the scale is α/√r, or α/r where asked; the directions and lengths stay', async () => {
  const [own, plain] = [
    await layersOf({ rank: 4, alpha: 16 }),
    await layersOf({ rank: 4, alpha: 16, rankStabilised: false }),
  ];
  own.forEach((layer, i) => {
    assert.equal(layer.scale, 8);
    assert.equal(plain[i].scale, 4);
    assert.deepEqual(layer.A, plain[i].A);
    assert.deepEqual(layer.B, plain[i].B);
  });
});

test('gaussian: rows of A and columns of B have the expected length of singular vectors, times the stable one', async () => {
  const rank = 4;
  const lengths = { unit: 0, stable: 0 };
  for (const scale of ['unit', 'stable'] as const) {
    for (const { A, B } of await layersOf({ rank, scale, direction: 'gaussian', stableGamma: 4 })) {
      const factor = scale === 'unit' ? 1 : B.shape[0] ** 0.25 / 2;
      lengths[scale] += squares(A.data) / (rank * factor ** 2) + squares(B.data) / (rank * factor ** 2);
    }
  }
  assertClose([lengths.unit], [4], 0.35, 'two layers, A and B: four lengths of about 1');
  assertClose([lengths.stable], [lengths.unit], 1e-5, 'the same draws, another length');
});

test('gaussian directions are not those of the gradient, and differ between layers and between A and B', async () => {
  const [random, gradient] = [await layersOf({ rank: 2, direction: 'gaussian' }), await layersOf({ rank: 2 })];
  assert.notDeepEqual(random[0].A, gradient[0].A);
  assert.notDeepEqual(random[0].A.data.slice(0, 8), random[0].B.data.slice(0, 8));
  assert.notDeepEqual(random[0].A.data.slice(0, 8), random[1].A.data.slice(0, 8));
});

test('every part leaves the function as it was at step 0, and dispose gives the weights back', () => {
  for (const options of [{ direction: 'gaussian' }, { direction: 'gaussian', scale: 'unit', rankStabilised: false }]) {
    const model = mlp.make();
    const batch = mlp.batch(1);
    const before = baseLogits(model, batch);
    const adapters = attachTo(loraGa, mlp, model, options);
    assertClose(logitsOf(model, adapters.net, batch), before, 1e-5, 'adapted');
    adapters.dispose();
    assert.deepEqual(baseLogits(model, batch), before);
    disposeModel(model);
    tf.dispose(batch as never);
  }
});

test('PEFT has no gaussian direction', () => {
  assert.equal(loraGa.options.safeParse({ direction: 'gaussian', variant: 'peft' }).success, false);
  assert.throws(
    () => resolveSpec({ task: 'glyphs', method: 'lora-ga', seed: 1, set: { direction: 'gaussian', variant: 'peft' } }),
    (error) => error instanceof UserError && /variant.*gaussian/.test(error.message),
  );
});

test('the new option renames no record', () => {
  const spec = resolveSpec({ task: 'glyphs', method: 'lora-ga', seed: 1, set: { lr: 1e-3, evalEvery: 0 } });
  assert.equal(recordId(spec), 'glyphs-lora-ga-s1-f6b8595f');
});

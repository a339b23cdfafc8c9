/** Methods on T5: the estimated gradients are Hugging Face's, and adapters behave on an encoder–decoder. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../../src/formats/weights';
import { adapt } from '../../src/methods/adapt';
import { estimateGradients } from '../../src/methods/gradients';
import { findMethod } from '../../src/methods/registry';
import { loadModel } from '../../src/models/load';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { AdamW } from '../../src/training/adamw';
import { trainStep } from '../../src/training/step';
import { assertClose } from '../support/close';
import { baseLogits, logitsOf, pretendTrained } from '../support/models';
import { weightsIn } from '../support/weights';

const FOLDER = join(__dirname, '..', 'fixtures', 't5', 'v1.0').replace(/([\\/])build[\\/]tests/, '$1tests');
const numbers = weightsIn(join(FOLDER, 'golden.safetensors'));

function goldenBatch(): Batch {
  const types = { tokens: 'int32', tokenMask: 'float32', decoderTokens: 'int32', targets: 'int32', weights: 'float32' };
  return Object.fromEntries(
    Object.entries(types).map(([name, dtype]) => {
      const { data, shape } = numbers.get(name) as HostTensor;
      return [name, tf.tensor2d(data, shape as [number, number], dtype as 'int32')];
    }),
  );
}

describe('methods on T5', () => {
  before(() => startBackend());

  it('see the reference gradient of every layer before training, within 1e-4', async () => {
    const { model } = await loadModel(FOLDER);
    const { gradients, loss } = estimateGradients(model, model.linears, [goldenBatch()]);
    assert.equal(gradients.size, model.linears.length);
    assertClose([loss], (numbers.get('loss') as HostTensor).data, 1e-5, 'loss');
    for (const layer of model.linears) {
      const expected = (numbers.get(`gradient.${layer.weight}`) as HostTensor).data;
      assertClose(gradients.get(layer.name) as Float32Array, expected, 1e-4, layer.name);
    }
    disposeModel(model);
  });

  for (const name of ['lora', 'lora-ga', 'gora']) {
    it(`${name}: adapters on all layers train, merge and come off again`, async () => {
      const { model } = await loadModel(FOLDER);
      const batch = goldenBatch();
      const method = findMethod(name);
      const plain = baseLogits(model, batch);
      const adapters = adapt(model, method, { rank: 2, alpha: 4 }, [batch], { random: new Random(3, name) });
      assert.equal(adapters.ranks?.size, model.linears.length);
      if (name === 'lora') assertClose(logitsOf(model, adapters.net, batch), plain, 1e-6, 'start');

      const optimiser = new AdamW(adapters.trainable, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
      const losses = [1, 2, 3, 4, 5].map((step) => {
        const scalars = optimiser.scalars(step, 0.02);
        return trainStep(model, adapters, optimiser, batch, scalars, 1, step).loss.dataSync()[0];
      });
      assert.ok(losses[4] < losses[0] - 0.05, losses.join());
      optimiser.dispose();

      pretendTrained(adapters);
      const adapted = logitsOf(model, adapters.net, batch);
      adapters.merge();
      assertClose(baseLogits(model, batch), adapted, 1e-4, 'merged');
      adapters.unmerge();
      adapters.dispose();
      assert.deepEqual(baseLogits(model, batch), plain);
      disposeModel(model);
    });
  }
});

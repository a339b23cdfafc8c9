/** Blocks computed again in the backward pass: the same gradients from fewer kept activations. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { recordId, resolveSpec } from '../../src/experiments/spec';
import { findMethod } from '../../src/methods/registry';
import { randomModel } from '../../src/models/auto';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { nativeBackend } from '../../src/tensor/jit/native';
import { Random } from '../../src/tensor/random';
import { trainingSchema } from '../../src/training/options';
import { lossAndGradients, trainableOf } from '../../src/training/step';
import { train } from '../../src/training/train';
import { assertClose } from '../support/close';
import { attachTo, type Family, families, pretendTrained } from '../support/models';

before(() => startBackend());

const T5 = {
  model_type: 't5',
  vocab_size: 11,
  d_model: 16,
  d_kv: 8,
  d_ff: 24,
  num_heads: 2,
  num_layers: 2,
  num_decoder_layers: 2,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 16,
  layer_norm_epsilon: 1e-6,
  feed_forward_proj: 'gated-gelu',
  tie_word_embeddings: true,
  pad_token_id: 0,
  eos_token_id: 1,
};

const t5: Family = {
  name: 't5',
  make: () => randomModel('small-t5', T5, new Random(4, 't5')),
  batch: (number) => {
    const random = new Random(number, 't5 batch');
    const tokens = (length: number) => {
      const values = Int32Array.from({ length: 4 * length }, () => random.int(11));
      return tf.tensor2d(values, [4, length], 'int32');
    };
    return {
      tokens: tokens(6),
      tokenMask: tf.ones([4, 6]),
      decoderTokens: tokens(5),
      targets: tokens(5),
      weights: tf.ones([4, 5]),
    };
  },
};

const blocks: readonly Family[] = [...families.filter(({ name }) => name !== 'mlp'), t5];

for (const family of blocks) {
  for (const method of ['lora', 'dora', 'full']) {
    test(`${family.name}, ${method}: gradients equal within 1e-6, less is kept, nothing leaks`, () => {
      const model = family.make();
      const adapters = attachTo(findMethod(method), family, model);
      if (method !== 'full') pretendTrained(adapters);
      const parameters = trainableOf(model, adapters);
      const batch = family.batch(1);
      const tensors = tf.memory().numTensors;
      const run = (recompute: boolean) => {
        const { loss, gradients, kept } = lossAndGradients(model, adapters, parameters, batch, recompute);
        const values = Object.entries(gradients).map(([name, g]) => ({
          name,
          values: g.dataSync().slice() as Float32Array,
        }));
        const nats = loss.dataSync()[0];
        tf.dispose([loss, gradients] as unknown as tf.TensorContainer);
        return { nats, kept, values: new Map(values.map((entry) => [entry.name, entry.values])) };
      };
      const [plain, again] = [run(false), run(true)];
      assert.equal(tf.memory().numTensors, tensors);
      assert.equal(again.nats, plain.nats);
      assert.deepEqual([...again.values.keys()].sort(), [...plain.values.keys()].sort());
      for (const [name, values] of plain.values) {
        const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        const found = again.values.get(name)!;
        values.forEach((v, i) => {
          assert.ok(Math.abs(v - found[i]) <= 1e-6 * largest, `${name}[${i}]: ${found[i]} against ${v}`);
        });
      }
      assert.ok(again.kept < 0.6 * plain.kept, `${again.kept} of ${plain.kept} bytes`);
      adapters.dispose();
      disposeModel(model);
      tf.dispose(batch as never);
    });
  }
}

test('training: the same losses, compiled or not; activations in the result', async () => {
  const [, encoder] = families;
  const results = [];
  for (const settings of [{}, { recompute: true }, { recompute: true, compile: false }]) {
    const model = encoder.make();
    const adapters = attachTo(findMethod('lora'), encoder, model);
    const data = { size: 64, batch: (indices: readonly number[]) => encoder.batch(indices[0]) };
    const options = trainingSchema.parse({ steps: 12, batch: 2, lr: 3e-3, ...settings });
    results.push(await train({ model, adapters, data, options, random: new Random(3) }));
    adapters.dispose();
    disposeModel(model);
  }
  const [plain, compiled, eager] = results;
  if (nativeBackend()) assert.deepEqual([plain.mode, compiled.mode, eager.mode], ['compiled', 'compiled', 'eager']);
  assertClose(compiled.curve.loss, plain.curve.loss, 1e-5, 'compiled');
  assertClose(eager.curve.loss, plain.curve.loss, 1e-5, 'eager');
  assert.ok(plain.activationBytes > 0 && compiled.activationBytes < 0.6 * plain.activationBytes);
  assert.equal(compiled.activationBytes, eager.activationBytes);
});

test('the option renames no record', () => {
  const plain = resolveSpec({ task: 'glyphs', method: 'lora', seed: 1 });
  const asked = resolveSpec({ task: 'glyphs', method: 'lora', seed: 1, set: { recompute: true } });
  assert.equal('recompute' in plain.training, false);
  assert.notEqual(recordId(asked), recordId(plain));
});

/** Texts of different lengths: buckets keep every example, packing keeps losses and gradients, waste is counted. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import { adapt } from '../../src/methods/adapt';
import { findMethod } from '../../src/methods/registry';
import { randomModel } from '../../src/models/auto';
import { baseNet, disposeModel } from '../../src/models/params';
import { bucketed, bucketLengths } from '../../src/tasks/batching/buckets';
import { bucketedTexts, firstFit, packed, paddedTexts, type TextExample } from '../../src/tasks/batching/text';
import { batchesOf, type Dataset, paddingWaste } from '../../src/tasks/dataset';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { trainingSchema } from '../../src/training/options';
import { train } from '../../src/training/train';
import { assertClose } from '../support/close';

const VOCAB = 23;
const CONFIG = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: VOCAB,
  max_position_embeddings: 32,
  tie_word_embeddings: false,
  rms_norm_eps: 1e-5,
};

const decoder = () => randomModel('small', CONFIG, new Random(3));

function texts(count: number, longest: number): TextExample[] {
  const random = new Random(4, 'texts');
  return Array.from({ length: count }, () => {
    const tokens = Array.from({ length: 3 + random.int(longest - 2) }, () => random.int(VOCAB));
    return { tokens, prompt: 1 + random.int(2) };
  });
}

const free = (batch: Batch) => tf.dispose(Object.values(batch));

describe('bucket lengths', () => {
  it('pad least over a pass, as trying every choice says', () => {
    const random = new Random(5);
    const needs = Array.from({ length: 40 }, () => 1 + random.int(9) + random.int(9));
    const distinct = [...new Set(needs)].sort((a, b) => a - b);
    const places = (lengths: readonly number[]) =>
      needs.reduce((sum, need) => sum + lengths.find((length) => length >= need)!, 0);
    const longest = distinct[distinct.length - 1];
    let best = Number.POSITIVE_INFINITY;
    for (const a of distinct) for (const b of distinct) if (a < b) best = Math.min(best, places([a, b, longest]));
    assert.equal(places(bucketLengths(needs, 3)), best);
    assert.deepEqual(bucketLengths(needs, 1), [longest]);
    assert.deepEqual(bucketLengths([4, 4, 7], 5), [4, 7]);
  });

  it('refuse nonsense', () => {
    assert.throws(() => bucketLengths([], 2), UserError);
    assert.throws(() => bucketLengths([1], 0), UserError);
  });
});

describe('batches', () => {
  before(() => startBackend());

  it('of buckets are full, of few shapes, and use every example equally often', () => {
    const needs = [2, 9, 3, 3, 8, 2, 2, 9, 3, 1, 4, 9];
    const seen = new Map<number, number>();
    const data = bucketed(needs, {
      lengthOf: (need) => need,
      lengths: [9, 3],
      batch: (items, length) => {
        assert.ok(items.every((need) => need <= length && (length === 3 || need > 3)));
        for (const need of items) seen.set(need, (seen.get(need) ?? 0) + 1);
        return { length: tf.scalar(length) };
      },
    });
    assert.equal(paddingWaste(data), 1 - 55 / (7 * 3 + 5 * 9));
    const stream = batchesOf(data, 4, new Random(6));
    // 7 short and 5 long examples an epoch: 35 batches of 4 are 140 = 11 epochs and a rest
    for (let i = 0; i < 35; i++) free(stream.next().value);
    for (const need of new Set(needs)) {
      const share = seen.get(need)! / needs.filter((other) => other === need).length;
      assert.ok(Math.abs(share - 11.7) < 1.7, `length ${need} was drawn ${share} times an example`);
    }
    assert.throws(
      () => bucketed([10], { lengthOf: (n) => n, lengths: [9], batch: () => ({}) }),
      /10 tokens.*bucket, 9/,
    );
  });

  it('packed first fit decreasing, each piece once', () => {
    const windows = firstFit([3, 5, 2, 6, 1], 8);
    assert.deepEqual(windows, [[3, 2], [1, 0], [4]]);
  });

  it('of text: prompts carry no loss, targets are the next tokens', () => {
    const data = paddedTexts([{ tokens: [5, 6, 7, 8], prompt: 2 }], { length: 5, pad: 0 });
    const batch = data.batch([0]);
    const rows = Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, [...tensor.dataSync()]]));
    assert.deepEqual(rows, { tokens: [5, 6, 7, 0, 0], targets: [6, 7, 8, 0, 0], weights: [0, 1, 1, 0, 0] });
    assert.equal(paddingWaste(data), 1 - 3 / 5);
    free(batch);
    assert.throws(() => paddedTexts([{ tokens: [5] }], { length: 5, pad: 0 }), /at least 2/);
    assert.throws(() => packed([{ tokens: [1, 2, 3, 4] }], { length: 2, pad: 0 }), /Raise the length/);
  });

  it('packed: loss and gradients are those of the padded texts; without segments they are not', () => {
    const model = decoder();
    const examples = texts(9, 12);
    const net = baseNet(model);
    const weight = model.params.get('model.layers.0.self_attn.k_proj.weight')!;
    const evaluate = (data: Dataset) => {
      const batch = data.batch(Array.from({ length: data.size }, (_, i) => i));
      const { value, grads } = tf.engine().gradients(() => model.loss(net, batch), [weight]) as never as {
        value: tf.Scalar;
        grads: tf.Tensor[];
      };
      const result = { loss: value.dataSync()[0], gradient: grads[0].dataSync() as Float32Array };
      tf.dispose([value, grads]);
      free(batch);
      return result;
    };
    const shape = { length: 20, pad: 0 };
    const [alone, together] = [evaluate(paddedTexts(examples, shape)), evaluate(packed(examples, shape))];
    assert.ok(packed(examples, shape).size < 9);
    assertClose([together.loss], [alone.loss], 1e-5, 'loss');
    assertClose(together.gradient, alone.gradient, 1e-5, 'gradient');
    assert.ok(Math.abs(evaluate(packed(examples, shape, false)).loss - alone.loss) > 1e-4);
    const waste = (data: Dataset) => paddingWaste(data)!;
    assert.ok(waste(packed(examples, shape)) < waste(bucketedTexts(examples, [6, 12], 0)));
    assert.ok(waste(bucketedTexts(examples, [6, 12], 0)) < waste(paddedTexts(examples, shape)));
    disposeModel(model);
  });

  it('of several shapes train compiled as they train eagerly', async (t) => {
    if (tf.getBackend() !== 'tensorflow') return t.skip('compiled steps need native TensorFlow: run `npm run setup`');
    const losses: number[][] = [];
    for (const compile of [false, true]) {
      const model = decoder();
      const method = findMethod('lora');
      const adapters = adapt(model, method, { rank: 2 }, {}, { random: new Random(7) });
      const data = bucketedTexts(texts(40, 16), [6, 10, 16], 0);
      const options = trainingSchema.parse({ steps: 24, batch: 4, lr: 1e-2, compile });
      const result = await train({ model, adapters, data, options, random: new Random(8) });
      assert.equal(result.mode, compile ? 'compiled' : 'eager', result.why ?? '');
      losses.push(result.curve.loss);
      adapters.dispose();
      disposeModel(model);
    }
    assertClose(losses[1], losses[0], 1e-5, 'losses');
  });
});

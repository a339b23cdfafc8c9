/** Decoders as classifiers: label tokens, prompts, batches, scores. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { randomModel } from '../../src/models/auto';
import type { Model, Net } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { evaluatePrompted, labelTokens, promptedSet, promptTokens } from '../../src/tasks/kinds/prompted';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { CharTokenizer } from '../../src/tokenizers';

const tokenizer = new CharTokenizer([...' abcdefgno:']);
const id = (character: string) => tokenizer.encode(character)[0];

before(async () => {
  await startBackend();
});

describe('label tokens', () => {
  it('are the first that differ', () => {
    assert.deepEqual(labelTokens(tokenizer, ['bad', 'good']), [id('b'), id('g')]);
    assert.deepEqual(labelTokens(tokenizer, [' bad', ' good']), [id('b'), id('g')]);
  });

  it('must tell the labels apart', () => {
    assert.throws(() => labelTokens(tokenizer, ['bad', 'good', 'bone']), /labels "bad" and "bone" begin with the same/);
  });
});

describe('prompted texts', () => {
  it('lose the end of the text, never the prompt', () => {
    assert.equal(tokenizer.decode(promptTokens(tokenizer, 'abcabc', 'no:', 12)), 'abcabcno:');
    assert.equal(tokenizer.decode(promptTokens(tokenizer, 'abcabc', 'no:', 8)), 'abcano:');
    assert.throws(() => promptTokens(tokenizer, 'abc', 'no:', 4), /length 4 has no room for the prompt of 3 tokens/);
  });

  it('ask for the label after the last token alone', () => {
    const data = promptedSet(
      [
        { tokens: [5, 6], label: 1 },
        { tokens: [7, 8, 9], label: 0 },
      ],
      [20, 21],
      4,
      2,
    );
    const batch = data.batch([1, 0]);
    assert.deepEqual(batch.tokens.arraySync(), [
      [7, 8, 9, 2],
      [5, 6, 2, 2],
    ]);
    assert.deepEqual(batch.targets.arraySync(), [
      [0, 0, 20, 0],
      [0, 21, 0, 0],
    ]);
    assert.deepEqual(batch.weights.arraySync(), [
      [0, 0, 1, 0],
      [0, 1, 0, 0],
    ]);
    assert.deepEqual(
      [batch.labels.arraySync(), batch.last.arraySync()],
      [
        [0, 1],
        [2, 1],
      ],
    );
    tf.dispose(Object.values(batch));
    assert.throws(
      () => promptedSet([{ tokens: [1, 2, 3], label: 0 }], [4], 2, 0).batch([0]),
      /has 3 tokens, more than 2\. Raise/,
    );
  });
});

describe('scores', () => {
  const examples = [
    { tokens: [1, 5, 6], label: 0 },
    { tokens: [1, 7, 8, 9], label: 1 },
    { tokens: [1, 4], label: 1 },
  ];
  const answers = [9, 5];
  const data = promptedSet(examples, answers, 5, 2);

  it('are read at the last token, among the labels only', async () => {
    // logits that grow with the place: place p favours token 5 from p = 2 on
    const fake = {
      logits: (_: Net, batch: { tokens: tf.Tensor }) => {
        const [rows, length] = batch.tokens.shape as [number, number];
        const row = Array.from({ length }, (_, p) =>
          Array.from({ length: 12 }, (_, k) => (k === 5 ? p - 1.5 : k === 3 ? 9 : 0)),
        );
        return tf.tensor2d(Array.from({ length: rows }, () => row).flat());
      },
    } as unknown as Model;
    const { accuracy, loss } = await evaluatePrompted(fake, {} as Net, data, answers, 2);
    // places 2, 3, 1: token 5 leads by 0.5, 1.5, −0.5
    const nats = (lead: number) => Math.log(1 + Math.exp(-lead));
    assert.ok(Math.abs(accuracy - 100 / 3) < 1e-9);
    assert.ok(Math.abs(loss - (nats(-0.5) + nats(1.5) + nats(-0.5)) / 3) < 1e-6);
    await assert.rejects(evaluatePrompted(fake, {} as Net, promptedSet([], answers, 5, 2), answers), /empty set/);
  });

  it('do not depend on padding or on the other texts of the batch', async () => {
    const config = {
      ...{ model_type: 'llama', hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2 },
      ...{ vocab_size: 24, max_position_embeddings: 16, tie_word_embeddings: true, rms_norm_eps: 1e-5 },
    };
    const model = randomModel('d', config, new Random(4));
    const net = baseNet(model);
    const padded = promptedSet(examples, answers, 9, 3);
    const a = await evaluatePrompted(model, net, data, answers);
    const b = await evaluatePrompted(model, net, padded, answers, 1);
    assert.equal(a.accuracy, b.accuracy);
    assert.ok(Math.abs(a.loss - b.loss) < 1e-5);
    disposeModel(model);
  });
});

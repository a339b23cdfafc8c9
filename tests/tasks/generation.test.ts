/** Prompts with answers: where the loss is, and what passes. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { randomModel } from '../../src/models/auto';
import type { Decoder } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { answerSet, evaluateAnswers, respond } from '../../src/tasks/kinds/answers';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { CharTokenizer } from '../../src/tokenizers';

before(() => startBackend());

const tokenizer = new CharTokenizer([...'abcdef']);
const item = (prompt: string, answer: string, passes = (response: string) => response === answer) => ({
  prompt: tokenizer.encode(prompt, { bos: true }),
  answer: tokenizer.encode(answer, { eos: true }),
  passes,
});

test('the loss is on the answer and its end mark alone', async () => {
  const batch = answerSet([item('ab', 'c'), item('a', 'de')], 6).batch([0, 1]);
  const rows = (name: string) => batch[name].arraySync();
  assert.deepEqual(rows('tokens'), [
    [1, 3, 4, 5, 0, 0],
    [1, 3, 6, 7, 0, 0],
  ]);
  assert.deepEqual(rows('targets'), [
    [3, 4, 5, 2, 0, 0],
    [3, 6, 7, 2, 0, 0],
  ]);
  assert.deepEqual(rows('weights'), [
    [0, 0, 1, 1, 0, 0],
    [0, 1, 1, 1, 0, 0],
  ]);
  tf.dispose(Object.values(batch));
  assert.throws(() => answerSet([item('abcdef', 'a')], 7), /prompt 0 .* 8 tokens, more than 7\. Raise/);
});

test('scores count what passes and weigh every token of an answer alike', async () => {
  const config = {
    ...{ model_type: 'llama', hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2 },
    ...{ vocab_size: 9, max_position_embeddings: 12, tie_word_embeddings: true, rms_norm_eps: 1e-5 },
    rope_interleaved: true,
  };
  const model = randomModel('random', config, new Random(1)) as Decoder;
  const net = baseNet(model);
  const items = [item('ab', 'c'), item('abc', 'defa'), item('f', 'ee', () => true), item('e', 'b', () => false)];
  const responses = await respond(model, net, answerSet(items, 10), tokenizer);
  assert.equal(responses.length, 4);
  const expected = responses.filter((response, i) => items[i].passes(response)).length;
  const tensors = tf.memory().numTensors;
  const whole = await evaluateAnswers(model, net, answerSet(items, 10), tokenizer);
  const parts = await evaluateAnswers(model, net, answerSet(items, 10), tokenizer, 3);
  assert.equal(tf.memory().numTensors, tensors);
  assert.equal(whole.passed, 25 * expected);
  assert.ok(Math.abs(whole.loss - parts.loss) < 1e-5, `${whole.loss} and ${parts.loss}`);
  await assert.rejects(evaluateAnswers(model, net, answerSet([], 10), tokenizer), /empty set/);
  disposeModel(model);
});

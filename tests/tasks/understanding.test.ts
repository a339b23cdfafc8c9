/** The five generated understanding tasks on the shipped base. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { type UnderstandingSet, understandingSets, writeExamples } from '../../src/data/grammar/sets';
import { grammarTokenizer } from '../../src/data/grammar/vocabulary';
import { runExperiment } from '../../src/experiments/run';
import { resolveSpec } from '../../src/experiments/spec';
import type { EncoderDecoder } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { evaluateLabels } from '../../src/tasks/kinds/sequences';
import { heldOut } from '../../src/tasks/understanding';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { openWith } from '../support/open';

before(async () => {
  await startBackend();
});

const load = (set: UnderstandingSet, seed: number) => openWith(set.name, { shots: 12 }, new Random(seed));

describe('understanding tasks', () => {
  it('are five, registered, and within the budget of a run', () => {
    assert.deepEqual(
      understandingSets.map(({ name }) => name),
      ['nli', 'sentiment', 'acceptability', 'question-sentence', 'paraphrase'],
    );
    for (const { name } of understandingSets) {
      const { training, model } = resolveSpec({ task: name, method: 'lora', seed: 1 });
      assert.equal(model, 'grammar-t5');
      assert.ok((training.steps as number) <= 200 && training.batch === 32);
    }
  });

  it('hold out the same texts in every run, none of them trained on', async () => {
    for (const set of understandingSets) {
      const { validation, test } = heldOut(set);
      const texts = [...validation, ...test].map(({ text }) => text);
      assert.equal(new Set(texts).size, 900);
      const [one, two] = [await load(set, 1), await load(set, 2)];
      const inputs = (data: typeof one.train, count: number) => {
        const batch = data.batch(Array.from({ length: count }, (_, i) => i));
        const rows = (batch.tokens as tf.Tensor2D).arraySync().map((row) => grammarTokenizer.decode(row));
        tf.dispose(Object.values(batch));
        return rows;
      };
      const size = 12 * set.labels.length;
      assert.deepEqual([one.train.size, one.validation.size, one.test.size], [size, 300, 600]);
      assert.deepEqual(inputs(one.test, 600), inputs(two.test, 600));
      assert.notDeepEqual(inputs(one.train, size), inputs(two.train, size));
      const held = new Set(texts.map((text) => set.prompt(text)));
      for (const input of inputs(one.train, size)) assert.ok(!held.has(input), input);
      for (const task of [one, two]) disposeModel(task.model);
    }
  });

  it('count the likeliest label word, in per cent', async () => {
    const labels = [40, 41];
    const at = (value: number) => tf.tensor2d([value, value + 1, value + 2], [3, 1], 'int32');
    const data = {
      size: 3,
      batch: () => ({ tokens: at(0), targets: tf.tensor2d([40, 41, 41], [3, 1], 'int32') }),
    };
    // a decoder that prefers label 40, and token 3 above both
    const fake = {
      start: 0,
      encode: () => ({}),
      decode: () =>
        tf.tensor2d(
          Array.from({ length: 3 }, () =>
            Array.from({ length: 50 }, (_, k) => (k === 3 ? 9 : k === 40 ? 1 : 0)),
          ).flat(),
          [3, 50],
        ),
    } as unknown as EncoderDecoder;
    const { accuracy, loss } = await evaluateLabels(fake, {} as never, data, labels);
    assert.ok(Math.abs(accuracy - 100 / 3) < 1e-9);
    const right = Math.log(1 + Math.exp(-1));
    assert.ok(Math.abs(loss - (right + 2 * (right + 1)) / 3) < 1e-6);
  });

  it('train the label word: a few steps lower the loss of the frozen base', async () => {
    const record = await runExperiment(
      { task: 'sentiment', method: 'full', seed: 3, set: { steps: 10, shots: 40, lr: 3e-3, compile: false } },
      { dataDir: 'nowhere' },
    );
    const [start, end] = record.evaluations.filter(({ split }) => split === 'validation');
    assert.ok(end.metrics.loss < start.metrics.loss);
    assert.ok(record.metrics.accuracy >= 0 && record.metrics.accuracy <= 100);
  });

  it('refuse other models and options by name', () => {
    assert.throws(
      () => resolveSpec({ task: 'nli', method: 'lora', model: 'kwt1', seed: 1 }),
      /task nli has no model "kwt1"\. Models: grammar-t5/,
    );
    assert.throws(() => resolveSpec({ task: 'nli', method: 'lora', seed: 1, set: { shots: 0 } }), /shots/);
  });

  it('draw other texts for another seed, the same for the same', () => {
    const [set] = understandingSets;
    const draw = (seed: number) => writeExamples(set, new Random(seed, 'train'), 30);
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
  });
});

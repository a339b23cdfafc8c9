/** What people expect of a trainer, against PyTorch's numbers; and what a method cannot have. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { recordId, resolveSpec } from '../../src/experiments/spec';
import { adapt } from '../../src/methods/adapt';
import { findMethod } from '../../src/methods/registry';
import { crossEntropy, squaredError } from '../../src/models/layers';
import type { Model } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import type { Dataset } from '../../src/tasks/dataset';
import { startBackend } from '../../src/tensor/backend';
import { nativeBackend } from '../../src/tensor/jit/native';
import { Random } from '../../src/tensor/random';
import { forSet, trainingSchema } from '../../src/training/options';
import { type TrainingRun, train } from '../../src/training/train';
import { assertClose } from '../support/close';
import { attachTo, families, makeMlp } from '../support/models';

before(() => startBackend());

interface Run {
  readonly losses: number[];
  readonly norms: number[];
  readonly last: number[][];
}

interface Golden {
  readonly widths: number[];
  readonly batch: number;
  readonly start: number[][];
  readonly x: number[];
  readonly labels: number[];
  readonly weights: number[];
  readonly runs: Record<'plain' | 'accumulated' | 'smoothed' | 'linear' | 'all', Run>;
}

const golden = JSON.parse(readFileSync(join(__dirname, '../fixtures/training.json'), 'utf8')).training as Golden;
const { widths } = golden;

/** The reference's network; its loss is the weighted mean. */
function network(): Model {
  const weights = new Map(
    golden.start.map((values, i) => {
      const [fanIn, out] = [widths[i >> 1], widths[(i >> 1) + 1]];
      const kind = i % 2 ? 'bias' : 'weight';
      const entry = { shape: i % 2 ? [out] : [out, fanIn], data: Float32Array.from(values) };
      return [`layers.${i >> 1}.${kind}`, entry];
    }),
  );
  const model = makeMlp(widths, weights);
  return {
    ...model,
    loss: (net, batch) =>
      crossEntropy(model.logits(net, batch), batch.labels as tf.Tensor1D, batch.weights as tf.Tensor1D),
  };
}

const examples = golden.labels.length;

/** The reference's examples, one after the other. */
const inOrder: Dataset = {
  size: examples,
  *order(batch) {
    for (let from = 0; ; from += batch) yield Array.from({ length: batch }, (_, i) => (from + i) % examples);
  },
  batch: (rows) => ({
    x: tf.tensor2d(
      rows.flatMap((row) => golden.x.slice(row * widths[0], (row + 1) * widths[0])),
      [rows.length, widths[0]],
    ),
    labels: tf.tensor1d(
      rows.map((row) => golden.labels[row]),
      'int32',
    ),
    weights: tf.tensor1d(rows.map((row) => golden.weights[row])),
  }),
};

const RUNS = {
  plain: {},
  accumulated: { batch: golden.batch / 4, accumulate: 4 },
  smoothed: { labelSmoothing: 0.1 },
  linear: { schedule: 'linear' },
  all: { batch: golden.batch / 2, accumulate: 2, labelSmoothing: 0.2, schedule: 'constant' },
} as const;

for (const [name, settings] of Object.entries(RUNS)) {
  for (const compile of [true, false]) {
    test(`${name}, ${compile ? 'compiled where it can be' : 'eager'}: losses, norms and weights of PyTorch`, async () => {
      const model = network();
      const adapters = adapt(model, findMethod('full'), {}, {}, { random: new Random(1) });
      const steps = golden.runs.plain.losses.length;
      const common = { steps, batch: golden.batch, lr: 3e-3, warmup: 0, clip: 0.5, weightDecay: 0.01, compile };
      const options = trainingSchema.parse({ ...common, ...settings });
      const tensors = tf.memory().numTensors;
      const result = await train({ model, adapters, data: inOrder, options, random: new Random(1) });
      assert.equal(tf.memory().numTensors, tensors);
      if (compile && nativeBackend()) {
        assert.equal(result.mode, 'accumulate' in settings ? 'compiled gradients' : 'compiled', `${result.why}`);
      }
      const expected = golden.runs[name as keyof Golden['runs']];
      assertClose(result.curve.loss, expected.losses, 3e-6, 'losses');
      assertClose(result.curve.norm, expected.norms, 1e-5, 'norms');
      adapters.trainable.forEach(({ value, name: own }, i) => {
        assertClose(value.dataSync(), expected.last[i], 1e-5, own);
      });
      disposeModel(model);
    });
  }
}

test('gradients of k batches are those of one large batch, by tokens and not by batches', () => {
  assertClose(golden.runs.accumulated.losses, golden.runs.plain.losses, 1e-6, 'the reference itself');
});

const [, encoder] = families;
const data: Dataset = { size: 64, batch: (indices) => encoder.batch(indices[0]) };

async function trained(settings: Record<string, unknown>, more: Partial<TrainingRun> = {}, method = 'lora') {
  const model = encoder.make();
  const adapters = attachTo(findMethod(method), encoder, model);
  const options = trainingSchema.parse({ batch: 2, lr: 3e-3, warmup: 0, ...settings });
  try {
    const result = await train({ model, adapters, data, options, random: new Random(11), ...more });
    return { ...result, values: adapters.trainable.flatMap(({ value }) => [...value.dataSync()]) };
  } finally {
    adapters.dispose();
    disposeModel(model);
  }
}

test('epochs count passes over the set, whole batches and steps of several batches', async () => {
  const of = (settings: Record<string, unknown>) => forSet(trainingSchema.parse(settings), 64).steps;
  assert.deepEqual(
    [
      { epochs: 3, batch: 8 },
      { epochs: 1, batch: 10 },
      { epochs: 0.5, batch: 8 },
      { epochs: 2, batch: 4, accumulate: 4 },
    ].map(of),
    [24, 7, 4, 8],
  );
  assert.equal(of({ steps: 9, batch: 8 }), 9);
  assert.equal(of({ epochs: 0.001 }), 1);
  const result = await trained({ epochs: 0.25, steps: 999 });
  assert.deepEqual(result.curve.step, [1, 2, 3, 4, 5, 6, 7, 8]);
});

for (const compile of [true, false]) {
  test(`early stopping, compile ${compile}: ends after the patience, and the best values are kept`, async () => {
    const scores = [5, 3, 4, 3, 2.5, 9, 2.5, 7, 1, 1];
    const seen: number[] = [];
    const settings = { steps: 40, evalEvery: 2, patience: 3, compile, schedule: 'constant' };
    const stopped = await trained(settings, {
      onEvaluate: async (step) => {
        seen.push(step);
        return scores[step / 2 - 1];
      },
    });
    assert.deepEqual(seen, [2, 4, 6, 8, 10, 12, 14, 16]); // 10 is the best, three without a better one
    assert.equal(stopped.bestStep, 10);
    assert.equal(stopped.curve.step.length, 16);
    const ten = await trained({ steps: 10, compile, schedule: 'constant' });
    assertClose(stopped.values, ten.values, 1e-4, 'values of step 10');
    assert.equal(ten.bestStep, null);
  });
}

test('what a method or a task cannot have is refused by name', async () => {
  const score = async () => 1;
  await assert.rejects(
    trained({ steps: 20, evalEvery: 5, patience: 2 }, { onEvaluate: score }, 'adalora'),
    /^UserError: adalora changes its ranks while it trains.*leave patience out/,
  );
  assert.throws(
    () => resolveSpec({ task: 'glyphs', method: 'lora', seed: 1, set: { patience: 2, evalEvery: 0 } }),
    /option "patience": counts validations during training: set evalEvery/,
  );
  const model = network();
  const regression = { ...model, loss: squaredLoss(model) };
  const adapters = adapt(regression, findMethod('lora'), { rank: 2, alpha: 2 }, {}, { random: new Random(1) });
  const options = trainingSchema.parse({ steps: 2, batch: 8, labelSmoothing: 0.1 });
  await assert.rejects(
    train({ model: regression, adapters, data: inOrder, options, random: new Random(1) }),
    /labelSmoothing: the loss of this task is no cross-entropy/,
  );
  adapters.dispose();
  disposeModel(model);
});

const squaredLoss =
  (model: Model): Model['loss'] =>
  (net, batch) =>
    squaredError(tf.slice(model.logits(net, batch), [0, 0], [-1, 1]), batch.weights as tf.Tensor1D);

test('the options rename no record', () => {
  const plain = resolveSpec({ task: 'glyphs', method: 'lora', seed: 1 });
  const given = { schedule: 'linear', epochs: 2, accumulate: 2, patience: 3, labelSmoothing: 0.1 };
  for (const [key, value] of Object.entries(given)) {
    assert.equal(key in plain.training, false);
    const set = { [key]: value, ...(key === 'patience' && { evalEvery: 5 }) };
    const asked = resolveSpec({ task: 'glyphs', method: 'lora', seed: 1, set });
    assert.notEqual(recordId(asked), recordId(plain));
  }
});

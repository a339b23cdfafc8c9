/** What is refused between loading a task and working on it. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { checkBatch, checkLabels, memoryLimit } from '../../src/experiments/checks';
import { studyGradients } from '../../src/experiments/gradient-study';
import { RunFailed, runExperiment } from '../../src/experiments/run';
import { allMethods } from '../../src/methods/registry';
import { baseNet, disposeModel } from '../../src/models/params';
import { registerTask } from '../../src/tasks';
import type { Dataset } from '../../src/tasks/dataset';
import { classificationSet } from '../../src/tasks/kinds/classify';
import { sequenceSet } from '../../src/tasks/kinds/sequences';
import type { Task } from '../../src/tasks/task';
import { backendInfo, startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { openWith } from '../support/open';
import { toyTask } from '../support/toy-task';

before(async () => {
  await startBackend();
  registerTask(toyTask as never);
  // the toy's examples that have the first label
  const one: Task = {
    ...(toyTask as unknown as Task),
    name: 'toy-one-label',
    options: z.strictObject({}),
    open: async (_, context) => {
      const data = await toyTask.open({ noise: 1, examples: 48 }, context);
      return {
        ...data,
        bind: async (chosen) => {
          const loaded = await data.bind(chosen);
          const batch = loaded.train.batch([...Array(48).keys()]);
          const features = (await batch.features.data()) as Float32Array;
          const shape = batch.features.shape.slice(1);
          const train = classificationSet(features, shape, new Int32Array(48).fill(2));
          tf.dispose(Object.values(batch));
          return { ...loaded, train };
        },
      };
    },
  };
  registerTask(one as never);
});

const rejected = (request: Parameters<typeof runExperiment>[0], message: RegExp) =>
  assert.rejects(runExperiment(request, { dataDir: '' }), (error) => {
    assert.ok(error instanceof RunFailed, String(error));
    assert.match(error.message, message);
    assert.equal(error.record.timings.gradients, undefined, 'nothing was measured');
    assert.equal(error.record.timings.attach, undefined, 'nothing was attached');
    return true;
  });

test('a training set of one label is refused, by every way that works on it', async () => {
  const message = /all 48 training examples have one and the same label/;
  for (const method of ['lora', 'gora', 'full']) await rejected({ task: 'toy-one-label', method, seed: 1 }, message);
  await assert.rejects(studyGradients({ task: 'toy-one-label', seed: 1 }, ''), message);
});

const labelled = (labels: readonly number[]): Dataset =>
  classificationSet(new Float32Array(labels.length), [1], Int32Array.from(labels));

test('labels: classes, label words of encoder–decoders; windows of a text have none; nothing is left behind', async () => {
  const tensors = tf.memory().numTensors;
  await assert.rejects(checkLabels(labelled([3, 3])), /all 2 training examples/);
  await checkLabels(labelled([3, 3, 4]));
  await checkLabels(labelled([...Array(200).fill(0), 1])); // the other label comes late
  await assert.rejects(checkLabels(labelled(Array(200).fill(0))), /all 200/);
  await checkLabels(labelled([1])); // one example says nothing of the others
  await checkLabels(labelled([])); // refused elsewhere
  const pairs = (targets: readonly (readonly number[])[]) =>
    sequenceSet(
      targets.map((target) => ({ input: [5, 6], target })),
      { inputLength: 3, targetLength: 3, pad: 0 },
    );
  await assert.rejects(
    checkLabels(
      pairs([
        [7, 1],
        [7, 1],
        [7, 1],
      ]),
    ),
    /all 3/,
  );
  await checkLabels(
    pairs([
      [7, 1],
      [8, 1],
    ]),
  );
  await checkLabels(
    pairs([
      [7, 1],
      [7, 2, 1],
    ]),
  );
  const windows: Dataset = {
    size: 2,
    batch: (rows) => ({ tokens: tf.zeros([rows.length, 4], 'int32'), targets: tf.zeros([rows.length, 4], 'int32') }),
  };
  await checkLabels(windows);
  assert.equal(tf.memory().numTensors, tensors);
});

test('a batch larger than the data is refused with the largest that fits, by every method', async () => {
  for (const { name } of allMethods()) {
    await rejected(
      { task: 'toy', method: name, seed: 1, set: { batch: 49 } },
      /batch 49 is more than the 48 training examples\. Lower batch to 48 or less/,
    );
  }
  await assert.rejects(
    studyGradients({ task: 'toy', seed: 1, set: { batch: 49 } }, ''),
    /batch 49 is more than the 48/,
  );
  const { status } = await runExperiment(
    { task: 'toy', method: 'lora', seed: 1, set: { batch: 48, steps: 1 } },
    { dataDir: '' },
  );
  assert.equal(status, 'completed');
});

test('a batch larger than memory is refused with the largest that fits; recomputing it needs less', async () => {
  const task = await openWith('toy', {}, new Random(1));
  const tensors = tf.memory().numTensors;
  // as much memory as 20 examples take
  const batch = task.train.batch([...Array(20).keys()]);
  const before = tf.memory().numBytes;
  let held = 0;
  tf.tidy(() => {
    task.model.loss(baseNet(task.model), batch);
    held = tf.memory().numBytes - before;
  });
  tf.dispose(Object.values(batch));
  checkBatch(task, { batch: 20 }, held);
  assert.throws(
    () => checkBatch(task, { batch: 24 }, held),
    /batch 24 needs .* GiB for its activations, and there are .*Lower batch to 20 or less, or set recompute=true/,
  );
  checkBatch(task, { batch: 24, recompute: true }, held);
  checkBatch(task, { batch: 48 }, null);
  assert.equal(tf.memory().numTensors, tensors);
  disposeModel(task.model);
});

test('the memory that counts is the heap of WebAssembly, else the machine’s; of a graphics card it is not known', () => {
  assert.equal(memoryLimit({ name: 'wasm', device: 'CPU' }), 2 ** 32);
  assert.equal(memoryLimit({ name: 'native', device: 'GPU' }), null);
  const own = memoryLimit(backendInfo());
  assert.ok(own === null || own >= 2 ** 28, `${own}`);
});

test('a rank that does not fit is refused by every method before anything is measured', async () => {
  // the toy's layers are [16, 16], [32, 16] and [16, 32]; its input and its head are not adapted
  const ranks: Record<string, Record<string, unknown>> = {
    adalora: { rank: 12 }, // starts at 18
    'lora-ga': { rank: 9 }, // takes 18 singular pairs
  };
  for (const { name, trainsBase } of allMethods()) {
    if (trainsBase) continue;
    const set = ranks[name] ?? { rank: 17 };
    await rejected({ task: 'toy', method: name, seed: 1, set }, /rank 17 |rank 18 |2·rank ≤ min\(in, out\): rank 9/);
  }
  await rejected({ task: 'toy', method: 'gora', seed: 1, set: { rank: 8, minRank: 17 } }, /minRank 17 does not fit/);
  await rejected(
    { task: 'toy', method: 'gora', seed: 1, set: { ranksFrom: '/nowhere.json' } },
    /ranksFrom \/nowhere\.json: ENOENT/,
  );
  await rejected({ task: 'toy', method: 'adalora', seed: 1, set: { rank: 2, tinit: 6 } }, /no step to prune at/);
});

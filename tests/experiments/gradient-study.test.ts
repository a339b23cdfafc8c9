/** Gradients of N batches against a large sample: closed forms, a toy task, the file, table and chart. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import {
  answers,
  readGradientStudies,
  similarity,
  studyGradients,
  writeGradientStudy,
} from '../../src/experiments/gradient-study';
import { resultsFolder } from '../../src/project';
import { gradientStudyChart, gradientStudyTable } from '../../src/reports/gradient-study';
import { registerTask } from '../../src/tasks';
import { startBackend } from '../../src/tensor/backend';
import { assertClose } from '../support/close';
import { tempDir } from '../support/temp';
import { toyTask } from '../support/toy-task';

before(async () => {
  await startBackend();
  registerTask(toyTask as never);
});

test('sign, magnitude and cosine by hand', () => {
  assert.deepEqual(similarity([2, -1, 2], [2, -1, 2]), { sign: 1, magnitude: 1, cosine: 1 });
  assert.deepEqual(similarity([-4, 3], [4, -3]), { sign: 0, magnitude: 1, cosine: -1 });
  // signs: 1st and 4th; within a factor of ten: 10 and 1 just so, 11 and 1 not, 0 and 1 not
  const found = similarity([10, -11, 0, 2], [1, 1, 1, 2]);
  assert.equal(found.sign, 0.5);
  assert.equal(found.magnitude, 0.5);
  assertClose([found.cosine], [3 / Math.sqrt(225 * 7)], 1e-12, 'cosine');
  assert.equal(similarity([0, 0], [1, 1]).cosine, 0);
  assert.throws(() => similarity([1], [1, 2]), UserError);
});

const request = { task: 'toy', seed: 1, counts: [1, 2, 8], reference: 12, set: { examples: 96 } };

test('more batches come closer to the reference; the same request gives the same study; nothing is left behind', async () => {
  const tensors = tf.memory().numTensors;
  const study = await studyGradients(request, '');
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(
    study.samples.map((sample) => sample.batches),
    [1, 2, 8],
  );
  const [one, , eight] = study.samples;
  assert.ok(eight.cosine > one.cosine && eight.sign > one.sign, JSON.stringify([one, eight]));
  for (const { sign, magnitude, cosine } of study.samples) {
    assert.ok(sign > 0 && sign < 1 && magnitude > 0 && magnitude < 1 && cosine > 0 && cosine < 1);
  }
  assert.equal(Object.keys(one.importances).length, Object.keys(study.reference.importances).length);
  assert.deepEqual((await studyGradients(request, '')).samples, study.samples);
  // the first N batches are those of a shorter study too, and a sample that is the reference has similarity 1
  const shorter = await studyGradients({ ...request, counts: [2], reference: 2 }, '');
  const { importances, ...same } = shorter.samples[0];
  const names = Object.keys(study.samples[1].importances);
  assert.deepEqual(Object.keys(importances), names);
  // few batches run eagerly, more of them as a graph, whose sums run in another order
  const of = (all: Readonly<Record<string, number>>) => names.map((name) => all[name]);
  assertClose(of(importances), of(study.samples[1].importances), 1e-6, 'importances of two batches');
  assertClose([same.sign, same.magnitude, same.cosine], [1, 1, 1], 1e-6, 'the reference itself');
});

test('the reference is the whole pass by default, holds the samples and fits into the data', async () => {
  assert.equal((await studyGradients({ ...request, reference: undefined }, '')).reference.batches, 12);
  const { samples } = await studyGradients({ task: 'toy', seed: 1, set: { examples: 96 } }, '');
  assert.deepEqual(
    samples.map(({ batches }) => batches),
    [1, 2, 4],
    'powers of two up to half of the 12 batches',
  );
  await assert.rejects(studyGradients({ ...request, reference: 13 }, ''), /13 batches is more than the data has: 12/);
  await assert.rejects(studyGradients({ ...request, reference: 4 }, ''), /at least the 8 batches .* not 4/);
  await assert.rejects(studyGradients({ ...request, counts: [4, 2] }, ''), /rising/);
});

test('a study is a file; what is not one is named', async (t) => {
  const dir = tempDir(t);
  const study = await studyGradients(request, '');
  const path = writeGradientStudy(dir, study);
  assert.equal(path, join(dir, 'gradients-toy-s1.json'));
  assert.deepEqual(readGradientStudies(dir), [study]);
  assert.deepEqual(readGradientStudies(join(dir, 'none')), []);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"cosine"', '"cos"'));
  const broken =
    /gradients-toy-s1\.json is not a gradient study: field "samples\.0.*Delete it, and the study is made again/;
  assert.throws(() => readGradientStudies(dir), broken);
  rmSync(path);
  writeFileSync(join(dir, 'gradients-toy-s2.json'), JSON.stringify(study));
  assert.throws(() => readGradientStudies(dir), /holds the study gradients-toy-s1, not gradients-toy-s2/);
});

test('a study answers the request that made it and no other', async () => {
  const study = await studyGradients(request, '');
  assert.ok(answers(study, request));
  const others: Partial<typeof request>[] = [
    { seed: 2 },
    { counts: [1, 2] },
    { counts: undefined },
    { reference: 11 },
    { reference: undefined },
    { set: { examples: 95 } },
    { set: { ...request.set, noise: 2 } as typeof request.set },
    { set: { ...request.set, batch: 4 } as typeof request.set },
    { set: { ...request.set, targets: 'q' } as typeof request.set },
  ];
  for (const other of others) assert.ok(!answers(study, { ...request, ...other }), JSON.stringify(other));
  const q = await studyGradients({ ...request, set: { ...request.set, targets: 'q' } as typeof request.set }, '');
  assert.deepEqual(Object.keys(q.reference.importances), ['blocks.0.attn.q']);
  assert.match(gradientStudyTable([q]).title, /toy, layers q, against 96 examples/);
  assert.throws(() => gradientStudyTable([study, { ...q, seed: 2 }]), /targets all.* and .*targets q/);
});

test('settings without effect on a study are refused; the committed studies answer the command that made them', async () => {
  for (const set of [{ steps: 5 }, { lr: 1 }, { base: 'nf4' }]) {
    await assert.rejects(
      studyGradients({ task: 'toy', seed: 1, set }, ''),
      /"(steps|lr|base)" has no effect on a grad/,
    );
  }
  const studies = readGradientStudies(resultsFolder('records', 'gradients'));
  assert.ok(studies.length > 0);
  for (const study of studies) {
    assert.ok(answers(study, { task: 'glyphs', seed: study.seed, set: { shots: 320 } }));
    assert.ok(!answers(study, { task: 'glyphs', seed: study.seed, set: { shots: 320, targets: 'q' } }));
  }
});

test('table and chart: mean ± sd over seeds, the reference in the title, ids to trace', async () => {
  const studies = [await studyGradients(request, ''), await studyGradients({ ...request, seed: 2 }, '')];
  const table = gradientStudyTable(studies);
  assert.equal(table.rows.length, 3);
  const cosine = studies.map(({ samples }) => samples[2].cosine);
  const [mean, , n] = table.rows[2][4].numbers as number[];
  assertClose([mean, n], [(cosine[0] + cosine[1]) / 2, 2], 1e-12, 'mean over seeds');
  assert.deepEqual(table.rows[2][4].records, ['gradients-toy-s1', 'gradients-toy-s2']);
  assert.match(table.title, /96 examples/);
  const figure = gradientStudyChart(studies);
  assert.deepEqual(figure.data[0].x, [1, 2, 8]);
  const other = { ...studies[0], batch: 4 };
  assert.throws(() => gradientStudyTable([studies[0], other]), /of one task and size/);
  assert.throws(() => gradientStudyTable([]), /not none/);
});

/** Which backend starts, what is refused, and what a person is told. Each start needs a process of its own. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { projectRoot } from '../../src/project';
import { backendInfo, startBackend } from '../../src/tensor/backend';
import { ensureBinding } from '../../src/tensor/native';
import { freshProject, lendNative, runFresh } from '../setup/project';

const ROOT = projectRoot();
const START = `const { startBackend, backendInfo } = require('./src/tensor/backend');`;
const PRINT = `${START} startBackend().then((info) => console.log(JSON.stringify(info)), (e) => { console.log(e.name + ': ' + e.message); process.exitCode = 1; });`;

function hasNative(t: TestContext): boolean {
  const has = ensureBinding() !== 'missing';
  if (!has) t.skip('native TensorFlow not built here: npm run setup');
  return has;
}

test('an unknown backend is refused by name, from the argument and from the environment', async () => {
  const before = process.env.GORA_BACKEND;
  try {
    delete process.env.GORA_BACKEND;
    await assert.rejects(startBackend('tpu' as never), { name: 'UserError', message: /unknown backend "tpu".*native/ });
    process.env.GORA_BACKEND = 'cuda';
    await assert.rejects(startBackend(), { name: 'UserError', message: /GORA_BACKEND: unknown backend "cuda"/ });
    assert.throws(() => backendInfo(), { name: 'UserError', message: /await startBackend/ });
  } finally {
    if (before === undefined) delete process.env.GORA_BACKEND;
    else process.env.GORA_BACKEND = before;
  }
});

test('native multiplies exactly, and a second start returns the same answer', (t) => {
  if (!hasNative(t)) return;
  const child = runFresh(
    ROOT,
    `${START} const tf = require('@tensorflow/tfjs');
     (async () => {
       const [first, second] = await Promise.all([startBackend(), startBackend('native')]);
       const c = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5, 6], [7, 8]]));
       const clash = await startBackend('wasm').then(() => null, (e) => e.message);
       console.log(JSON.stringify({ same: first === second && first === backendInfo(), first, values: [...(await c.data())], clash }));
     })();`,
  );
  assert.equal(child.status, 0, child.stderr);
  const { same, first, values, clash } = JSON.parse(child.stdout);
  assert.ok(same);
  assert.equal(first.name, 'native');
  assert.equal(first.tfjsBackend, 'tensorflow');
  assert.match(first.versions.tensorflow, /^\d+\.\d+\.\d+/);
  assert.deepEqual(values, [19, 22, 43, 50]);
  assert.match(clash, /already runs on native/);
});

test('native loads where util.isNullOrUndefined is gone (Node 23 and later)', (t) => {
  if (!hasNative(t)) return;
  const child = runFresh(
    ROOT,
    `delete require('node:util').isNullOrUndefined; ${START} const tf = require('@tensorflow/tfjs');
     startBackend('native').then(() => console.log(JSON.stringify([...tf.sum(tf.ones([2, 3]), 1).dataSync()])));`,
  );
  assert.equal(child.status, 0, child.stderr);
  assert.deepEqual(JSON.parse(child.stdout), [3, 3]);
});

for (const name of ['wasm', 'cpu']) {
  test(`GORA_BACKEND=${name} runs ${name} and nothing else, without tfjs's banner`, () => {
    const child = runFresh(
      ROOT,
      `${START} const tf = require('@tensorflow/tfjs'); startBackend().then(async (info) => {
         console.log(JSON.stringify({ info, now: tf.getBackend(), sum: (await tf.add([1, 2], [3, 4]).data())[1] })); });`,
      { GORA_BACKEND: name },
    );
    assert.equal(child.status, 0, child.stderr);
    const { info, now, sum } = JSON.parse(child.stdout);
    assert.equal(info.name, name);
    assert.equal(now, name);
    assert.equal(info.versions.tensorflow, null);
    assert.deepEqual(info.notes, []);
    assert.equal(sum, 6);
    assert.doesNotMatch(child.stderr, /Hi, looks like/);
  });
}

test('without a native build the next best runs, and the note names what would mend it', (t) => {
  const root = freshProject(t);
  const child = runFresh(root, PRINT);
  assert.equal(child.status, 0, child.stderr + child.stdout);
  const info = JSON.parse(child.stdout);
  assert.equal(info.name, 'wasm');
  assert.equal(info.notes.length, 1);
  assert.match(info.notes[0], /^native does not run: libtensorflow is not built.*npm run setup/);

  const forced = runFresh(root, PRINT, { GORA_BACKEND: 'native' });
  assert.equal(forced.status, 1);
  assert.match(forced.stdout, /^UserError: backend native cannot run: .*npm run setup/);
});

test('WebGPU is refused with the command that adds it when its packages are not installed', (t) => {
  const child = runFresh(freshProject(t), PRINT, { GORA_BACKEND: 'webgpu' });
  assert.equal(child.status, 1);
  assert.match(child.stdout, /^UserError: backend webgpu cannot run.*npm i --no-save webgpu/);
});

test('a build kept in .native/ is linked again after npm ci, and says so once', (t) => {
  const root = freshProject(t);
  if (!lendNative(root)) {
    t.skip('native TensorFlow not kept here: npm run setup');
    return;
  }
  const first = JSON.parse(runFresh(root, PRINT).stdout);
  assert.equal(first.name, 'native');
  assert.match(first.notes[0], /\.native\//);
  const second = JSON.parse(runFresh(root, PRINT).stdout);
  assert.equal(second.name, 'native');
  assert.deepEqual(second.notes, []);
});

/** Interrupting cells: what they run stops, what was finished stays. Real kernels, real signals. */
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { readRecords } from '../../src/experiments/store';
import { projectRoot } from '../../src/project';
import { type Answer, KernelClient, shown } from './kernel-client';
import { projectTempDir } from './support';

/** Longest time from an interrupt to the reply: two seconds, and room for a busy machine. */
const promptly = 3500;

function assertInterrupted({ reply, messages, delay }: Answer & { delay: number }): void {
  assert.equal(reply?.status, 'error', JSON.stringify(messages));
  assert.equal(reply?.ename, 'Interrupted', reply?.evalue);
  const published = messages.find(([type]) => type === 'error')?.[1];
  assert.deepEqual(published?.ename, 'Interrupted');
  assert.ok(delay < promptly, `${delay} ms`);
}

const spin = 'exports.spin = () => { for (;;) {} };';

test('an interrupt ends a loop wherever it runs, keeps the names that have a value, and the kernel goes on', async (t) => {
  const folder = projectTempDir(t);
  fs.writeFileSync(path.join(folder, 'spin.js'), spin);
  const kernel = await KernelClient.start(t, folder);
  await kernel.execute('let value = 1; const helper = () => { let n = 0; while (n >= 0) n = n + 1 - 1; };');
  const loops: [what: string, code: string][] = [
    ['at the top of a cell', 'console.log("go"); while (true) {}'],
    ['after an await', 'await null; console.log("go"); for (;;) ;'],
    ['after a timer', 'await new Promise((r) => setTimeout(r, 50)); console.log("go"); do { value++; } while (true);'],
    ['in a function of an earlier cell', 'await new Promise((r) => setTimeout(r, 50)); console.log("go"); helper();'],
    ['that catches errors', 'await null; console.log("go"); for (;;) { try { await null; } catch {} }'],
    ['in a callback of a timer', 'await new Promise(() => setTimeout(() => { console.log("go"); for (;;) {} }, 50));'],
    ['in code of a package', 'const { spin } = require("./spin.js"); console.log("go"); spin();'],
    ['in code of a package, after an await', 'await null; console.log("go"); require("./spin.js").spin();'],
    ['nowhere, for it only waits', 'console.log("go"); await new Promise(() => {});'],
  ];
  for (const [index, [what, code]] of loops.entries()) {
    const name = `before${index}`;
    assertInterrupted(await kernel.interrupted(`const ${name} = ${index}; ${code} const after${index} = 1;`));
    assert.equal(shown(await kernel.execute(`[${name}, typeof value]`)), `[ ${index}, 'number' ]`, what);
    const later = await kernel.execute(`after${index}`);
    assert.match(later.reply?.evalue, /Cannot find name 'after/, 'a name without a value is not there');
  }
});

test('a cell that failed leaves the names it gave values to, and earlier values to the others', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  await kernel.execute('const kept = "old"; const changed = 1; class Old { x = 1 }');
  const failed = await kernel.execute(
    'import * as path from "node:path";\ninterface Row { n: number }\nconst rows: Row[] = [{ n: 1 }];\n' +
      'const changed = "two", { a, b: [c] } = { a: 1, b: [2] };\nthrow new Error("stop");\n' +
      'const kept = 3, lost = 4;\nclass Old { y = 2 }\nfunction late() {}',
  );
  assert.equal(failed.reply?.evalue, 'stop');
  const text =
    'const more: Row = { n: 2 }; JSON.stringify([path.basename("/x/y"), rows.length, changed, a, c, kept, new Old().x, more.n])';
  assert.equal(shown(await kernel.execute(text)), '\'["y",1,"two",1,2,"old",1,2]\'');
  for (const name of ['lost', 'late']) {
    assert.match((await kernel.execute(name)).reply?.evalue, new RegExp(`Cannot find name '${name}'`));
  }
  const refused = await kernel.execute('const kept: number = "x";');
  assert.equal(refused.reply?.ename, 'TypeScriptError');
  assert.equal(shown(await kernel.execute('kept')), "'old'", 'a cell that was not run changes nothing');
});

const source = (...parts: string[]) => JSON.stringify(path.join(projectRoot(), ...parts));
const kit = `
const { registerTask } = require(${source('src', 'data', 'tasks')});
const { runExperiment } = require(${source('src', 'experiments', 'run')});
const { toyTask } = require(${source('tests', 'support', 'toy-task')});
const { startBackend } = require(${source('src', 'tensor', 'backend')});
const tf = require('@tensorflow/tfjs');
registerTask(toyTask);
await startBackend();
(globalThis as any).steps = 0;
const onProgress = () => { (globalThis as any).steps++; };
`;

test('an interrupt stops runExperiment; runs that were finished can be read in later cells', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  assert.equal((await kernel.execute(kit)).reply?.status, 'ok');
  const answer = await kernel.interrupted(`
const records: { status: string }[] = [];
for (const seed of [1, 2, 3]) {
  const set = { steps: seed === 1 ? 4 : 1_000_000 };
  const show = () => { onProgress(); if (seed === 2) console.log('go'); };
  const record = await runExperiment({ task: 'toy', method: 'lora', seed, set }, { dataDir: '.', onProgress: show });
  records.push(record);
}`);
  assertInterrupted(answer);
  assert.equal(shown(await kernel.execute('records.map(({ status }) => status)')), "[ 'completed' ]");
  const count = '(globalThis as any).steps';
  const before = Number(shown(await kernel.execute(count)));
  assert.ok(before > 4);
  await new Promise((done) => setTimeout(done, 1000));
  assert.equal(Number(shown(await kernel.execute(count))), before, 'nothing trains on in the background');
  const again = await kernel.execute(
    "(await runExperiment({ task: 'toy', method: 'gora', seed: 1, set: { steps: 3 } }, { dataDir: '.' })).status",
  );
  assert.equal(shown(again), "'completed'", 'and the next run is not stopped');
});

test('an interrupt of a comparison leaves its finished runs on disk, and the one that was stopped as cancelled', async (t) => {
  const folder = projectTempDir(t);
  const kernel = await KernelClient.start(t, folder);
  await kernel.execute(`${kit}\nconst { runPlan } = require(${source('src', 'experiments', 'plan-runs')});`);
  const answer = await kernel.interrupted(`
const plan = {
  name: 'p', title: 'p', track: 'cost', task: 'toy', variants: [{ label: 'lora', method: 'lora', set: { rank: 2 } }],
  cases: [{ label: 'a' }, { label: 'b', set: { steps: 1_000_000 } }], seeds: [1, 2], grid: [], tuningSeed: 9,
  set: { steps: 3 },
};
let now = '';
await runPlan(plan, { records: 'records', dataDir: '.', onRun: (label: string) => { now = label; },
  onProgress: () => { if (now.startsWith('b')) console.log('go'); } });`);
  assertInterrupted(answer);
  const statuses = readRecords(path.join(folder, 'records')).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), ['cancelled', 'completed', 'completed']);
  assert.match(shown(await kernel.execute('now')) ?? '', /^'b lora/);
});

test('an interrupt reaches gradient estimation, which never yields, and leaves no tensors behind', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  const prepared = await kernel.execute(`${kit}
const { estimateGradients } = require(${source('src', 'methods', 'gradients')});
const { Random } = require(${source('src', 'tensor', 'random')});
const { model, train } = await toyTask.load({ noise: 1, examples: 48 }, { dataDir: '.', model: '', random: new Random(1) });
function* batches() { for (let i = 0; ; i++) { const b = train.batch([i % 48]); try { if (i === 3) console.log('go'); yield b; } finally { tf.dispose(b); } } }
estimateGradients(model, model.linears, batches(), { batches: 2 });
const { numTensors } = tf.memory();`);
  assert.equal(prepared.reply?.status, 'ok', JSON.stringify(prepared.reply));
  assertInterrupted(await kernel.interrupted('estimateGradients(model, model.linears, batches(), { batches: 1e9 });'));
  assert.equal(shown(await kernel.execute('tf.memory().numTensors - numTensors')), '0');
});

test('code of a cell that was given up does not go on when what it awaited comes', async (t) => {
  const kernel = await KernelClient.start(t, projectTempDir(t));
  assertInterrupted(
    await kernel.interrupted(
      'async function inside() { await new Promise((r) => setTimeout(r, 2500)); (globalThis as any).went = 1; }\n' +
        'console.log("go"); await inside(); (globalThis as any).went = 2;',
    ),
  );
  await new Promise((done) => setTimeout(done, 2500));
  assert.equal(shown(await kernel.execute('String((globalThis as any).went)')), "'undefined'");
  const works = await kernel.execute('await inside(); (globalThis as any).went');
  assert.equal(shown(works), '1', 'a function of that cell works in another');
});

/** Initial adapters: what a run would begin with, in both forms where the base is shifted. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { type InitOptions, initAdapter } from '../../src/experiments/init-adapter';
import { costText, type InitCost } from '../../src/experiments/init-cost';
import { evaluateAdapter, mergeAdapter } from '../../src/experiments/use-adapter';
import { inspectPath } from '../../src/formats/inspect';
import { readSafetensors } from '../../src/formats/safetensors';
import { startBackend } from '../../src/tensor/backend';
import { tempDir } from '../support/temp';
import { tinyData } from '../support/tiny-data';

before(() => startBackend());

const SMALL = { context: 16, trainWindows: 16, evalWindows: 2, batch: 4, rank: 2 };
const request = (method: string, set: Record<string, unknown> = {}) => ({
  task: 'shakespeare',
  method,
  seed: 1,
  set: Object.fromEntries(Object.entries({ ...SMALL, ...set }).filter(([, value]) => value !== undefined)),
});

function options(t: Parameters<typeof tempDir>[0], more: Partial<InitOptions> = {}) {
  return { dataDir: tinyData(t), folder: join(tempDir(t), 'init'), ...more };
}

const evaluation = { task: 'shakespeare', seed: 1, set: { context: 16, trainWindows: 16, evalWindows: 2 } };

test('GoRA: ranks in the pattern, a change that is not zero, a line about the cost before', async (t) => {
  const plans: InitCost[] = [];
  const batches: number[] = [];
  const chosen = options(t, { onPlan: (cost) => plans.push(cost), onBatch: (done) => batches.push(done) });
  const result = await initAdapter(request('gora', { gradientBatches: 2 }), chosen);
  assert.equal(result.doubled, false);
  assert.equal(result.batches, 2);
  assert.deepEqual(batches, [1, 2]);
  const { layers, odd, facts } = inspectPath(chosen.folder);
  assert.deepEqual(odd, []);
  assert.deepEqual(Object.fromEntries(layers.map(({ name, rank }) => [name, rank])), result.ranks);
  assert.ok(layers.every(({ change }) => (change ?? 0) > 0));
  assert.ok(facts.some(([name, value]) => name === 'task_type' && value === 'CAUSAL_LM'));
  assert.equal(plans.length, 1);
  assert.ok(plans[0].sums > 0 && plans[0].copies === 0 && (plans[0].seconds ?? 0) > 0);
  assert.match(costText(plans[0]), /^needs \d+ MiB \(model .*sums over the batches .*up to 2 batches/);
});

test('the same request makes the same bytes', async (t) => {
  const bytes = async () => {
    const chosen = options(t);
    await initAdapter(request('lora-one', { gradientBatches: 2 }), chosen);
    return readFileSync(join(chosen.folder, 'adapter_model.safetensors'));
  };
  assert.ok((await bytes()).equals(await bytes()));
});

for (const method of ['pissa', 'olora', 'lora-ga']) {
  test(`${method}: twice the rank and no change over the base; or a shifted base, and both together are the base`, async (t) => {
    const set = method === 'lora-ga' ? { gradientBatches: 2 } : {};
    const plain = options(t);
    assert.equal((await initAdapter(request(method, set), plain)).doubled, true);
    const doubled = inspectPath(plain.folder);
    assert.ok(doubled.layers.every(({ rank, change }) => rank === 4 && (change ?? 1) < 1e-4));
    const shiftedBase = join(tempDir(t), 'base');
    const shifted = options(t, { shiftedBase, dataDir: plain.dataDir });
    const result = await initAdapter(request(method, set), shifted);
    assert.equal(result.doubled, false);
    assert.equal(result.shiftedBase, shiftedBase);
    const { layers } = inspectPath(shifted.folder);
    assert.ok(layers.every(({ rank, change }) => rank === 2 && (change ?? 0) > 1e-3));
    // the scale stays
    assert.ok(layers.every(({ scale }, i) => Math.abs((scale ?? 0) - (doubled.layers[i].scale ?? 1)) < 1e-9));
    // A of the plain form is the first half of the doubled one
    const tensor = (folder: string, name: string) =>
      readSafetensors(join(folder, 'adapter_model.safetensors')).tensors.get(name)?.data as Uint8Array;
    const name = `base_model.model.${layers[0].name}.lora_A.weight`;
    const half = tensor(shifted.folder, name);
    assert.deepEqual(half, tensor(plain.folder, name).slice(0, half.length));
    const untouched = join(tempDir(t), 'untouched');
    await mergeAdapter('stories260K', undefined, untouched, { dataDir: plain.dataDir });
    // a difference of the written bases, or the plain adapter would be no change
    const weight = (folder: string) => readFileSync(join(folder, 'model.safetensors'));
    assert.ok(!weight(untouched).equals(weight(shiftedBase)));
  });
}

test('nothing is written when the request does not make sense', async (t) => {
  const parent = tempDir(t);
  const folder = join(parent, 'x');
  const refuse = async (method: string, more: Partial<InitOptions>, message: RegExp, set = {}) => {
    await assert.rejects(initAdapter(request(method, set), options(t, { folder, ...more })), message);
    assert.deepEqual(readdirSync(parent), []);
  };
  await refuse('gora', { shiftedBase: join(parent, 'b') }, /GoRA leaves the base as it is: there is no shifted base/);
  await refuse('full', {}, /Full fine-tuning trains the weights themselves: there is no adapter to make/, {
    rank: undefined,
  });
  await refuse('pissa', { shiftedBase: folder }, /need two folders/);
  await refuse('lora', {}, /base nf4: an initial adapter is made from the float32 weights/, { base: 'nf4' });
  await refuse('lora', {}, /rank 99 does not fit/, { rank: 99 });
});

test('--portable turns the rows of q and k only, and is refused where nothing has to turn', async (t) => {
  const [own, portable] = [options(t), options(t, { portable: true })];
  for (const chosen of [own, portable])
    await initAdapter(request('lora-one', { gradientBatches: 1 }), { ...chosen, dataDir: own.dataDir });
  const tensors = (folder: string) => readSafetensors(join(folder, 'adapter_model.safetensors')).tensors;
  const [a, b] = [tensors(own.folder), tensors(portable.folder)];
  for (const [name, { data }] of a) {
    const same = Buffer.from(data).equals(Buffer.from(b.get(name)?.data ?? new Uint8Array()));
    assert.equal(same, !/[qk]_proj\.lora_B/.test(name), name);
  }
  const folder = join(tempDir(t), 'merged');
  await mergeAdapter('stories260K', undefined, folder, { dataDir: own.dataDir });
  const again = options(t, { portable: true });
  await assert.rejects(
    initAdapter({ ...request('lora'), model: folder }, { ...again, dataDir: own.dataDir }),
    /no tokenizer|portable as they are: leave --portable out/,
  );
  assert.ok(!existsSync(again.folder));
});

test('an adapter that changes nothing scores as the base does', async (t) => {
  const chosen = options(t);
  await initAdapter(request('olora'), chosen);
  const alone = await evaluateAdapter(evaluation, chosen.dataDir);
  const adapted = await evaluateAdapter({ ...evaluation, adapter: chosen.folder }, chosen.dataDir);
  assert.ok(
    Math.abs(alone.metrics.loss - adapted.metrics.loss) < 1e-5,
    `${alone.metrics.loss} ${adapted.metrics.loss}`,
  );
  assert.equal(adapted.examples, alone.examples);
});

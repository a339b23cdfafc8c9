import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseValue } from '../../src/experiments/options';
import { recordId, resolveSpec } from '../../src/experiments/spec';

const request = { task: 'shakespeare', method: 'gora', seed: 1 };

test('values of the command line become numbers, booleans or text', () => {
  assert.deepEqual(['8', '1e-3', 'true', 'false', 'sqrt', ''].map(parseValue), [8, 1e-3, true, false, 'sqrt', '']);
});

test('settings reach the group that knows them and defaults fill the rest', () => {
  const spec = resolveSpec({ ...request, set: { lr: 0.002, gamma: 0.08, context: 64 } });
  assert.equal(spec.training.lr, 0.002);
  assert.equal(spec.training.batch, 16); // the task's own
  assert.equal(spec.methodOptions.gamma, 0.08);
  assert.equal(spec.taskOptions.context, 64);
  assert.equal(spec.model, 'stories260K');
});

test('unknown names are refused with the list of what exists', () => {
  assert.throws(() => resolveSpec({ ...request, task: 'nope' }), /unknown task "nope"\. Tasks: .*shakespeare/s);
  assert.throws(() => resolveSpec({ ...request, method: 'nope' }), /unknown method "nope"\. Methods: .*lora-ga/s);
  assert.throws(() => resolveSpec({ ...request, model: 'kwt1' }), /no model "kwt1"\. Models: stories260K, babyllama/);
  assert.throws(() => resolveSpec({ ...request, set: { rnak: 4 } }), /unknown option "rnak".*method: rank, alpha/s);
});

test('values out of range name the option', () => {
  assert.throws(() => resolveSpec({ ...request, set: { lr: -1 } }), /option "lr"/);
  assert.throws(() => resolveSpec({ ...request, set: { rank: 0 } }), /option "rank"/);
  assert.throws(() => resolveSpec({ ...request, set: { steps: 1.5 } }), /option "steps"/);
  assert.throws(() => resolveSpec({ ...request, seed: 1.5 }), /seed must be an integer ≥ 0, not 1\.5/);
  assert.throws(() => resolveSpec({ ...request, seed: -1 }), /seed must be an integer/);
});

test('equal requests have equal ids, whatever the order of their settings; others differ', () => {
  const id = (set: Record<string, unknown>, seed = 1) => recordId(resolveSpec({ ...request, seed, set }));
  assert.equal(id({ lr: 0.01, gamma: 0.1 }), id({ gamma: 0.1, lr: 0.01 }));
  assert.notEqual(id({ lr: 0.01 }), id({ lr: 0.02 }));
  assert.match(id({}, 7), /^shakespeare-gora-s7-[0-9a-f]{8}$/);
});

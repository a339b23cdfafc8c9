/** Peak memory by phase: what is held, what was held at most, and what stays. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/tensor/backend';
import { liveTensorBytes, PeakMemory, peakResidentBytes, residentBytes } from '../../src/tensor/memory';

before(() => startBackend());

test('tensor bytes are counted exactly, by phase', () => {
  const start = liveTensorBytes();
  const memory = new PeakMemory();
  memory.begin('estimate');
  const kept = tf.zeros([256]);
  const large = tf.zeros([1024]);
  memory.sample();
  large.dispose();
  memory.begin('train');
  memory.sample();
  memory.end();
  memory.end();
  assert.deepEqual(Object.keys(memory.phases), ['estimate', 'train']);
  assert.equal(memory.phases.estimate!.tensors, start + 4 * (256 + 1024));
  assert.equal(memory.phases.estimate!.kept, 4 * 256);
  assert.equal(memory.phases.train!.tensors, start + 4 * 256);
  assert.equal(memory.phases.train!.kept, 0);
  assert.equal(memory.peak().tensors, start + 4 * (256 + 1024));
  kept.dispose();
  assert.equal(liveTensorBytes(), start);
});

test('resident memory is charged to the phase that took it', () => {
  const memory = new PeakMemory();
  memory.begin('small');
  memory.begin('large');
  const mebibytes = 128;
  const block = Buffer.alloc(mebibytes * 2 ** 20, 1);
  memory.end();
  assert.equal(block[block.length - 1], 1);
  const { small, large } = memory.phases;
  assert.ok(large!.resident >= residentBytes() * 0.5 && large!.resident <= peakResidentBytes());
  if (large!.exact)
    assert.ok(large!.resident - small!.resident > (mebibytes / 2) * 2 ** 20, JSON.stringify(memory.phases));
  else assert.ok(large!.resident >= small!.resident);
});

/** Interrupts: who hears them, and that every long piece of work does. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { Interrupted } from '../../src/errors';
import { openTask } from '../../src/experiments/open';
import { RunInterrupted, runExperiment } from '../../src/experiments/run';
import { estimateActivations } from '../../src/methods/activations';
import { adapt } from '../../src/methods/adapt';
import { estimateGradients } from '../../src/methods/gradients';
import { allMethods, findMethod } from '../../src/methods/registry';
import { generateBatch } from '../../src/models/generate';
import type { Decoder, Net } from '../../src/models/model';
import { baseNet, disposeModel } from '../../src/models/params';
import {
  attendInterrupts,
  currentCheck,
  currentSignal,
  interrupted,
  interruptible,
  interruptScope,
  onInterrupt,
} from '../../src/processes/interrupt';
import { startSentry } from '../../src/processes/sentry';
import { registerTask } from '../../src/tasks';
import { fitHeadByProbe } from '../../src/tasks/kinds/classify';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';
import { families, measured, smallOptions } from '../support/models';
import { toyTask } from '../support/toy-task';

before(async () => {
  await startBackend();
  registerTask(toyTask);
});

/** A scope that is closed with the test. */
function scopeOf(t: TestContext) {
  const scope = interruptScope();
  t.after(() => scope.end());
  return scope;
}

test('an interrupt is for the current scope alone, and is over when that ends', () => {
  interruptible();
  assert.equal(currentSignal(), undefined);
  const outer = interruptScope();
  const inner = interruptScope();
  assert.equal(currentSignal(), inner.signal);
  inner.interrupt();
  inner.interrupt();
  assert.ok(interrupted());
  assert.throws(interruptible, Interrupted);
  inner.end();
  inner.end();
  assert.equal(currentSignal(), outer.signal);
  assert.equal(interrupted(), false);
  interruptible();
  outer.end();
  outer.interrupt();
  assert.equal(outer.signal.aborted, false, 'a scope that has ended cannot be interrupted');
  assert.equal(interrupted(), false);
});

test('work of a scope that was given up is stopped while another scope is the current one, which goes on', () => {
  const given = interruptScope();
  const check = currentCheck();
  given.interrupt();
  const next = interruptScope();
  interruptible();
  assert.throws(check, Interrupted);
  currentCheck()();
  given.end();
  check();
  next.end();
});

test('a signal that comes while the thread computes is heard by the loop itself', async (t) => {
  const sentry = await startSentry({ interrupts: 'every' });
  t.after(() => sentry.stop());
  const scope = scopeOf(t);
  const listened: number[] = [];
  const forget = onInterrupt(() => {
    listened.push(1);
    scope.interrupt();
  });
  t.after(forget);
  process.kill(process.pid, 'SIGINT');
  const end = Date.now() + 20_000;
  assert.throws(() => {
    while (Date.now() < end) interruptible();
  }, Interrupted);
  assert.deepEqual(listened, [1]);
  assert.equal(attendInterrupts(), false, 'it was heard');
});

/** Batches without end; the fourth asks for an interrupt. */
function* batches(of: (number: number) => Batch, interrupt: () => void): Generator<Batch> {
  for (let i = 0; ; i++) {
    if (i === 3) interrupt();
    const batch = of(i);
    try {
      yield batch;
    } finally {
      tf.dispose(batch);
    }
  }
}

const family = families.find(({ name }) => name === 'decoder')!;

/** Does work that interrupts itself, and must end by that, with all its tensors freed. */
async function ends(t: TestContext, work: (interrupt: () => void) => unknown): Promise<void> {
  const scope = scopeOf(t);
  const tensors = tf.memory().numTensors;
  await assert.rejects(async () => work(() => scope.interrupt()), Interrupted);
  assert.equal(tf.memory().numTensors, tensors);
}

test('the estimation of gradients ends', async (t) => {
  const model = family.make();
  t.after(() => disposeModel(model));
  await ends(t, (interrupt) => estimateGradients(model, model.linears, batches(family.batch, interrupt)));
});

test('the estimation of activations ends', async (t) => {
  const model = family.make();
  t.after(() => disposeModel(model));
  const options = { rank: 2, rho: 2, tau: 2 };
  await ends(t, (i) => estimateActivations(model, model.linears, batches(family.batch, i), options));
});

/** A net that interrupts at its `nth` use of a weight. */
function interrupting(net: Net, nth: number, interrupt: () => void): Net {
  let uses = 0;
  const count = () => {
    uses += 1;
    if (uses === nth) interrupt();
  };
  return {
    get: (name) => net.get(name),
    linear: (name, x) => {
      count();
      return net.linear(name, x);
    },
  };
}

test('generation ends', async (t) => {
  const model = family.make() as Decoder;
  t.after(() => disposeModel(model));
  await ends(t, (interrupt) => generateBatch(model, interrupting(baseNet(model), 20, interrupt), [[1], [2, 3]], 8));
});

test('evaluation and the fit of a head end', async (t) => {
  const request = { task: 'toy', model: 'toy-encoder', taskOptions: { noise: 1, examples: 48 } };
  const task = await openTask(request, '.', new Random(1));
  t.after(() => disposeModel(task.model));
  const many = {
    ...task.test,
    size: 100_000,
    batch: (indices: readonly number[]) => task.test.batch(indices.map((i) => i % 30)),
  };
  await ends(t, (interrupt) => task.evaluate(interrupting(baseNet(task.model), 20, interrupt), many));
  await ends(t, (interrupt) => {
    interrupt();
    return fitHeadByProbe(task.model, task.train);
  });
});

// Those that factorise every layer take longest.
for (const name of ['pissa', 'lora-ga', 'lora-one']) {
  test(`the start of ${name} ends`, async (t) => {
    assert.ok(allMethods().some((method) => method.name === name));
    const method = findMethod(name);
    const model = family.make();
    t.after(() => disposeModel(model));
    const taken = measured(family, model);
    await ends(t, (interrupt) => {
      interrupt();
      return adapt(model, method, smallOptions(method), taken, { random: new Random(1) });
    });
  });
}

const request = { task: 'toy', method: 'gora', seed: 1, set: { steps: 50, evalEvery: 0 } };

test('a run that an interrupt stops throws with a record that says how far it came', async (t) => {
  const scope = scopeOf(t);
  const tensors = tf.memory().numTensors;
  const run = runExperiment(request, { dataDir: '.', onProgress: ({ step }) => step === 3 && scope.interrupt() });
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof RunInterrupted && error instanceof Interrupted);
    assert.equal(error.record.status, 'cancelled');
    assert.deepEqual(error.record.curve.step, [1, 2, 3]);
    return true;
  });
  assert.equal(tf.memory().numTensors, tensors);
});

test('a run stops before it trains when the interrupt comes while it measures', async (t) => {
  const scope = scopeOf(t);
  const tensors = tf.memory().numTensors;
  const onOpened = () => scope.interrupt();
  await assert.rejects(runExperiment(request, { dataDir: '.', onOpened }), RunInterrupted);
  assert.equal(tf.memory().numTensors, tensors);
});

test('a run that its caller stops returns the record', async () => {
  const stop = new AbortController();
  const onProgress = ({ step }: { step: number }) => step === 2 && stop.abort();
  const record = await runExperiment(request, { dataDir: '.', signal: stop.signal, onProgress });
  assert.equal(record.status, 'cancelled');
  assert.deepEqual(record.curve.step, [1, 2]);
});

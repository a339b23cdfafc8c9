/** Settings under which a step would be no step: each is refused, by name and with its rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { resolveSpec } from '../../src/experiments/spec';
import { allMethods } from '../../src/methods/registry';
import { trainingSchema } from '../../src/training/options';

const glyphs = (method: string, set: Record<string, unknown>, seed: unknown = 1) =>
  resolveSpec({ task: 'glyphs', method, seed: seed as number, set });

const refused: [set: Record<string, unknown>, message: RegExp][] = [
  [{ beta1: 1 }, /option "beta1": β must be below 1: at 1 the bias correction/],
  [{ beta2: 1 }, /option "beta2": β must be below 1/],
  [{ beta1: 1 - 1e-17 }, /option "beta1": β must be below 1/], // is 1
  [{ beta2: -0.1 }, /option "beta2"/],
  [{ lr: 0 }, /option "lr"/],
  [{ lr: 1e-46 }, /option "lr": must lie within float32/], // 0 in float32
  [{ lr: 1e39 }, /option "lr": must lie within float32/], // infinite in float32
  [{ headLr: 1e-46 }, /option "headLr"/],
  [{ loraPlusRatio: 1e-46 }, /option "loraPlusRatio": must lie within float32/],
  [{ epsilon: 1e-46 }, /option "epsilon": must lie within float32/],
  [{ epsilon: 0 }, /option "epsilon"/],
  [{ lr: 0.01, weightDecay: 100 }, /option "weightDecay": lr·weightDecay is 1\.00 and must be below 1/],
  [{ lr: 0.01, loraPlusRatio: 16, weightDecay: 10 }, /lr·weightDecay is 1\.60/],
  [{ lr: 0.01, headLr: 2, weightDecay: 1 }, /lr·weightDecay is 2\.00/],
  [{ clip: 1e-8 }, /option "clip": 1e-8 must be above epsilon 1e-8/],
  [{ epsilon: 2 }, /option "clip": 1 must be above epsilon 2/],
  [{ warmup: 1.01 }, /option "warmup"/],
  [{ minLr: 2 }, /option "minLr"/],
  [{ batch: 0 }, /option "batch"/],
  [{ steps: -1 }, /option "steps"/],
  [{ alpha: 1e-46 }, /option "alpha": must lie within float32/],
  [{ rank: 0 }, /option "rank"/],
];
for (const [set, message] of refused) {
  test(`refuses ${JSON.stringify(set)}`, () => {
    assert.throws(
      () => glyphs('lora', set),
      (error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test('takes what only looks odd: no warm-up, no clipping, a still head, β of 0, no step', () => {
  const odd = { warmup: 0, clip: 0, headLr: 0, beta1: 0, beta2: 0, steps: 0, lr: 1e38, minLr: 1, epsilon: 1e-9 };
  for (const [key, value] of Object.entries(odd)) assert.equal(glyphs('lora', odd).training[key], value);
  assert.equal(trainingSchema.parse({ lr: 0.01, weightDecay: 99 }).weightDecay, 99);
});

test('every method refuses the same values of the options it shares with others', () => {
  const bad: Record<string, unknown[]> = {
    rank: [0, -1, 1.5, '8'],
    alpha: [0, -1, 1e-46, 1e39, Number.NaN],
    gradientBatches: [0, 1.5],
    gamma: [-1],
    stableGamma: [0, 1e-46],
    iterations: [-1],
    beta1: [1],
    beta2: [1],
  };
  for (const method of allMethods()) {
    const own = Object.keys(method.options.parse({}) as object);
    for (const [key, values] of Object.entries(bad)) {
      for (const value of own.includes(key) ? values : []) {
        const { success } = method.options.safeParse({ [key]: value });
        assert.equal(success, false, `${method.name}: ${key} ${value}`);
      }
    }
  }
});

test('a base in 4 bits is refused by methods that train it, before anything is loaded', () => {
  for (const method of ['full', 'full-targets']) {
    assert.throws(() => glyphs(method, { base: 'nf4' }), /trains the base weights, and NF4 weights cannot be trained/);
  }
  assert.equal(glyphs('dora', { base: 'nf4' }).training.base, 'nf4');
});

test('a seed follows one rule, and the message says what was found', () => {
  assert.throws(() => glyphs('lora', {}, '1'), /seed must be an integer ≥ 0, not the text "1": give a number$/);
  assert.throws(() => glyphs('lora', {}, -1), /seed must be an integer ≥ 0, not -1$/);
  assert.throws(() => glyphs('lora', {}, Number.NaN), /seed must be an integer ≥ 0, not NaN$/);
  assert.throws(() => glyphs('lora', {}, 2 ** 53), /seed must be an integer below 2⁵³, not 9007199254740992$/);
  assert.equal(glyphs('lora', {}, 2 ** 53 - 1).seed, 2 ** 53 - 1);
});

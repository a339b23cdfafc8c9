/** The plans of the ablations: every run resolves, no two variants are the same run, the parts are what they say. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { gridOf, type Plan } from '../../src/experiments/plan';
import { findPlan } from '../../src/experiments/plans';
import { goraAblations } from '../../src/experiments/plans/ablations-gora';
import { loraGaAblations } from '../../src/experiments/plans/ablations-lora-ga';
import { convergencePlans } from '../../src/experiments/plans/convergence';
import { rankPlans } from '../../src/experiments/plans/rank-distribution';
import { recordId, resolveSpec } from '../../src/experiments/spec';
import { importanceNames } from '../../src/methods/gora/importance';
import { findMethod } from '../../src/methods/registry';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { attachTo, families } from '../support/models';

before(() => startBackend());

const plans = [...goraAblations, ...loraGaAblations, ...convergencePlans, ...rankPlans];

/** Ids of the runs of one seed, by case and variant. */
function idsOf(plan: Plan, seed: number, lr?: number): Map<string, string> {
  return new Map(
    plan.cases.flatMap((where) =>
      plan.variants.map((variant) => {
        const set = { ...plan.set, ...where.set, ...variant.set, ...(lr === undefined ? {} : { lr }) };
        const spec = resolveSpec({ task: where.task ?? plan.task, method: variant.method, seed, set });
        return [`${where.label}/${variant.label}`, recordId(spec)] as const;
      }),
    ),
  );
}

for (const plan of plans) {
  test(`${plan.name}: every run has options that exist, and no two are the same`, () => {
    const tuned = plan.variants.some((variant) => gridOf(plan, variant).length > 0);
    const ids = [...idsOf(plan, 1, tuned ? 1e-3 : undefined).values()];
    assert.equal(new Set(ids).size, ids.length, ids.join(' '));
  });
}

test('the paper’s own setting is one run in all plans, shared with the first comparison', () => {
  const first = idsOf(findPlan('glyphs'), 1, 3e-3).get('glyphs/gora');
  for (const [name, label] of [
    ['gora-ranks', 'ranks 4–32'],
    ['gora-gamma', 'γ = 0.05'],
    ['gora-importance', 'union-mean'],
    ['gora-batches', 'N = 32'],
    ['gora-feature', '√(in+out)'],
  ]) {
    assert.equal(idsOf(findPlan(name), 1).get(`glyphs/${label}`), first, name);
  }
  assert.equal(idsOf(findPlan('gora-parts'), 1, 3e-3).get('glyphs/gora'), first);
  assert.equal(idsOf(findPlan('qgora'), 1, 3e-3).get('glyphs/gora'), first);
  assert.equal(idsOf(findPlan('gora-reference-rank'), 1, 3e-3).get('glyphs/GoRA, rank 8'), first);
  const ga = idsOf(findPlan('glyphs'), 2, 1e-3).get('glyphs/lora-ga');
  for (const [name, label] of [
    ['lora-ga-directions', 'ArB2r'],
    ['lora-ga-batches', 'N = 8'],
  ]) {
    assert.equal(idsOf(findPlan(name), 2).get(`glyphs/${label}`), ga, name);
  }
  assert.equal(idsOf(findPlan('learning-rates'), 2).get('lr 0.001/lora-ga'), ga);
});

test('every importance that GoRA knows is in the ablation', () => {
  assert.deepEqual(
    findPlan('gora-importance')
      .variants.map(({ label }) => label)
      .sort(),
    [...importanceNames].sort(),
  );
});

test('the two factors apart: neither is rsLoRA bit for bit, allocation alone has GoRA’s ranks and B = 0', async () => {
  const [mlp] = families;
  const start = async (method: string, options: Record<string, unknown>) => {
    const model = mlp.make();
    const adapters = attachTo(findMethod(method), mlp, model, options);
    const { layers } = await adapters.state!();
    adapters.dispose();
    disposeModel(model);
    return layers.map(({ rank, scale, A, B }) => ({ rank, scale, A: [...A.data], B: [...B.data] }));
  };
  const neither = await start('gora', { rank: 4, start: 'zero', allocation: 'uniform' });
  assert.deepEqual(neither, await start('rslora', { rank: 4 }));
  const gora = await start('gora', { rank: 4, minRank: 1, maxRank: 8 });
  assert.notEqual(gora[0].rank, gora[1].rank, 'the case needs unequal ranks');
  const allocated = await start('ls-lora', { rank: 4, minRank: 1, maxRank: 8 });
  assert.deepEqual(
    allocated.map(({ rank, scale, A }) => ({ rank, scale, A })),
    gora.map(({ rank, scale, A }) => ({ rank, scale, A })),
  );
  assert.ok(allocated.every(({ B }) => B.every((v) => v === 0)) && gora.every(({ B }) => B.some((v) => v !== 0)));
  const begun = await start('gora', { rank: 4, allocation: 'uniform' });
  assert.ok(begun.every(({ rank, B }) => rank === 4 && B.some((v) => v !== 0)));
  assert.equal(tf.memory().numTensors, 0);
});

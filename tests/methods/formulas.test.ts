/** Numbers that each method's paper fixes: scales, norms, directions, schedules. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import type { AdaptedLayer } from '../../src/formats/peft';
import { estimateActivations } from '../../src/methods/activations';
import { budgetAt, keepTriplets, prunesAt, type Schedule } from '../../src/methods/adalora-allocation';
import { adapt } from '../../src/methods/adapt';
import { distributeRanks } from '../../src/methods/eva';
import { directions } from '../../src/methods/lora-ga';
import { equivalentGradients, solveSylvester } from '../../src/methods/lora-pro';
import { findMethod } from '../../src/methods/registry';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import { gram, matMul, solveRight, svd, transpose } from '../../src/tensor/linalg';
import { Random } from '../../src/tensor/random';
import { AdamW } from '../../src/training/adamw';
import { assertClose } from '../support/close';
import { attachTo, families, measured } from '../support/models';

before(() => startBackend());

const [mlp] = families;

async function layersOf(name: string, options: Record<string, unknown>): Promise<readonly AdaptedLayer[]> {
  const model = mlp.make();
  const adapters = attachTo(findMethod(name), mlp, model, options);
  const { layers } = await adapters.state!();
  adapters.dispose();
  disposeModel(model);
  return layers;
}

/** Ranks and α, with the scales α/r and α/√r worked out by hand. */
const SCALED: readonly { rank: number; alpha: number; plain: number; stable: number }[] = [
  { rank: 1, alpha: 1, plain: 1, stable: 1 },
  { rank: 3, alpha: 16, plain: 5.33333333, stable: 9.23760431 },
  { rank: 4, alpha: 7.5, plain: 1.875, stable: 3.75 },
];
const SCALES: Readonly<Record<'plain' | 'stable', readonly string[]>> = {
  plain: ['lora', 'lora+', 'lora-fa', 'lora-pro', 'pissa', 'olora'],
  stable: ['rslora', 'lora-ga', 'lora-one', 'gora', 'ls-lora'],
};

for (const kind of ['plain', 'stable'] as const) {
  for (const name of SCALES[kind]) {
    test(`${name}: with B of ones a weight changes by ${kind === 'plain' ? 'α/r' : 'α/√r'} times the column sums of A`, async () => {
      for (const { rank, alpha, [kind]: scale } of SCALED) {
        const model = mlp.make();
        const uniform = /^(gora|ls-lora)$/.test(name) ? { allocation: 'uniform' } : {};
        const adapters = attachTo(findMethod(name), mlp, model, { rank, alpha, ...uniform });
        for (const { group, value } of adapters.trainable) if (group === 'B') value.assign(tf.onesLike(value));
        for (const { name: layer, A, B } of (await adapters.state!()).layers) {
          const [out, fanIn] = [B.shape[0], A.shape[1]];
          const sums = Array.from({ length: fanIn }, (_, i) => {
            let sum = 0;
            for (let k = 0; k < rank; k++) sum += A.data[k * fanIn + i];
            return scale * sum;
          });
          const change = adapters.delta(layer);
          const expected = Array.from({ length: out }, () => sums).flat();
          assertClose(change.dataSync(), expected, 1e-6, `${layer} at rank ${rank}`);
          change.dispose();
        }
        adapters.dispose();
        disposeModel(model);
      }
    });
  }
}

test('DoRA turns every row to W + α/r·B·A and keeps its length', async () => {
  const model = mlp.make();
  const weights = new Map(
    model.linears.map((layer) => [layer.name, model.params.get(layer.weight)!.dataSync().slice()]),
  );
  const adapters = attachTo(findMethod('dora'), mlp, model, { rank: 4, alpha: 7.5 });
  for (const { group, value } of adapters.trainable) if (group === 'B') value.assign(tf.onesLike(value));
  for (const { name: layer, A, B } of (await adapters.state!()).layers) {
    const [out, fanIn] = [B.shape[0], A.shape[1]];
    const change = adapters.delta(layer);
    const delta = change.dataSync();
    const before = weights.get(layer)!;
    for (let o = 0; o < out; o++) {
      const row = before.subarray(o * fanIn, (o + 1) * fanIn);
      const moved = Array.from(
        row,
        (w, i) => w + 1.875 * [0, 1, 2, 3].reduce((sum, k) => sum + A.data[k * fanIn + i], 0),
      );
      const stretch = Math.hypot(...row) / Math.hypot(...moved);
      const expected = moved.map((value, i) => stretch * value - row[i]);
      assertClose(delta.subarray(o * fanIn, (o + 1) * fanIn), expected, 1e-5, `${layer} row ${o}`);
    }
    change.dispose();
  }
  adapters.dispose();
  disposeModel(model);
});

test("EVA keeps the common rank's scale on layers of other ranks; AdaLoRA's is α/(r₀ + 1e-5)", async () => {
  for (const layer of await layersOf('eva', { rank: 2, alpha: 5 })) assert.equal(layer.scale, 2.5);
  for (const layer of await layersOf('adalora', { rank: 2, alpha: 5 })) {
    assert.equal(layer.rank, 3);
    assert.equal(layer.scale, 5 / 3.00001);
  }
});

test('LoRA+ groups by name, and B moves 16 times as far in the first step', () => {
  const model = mlp.make();
  const adapters = attachTo(findMethod('lora+'), mlp, model);
  for (const { name, group } of adapters.trainable) assert.equal(group, name.endsWith('.lora_B') ? 'B' : 'A');
  const ratio = findMethod('lora+').training?.loraPlusRatio as number;
  assert.equal(ratio, 16);
  const optimiser = new AdamW(adapters.trainable, {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    rates: { B: ratio },
  });
  const start = new Map(adapters.trainable.map(({ name, value }) => [name, value.dataSync().slice()]));
  const ones = Object.fromEntries(adapters.trainable.map(({ name, value }) => [name, tf.onesLike(value)]));
  optimiser.apply(ones, optimiser.scalars(1, 1e-3));
  for (const { name, group, value } of adapters.trainable) {
    const moved = start.get(name)![0] - value.dataSync()[0];
    assertClose([moved], [group === 'B' ? 16e-3 : 1e-3], 1e-3, name);
  }
  optimiser.dispose();
  adapters.dispose();
  disposeModel(model);
});

test('LoRA-GA, stable: ‖s·B·A‖ = s·√d_out·√r/γ', async () => {
  for (const direction of ['ArB2r', 'A2rBr', 'ArBr']) {
    for (const { name, rank, scale, A, B } of await layersOf('lora-ga', { rank: 3, direction, stableGamma: 64 })) {
      const [out, fanIn] = [B.shape[0], A.shape[1]];
      const product = matMul(B.data, A.data, out, rank, fanIn);
      const norm = Math.sqrt(product.reduce((sum, v) => sum + (scale * v) ** 2, 0));
      assertClose([norm], [(scale * Math.sqrt(out) * Math.sqrt(rank)) / 64], 1e-5, name);
    }
  }
});

test('LoRA-GA, random: A and B share out the 2r directions; in PEFT they take the same', () => {
  const take = directions({ direction: 'random', rank: 4, variant: 'paper' }, new Random(3));
  assert.deepEqual([...take.a, ...take.b].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  const same = directions({ direction: 'random', rank: 4, variant: 'peft' }, new Random(3));
  assert.deepEqual(same.a, same.b);
});

test("LoRA-GA, norm clip: no entry of the start exceeds the weight's largest", async () => {
  const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const model = mlp.make();
  const starts = async (normClip: boolean) =>
    new Map(
      (await layersOf('lora-ga', { rank: 3, scale: 'unit', alpha: 64, normClip })).map(({ name, A, B, scale }) => [
        name,
        largest(matMul(B.data, A.data, B.shape[0], 3, A.shape[1])) * scale,
      ]),
    );
  const [free, clipped] = [await starts(false), await starts(true)];
  for (const layer of model.linears) {
    const most = largest(model.params.get(layer.weight)!.dataSync());
    assert.ok(free.get(layer.name)! > most, 'the case needs clipping');
    assertClose([clipped.get(layer.name)!], [most], 1e-5, layer.name);
  }
  disposeModel(model);
});

test('LoRA-GA refuses a rank whose double does not fit', async () => {
  await assert.rejects(layersOf('lora-ga', { rank: 5 }), /2·rank ≤ min\(in, out\): rank 5 .* layers\.1 \[8, 12\]/);
});

test('GoRA and LoRA-One start downhill: ⟨ΔW₀, G⟩ < 0 in every layer', () => {
  for (const name of ['gora', 'lora-one']) {
    const model = mlp.make();
    const { gradients } = measured(mlp, model).gradients({ batches: 2 });
    const adapters = attachTo(findMethod(name), mlp, model);
    for (const layer of adapters.targets) {
      const delta = adapters.delta(layer.name);
      const gradient = gradients.get(layer.name)!;
      const inner = gradient.reduce((sum, g, i) => sum + g * delta.dataSync()[i], 0);
      assert.ok(inner < 0, `${name}: ${layer.name} ${inner}`);
      delta.dispose();
    }
    adapters.dispose();
    disposeModel(model);
  }
});

test('PiSSA: A and B hold the top singular values of W, and the base is left with the rest', async () => {
  const model = mlp.make();
  const spectra = new Map(
    model.linears.map((layer) => {
      const weight = model.params.get(layer.weight)!.dataSync() as Float32Array;
      return [layer.name, svd(weight, layer.out, layer.in).s];
    }),
  );
  const adapters = attachTo(findMethod('pissa'), mlp, model, { rank: 3, alpha: 16 });
  for (const layer of model.linears) {
    const spectrum = spectra.get(layer.name)!;
    const delta = adapters.delta(layer.name);
    const held = svd(delta.dataSync() as Float32Array, layer.out, layer.in).s;
    assertClose(held.subarray(0, 3), spectrum.subarray(0, 3), 1e-5, 'held');
    const rest = svd(model.params.get(layer.weight)!.dataSync() as Float32Array, layer.out, layer.in).s;
    assertClose(rest.subarray(0, spectrum.length - 3), spectrum.subarray(3), 1e-5, 'rest');
    delta.dispose();
  }
  adapters.dispose();
  disposeModel(model);
});

test('PiSSA: the randomised SVD comes to the exact start with enough power iterations', () => {
  const deltas = (options: object) => {
    const model = mlp.make();
    const adapters = attachTo(findMethod('pissa'), mlp, model, { rank: 2, ...options });
    const values = model.linears.map((layer) => {
      const delta = adapters.delta(layer.name);
      const copy = delta.dataSync().slice() as Float32Array;
      delta.dispose();
      return copy;
    });
    adapters.dispose();
    disposeModel(model);
    return values;
  };
  const exact = deltas({ svd: 'exact' });
  const randomised = deltas({ svd: 'randomised', iterations: 30 });
  exact.forEach((values, i) => {
    assertClose(randomised[i], values, 1e-3, `layer ${i}`);
  });
});

test('OLoRA: B has orthonormal columns, A is upper triangular, on tall and wide layers', async () => {
  for (const { name, rank, A, B } of await layersOf('olora', { rank: 3 })) {
    const [out, fanIn] = [B.shape[0], A.shape[1]];
    const identity = Float64Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) === 0 ? 1 : 0));
    assertClose(gram(transpose(B.data, out, rank), rank, out), identity, 1e-5, name);
    for (let i = 1; i < rank; i++) for (let j = 0; j < i; j++) assert.ok(Math.abs(A.data[i * fanIn + j]) < 1e-6);
  }
});

test('LoRA-Pro: the step of B·A is the full gradient less what neither factor reaches', () => {
  const [rank, fanIn, out, scale] = [3, 10, 8, 1.7];
  const random = new Random(4);
  const [A, B, G] = [rank * fanIn, out * rank, out * fanIn].map((n) => Float64Array.from(random.normals(n)));
  const gA = matMul(transpose(B, out, rank), G, rank, out, fanIn).map((v) => scale * v);
  const gB = matMul(G, transpose(A, rank, fanIn), out, fanIn, rank).map((v) => scale * v);
  const equivalent = equivalentGradients(A, B, gA, gB, { rank, in: fanIn, out, scale });
  const viaA = matMul(B, equivalent.a, out, rank, fanIn);
  const viaB = matMul(equivalent.b, A, out, rank, fanIn);
  const step = viaA.map((v, i) => scale * (v + viaB[i]));
  // G − (I − P_B)·G·(I − P_A), the closest matrix of that form (theorem 2.1)
  const projector = (rows: Float64Array, n: number) =>
    matMul(solveRight(transpose(rows, rank, n), gram(rows, rank, n), n, rank), rows, n, rank, n);
  const minus = (m: Float64Array, n: number) => m.map((v, i) => (i % (n + 1) === 0 ? 1 : 0) - v);
  const offB = minus(projector(transpose(B, out, rank), out), out);
  const offA = minus(projector(A, fanIn), fanIn);
  const unreached = matMul(matMul(offB, G, out, out, fanIn), offA, out, fanIn, fanIn);
  assertClose(
    step,
    G.map((v, i) => v - unreached[i]),
    1e-6,
    'step of the product',
  );
});

test('LoRA-Pro at B = 0: A stands still, B takes the least-squares step', () => {
  const [rank, fanIn, out, scale] = [2, 6, 5, 2];
  const random = new Random(6);
  const [A, G] = [rank * fanIn, out * fanIn].map((n) => Float64Array.from(random.normals(n)));
  const gB = matMul(G, transpose(A, rank, fanIn), out, fanIn, rank).map((v) => scale * v);
  const zeros = new Float64Array(out * rank);
  const { a, b } = equivalentGradients(A, zeros, new Float64Array(rank * fanIn), gB, { rank, in: fanIn, out, scale });
  assert.ok(a.every((v) => v === 0));
  const expected = solveRight(gB, gram(A, rank, fanIn), out, rank).map((v) => v / scale ** 2);
  assertClose(b, expected, 1e-6, 'B');
});

test('the Sylvester solver: P·X + X·Q = C', () => {
  const random = new Random(8);
  const r = 4;
  const [p, q] = ['p', 'q'].map((name) => gram(random.fork(name).normals(r * 9), r, 9));
  const x = Float64Array.from(random.normals(r * r));
  const left = matMul(p, x, r, r, r);
  const c = matMul(x, q, r, r, r).map((v, i) => v + left[i]);
  assertClose(solveSylvester(p, q, c, r), x, 1e-10, 'X');
});

const SCHEDULE: Schedule = { initial: 24, target: 16, tinit: 10, tfinal: 30, steps: 100, every: 5 };

test('AdaLoRA: the budget holds, falls cubically, holds', () => {
  assert.equal(budgetAt(1, SCHEDULE), 24);
  assert.equal(budgetAt(10, SCHEDULE), 24);
  assert.equal(budgetAt(40, SCHEDULE), 17); // 16 + 8·(1 − 30/60)³
  assert.equal(budgetAt(70, SCHEDULE), 16);
  assert.equal(budgetAt(100, SCHEDULE), 16);
  const steps = Array.from({ length: 100 }, (_, i) => i + 1).filter((step) => prunesAt(step, SCHEDULE));
  assert.deepEqual(steps, [15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70]);
});

test('AdaLoRA: the lowest triplets of all layers go', () => {
  const scores = [Float64Array.of(0.5, 0.1, 0.9), Float64Array.of(0.2, 0.8, 0.3)];
  assert.deepEqual(keepTriplets(scores, 3), [
    [true, false, true],
    [false, true, false],
  ]);
  assert.deepEqual(keepTriplets(scores, 6), [
    [true, true, true],
    [true, true, true],
  ]);
});

test('AdaLoRA: refuses a schedule without a step to prune at, and one without a length', () => {
  const model = mlp.make();
  const method = findMethod('adalora');
  const attach = (options: object, steps?: number) =>
    adapt(model, method, options, {}, { steps, random: new Random(1) });
  assert.throws(() => attach({ rank: 2, tinit: 8, tfinal: 2 }, 10), /tinit 8 \+ tfinal 2 must be below the 10/);
  assert.throws(() => attach({ rank: 2 }), /number of training steps/);
  assert.throws(() => attach({ rank: 4, initRank: 3 }, 10), /initRank 3 is below the final rank 4/);
  disposeModel(model);
});

test('EVA: ranks follow the ratios, keep the budget and the cap, and layers may go without', () => {
  const layer = (name: string) => ({ name, type: 'fc', block: 0, in: 10, out: 10, weight: name, bias: null });
  const layers = ['a', 'b', 'c'].map(layer);
  const ratios = new Map([
    ['a', Float64Array.of(0.5, 0.2, 0.1, 0.09, 0.08)],
    ['b', Float64Array.of(0.9, 0.05, 0.01, 0.005, 0.001)],
    ['c', Float64Array.of(0.04, 0.03, 0.02, 0.01, 0.01)],
  ]);
  assert.deepEqual(
    [...distributeRanks(layers, ratios, 2, 2)],
    [
      ['a', 4],
      ['b', 2],
      ['c', 0],
    ],
  );
  assert.deepEqual(
    [...distributeRanks(layers, ratios, 2, 1)],
    [
      ['a', 2],
      ['b', 2],
      ['c', 2],
    ],
  );
});

test('EVA: layers that read one tensor share its components; unlabelled positions do not count', () => {
  const decoder = families[2];
  const model = decoder.make();
  const batches = [1, 2, 3].map((number) => decoder.batch(number));
  const options = { rank: 2, rho: 2, tau: 0.99 };
  const { activations } = estimateActivations(model, model.linears, batches, options);
  const of = (name: string) => activations.get(`model.layers.0.${name}`)!.components;
  assert.deepEqual(of('self_attn.q_proj'), of('self_attn.v_proj'));
  assert.deepEqual(of('mlp.gate_proj'), of('mlp.up_proj'));
  assert.notDeepEqual(of('self_attn.q_proj'), of('self_attn.o_proj'));
  const all = batches.map(({ weights, ...rest }) => ({ ...rest, weights: tf.onesLike(weights) }));
  const everywhere = estimateActivations(model, model.linears, all, options).activations;
  assert.notDeepEqual(of('self_attn.q_proj'), everywhere.get('model.layers.0.self_attn.q_proj')!.components);
  assert.throws(() => estimateActivations(model, model.linears, [], options), UserError);
  const few = [{ tokens: tf.zeros([1, 2], 'int32'), targets: tf.zeros([1, 2], 'int32'), weights: tf.ones([1, 2]) }];
  assert.throws(
    () => estimateActivations(model, model.linears, few, options),
    /enough positions .* raise the batch size/,
  );
  disposeModel(model);
});

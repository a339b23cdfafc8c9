/** GoRA attached to models: descent, adaptive rules, ablations, reloading, refusals. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { mfcc } from '../../../src/data/mfcc';
import { UserError } from '../../../src/errors';
import { readWav } from '../../../src/formats/wav';
import { adapt } from '../../../src/methods/adapt';
import { gora, watchGora } from '../../../src/methods/gora';
import { chooseGamma, gammaCandidates, settled } from '../../../src/methods/gora/adaptive';
import { lsLora } from '../../../src/methods/gora/ls-lora';
import { type GoraOptions, goraOptions } from '../../../src/methods/gora/options';
import { estimateGradients, probeOn } from '../../../src/methods/gradients';
import { loadModel } from '../../../src/models/load';
import type { Model } from '../../../src/models/model';
import { baseNet, disposeModel } from '../../../src/models/params';
import { startBackend } from '../../../src/tensor/backend';
import type { Batch } from '../../../src/tensor/batch';
import { Random } from '../../../src/tensor/random';
import { dataFile } from '../../support/data';
import { type Given, given } from '../../support/models';
import { tempDir } from '../../support/temp';
import { weightsIn } from '../../support/weights';
import { encoderBatch, SMALL, smallEncoder } from './support';

before(() => startBackend());

const batchesOf = (n: number, size = 4) => Array.from({ length: n }, (_, i) => encoderBatch(SMALL, size, i + 1));

/** Runs the body with a small encoder, two batches and their gradients; checks that nothing is left behind. */
function withSmall(body: (model: Model, batches: Batch[], evidence: Given) => void, seed = 1): void {
  const atStart = tf.memory().numTensors;
  const model = smallEncoder(seed);
  const batches = batchesOf(2);
  const evidence = { ...estimateGradients(model, model.linears, batches), probeLoss: probeOn(model, batches[0]) };
  body(model, batches, evidence);
  tf.dispose(batches as never);
  disposeModel(model);
  assert.equal(tf.memory().numTensors, atStart, 'tensors left behind');
}

const attach = (model: Model, evidence: Given, options: Record<string, unknown> = {}, seed = 1) =>
  adapt(model, gora, { rank: 2, ...options }, given(evidence), { random: new Random(seed, 'method') });

const meanLoss = (model: Model, net: Parameters<Model['loss']>[0], batches: readonly Batch[]) =>
  batches.reduce((sum, batch) => sum + probeOn(model, batch)(net), 0) / batches.length;

/** ⟨ΔW₀, G⟩ and the lengths of both, over all layers. */
function alignment(adapters: ReturnType<typeof attach>, evidence: Given) {
  let inner = 0;
  let change = 0;
  let gradient = 0;
  for (const { name } of adapters.targets) {
    const delta = adapters.delta(name);
    const values = delta.dataSync();
    delta.dispose();
    for (const [i, g] of (evidence.gradients as Map<string, Float32Array>).get(name)!.entries()) {
      inner += g * values[i];
      change += values[i] ** 2;
      gradient += g * g;
    }
  }
  return { inner, ratio: Math.sqrt(change / gradient) };
}

test('a random encoder: descent direction, size γ, and a lower loss on the estimation batches', () => {
  for (const seed of [1, 2, 3]) {
    withSmall((model, batches, evidence) => {
      const before = meanLoss(model, baseNet(model), batches);
      const adapters = attach(model, evidence, { gamma: 0.05 }, seed);
      const { inner, ratio } = alignment(adapters, evidence);
      assert.ok(inner < 0, `⟨ΔW₀, G⟩ = ${inner}`);
      assert.ok(Math.abs(ratio - 0.05) < 0.015, `‖ΔW₀‖/‖G‖ = ${ratio}`);
      const after = meanLoss(model, adapters.net, batches);
      assert.ok(after < before, `seed ${seed}: ${before} → ${after}`);
      assert.equal(meanLoss(model, baseNet(model), batches), before, 'the base is untouched');
      adapters.dispose();
    }, seed);
  }
});

test('KWT-1 on real speech with moved labels: the start lowers the loss', async (t) => {
  const path = dataFile(t, 'kwt1', 'kwt1.safetensors');
  const wavs = ['no', 'noise', 'silence', 'yes'].map((name) => dataFile(t, 'kwt1', 'testwav', `${name}_1000ms.wav`));
  if (!path || wavs.some((wav) => wav === null)) return;
  const { model } = await loadModel('kwt1', { dataDir: dirname(dirname(path)) });
  const frontend = weightsIn(path);
  const clips = wavs.map((wav) => tf.tensor3d(mfcc(readWav(wav as string).samples, frontend), [1, 98, 40]));
  const batch: Batch = { features: tf.concat(clips), labels: tf.tensor1d([0, 5, 2, 7], 'int32') };
  const evidence = estimateGradients(model, model.linears, [batch]);
  const adapters = adapt(model, gora, { gamma: 1e-3 }, given(evidence), { random: new Random(1) });
  const lossAfter = probeOn(model, batch)(adapters.net);
  assert.ok(lossAfter < evidence.loss, `${evidence.loss} → ${lossAfter}`);
  const ranks = [...(adapters.ranks?.values() ?? [])];
  assert.equal(ranks.length, 72);
  assert.ok(ranks.every((r) => r >= 4 && r <= 32) && new Set(ranks).size > 3, `${ranks}`);
  const { budget, spent, compressionError } = adapters.notes as Record<string, number>;
  assert.equal(
    budget,
    model.linears.reduce((sum, layer) => sum + 8 * (layer.in + layer.out), 0),
  );
  assert.ok(spent > 0.5 * budget && spent < 1.5 * budget);
  assert.ok(compressionError > 0 && compressionError < 1);
  adapters.dispose();
  tf.dispose([...clips, ...Object.values(batch)]);
  disposeModel(model);
});

test('notes tell what the start computed', () => {
  withSmall((model, _batches, evidence) => {
    const adapters = attach(model, evidence);
    const spent = adapters.targets.reduce((sum, l) => sum + (adapters.ranks?.get(l.name) ?? 0) * (l.in + l.out), 0);
    const { compressionError, ...notes } = adapters.notes;
    const budget = model.linears.reduce((sum, l) => sum + 2 * (l.in + l.out), 0);
    assert.deepEqual(notes, {
      minRank: 1,
      maxRank: 8,
      budget,
      spent,
      batches: 2,
      layersWithoutAdapter: 0,
      gamma: 0.05,
    });
    assert.ok((compressionError as number) > 0.5);
    assert.deepEqual(
      [...(adapters.importances?.keys() ?? [])],
      model.linears.map((l) => l.name),
    );
    adapters.dispose();
  });
});

test('scales: α/√r or α/r, by the own or the reference rank; the start keeps its size', () => {
  withSmall((model, _batches, evidence) => {
    const size = (options: Partial<GoraOptions>) => {
      const adapters = attach(model, evidence, { ...options, alpha: 16 });
      const { ratio } = alignment(adapters, evidence);
      // a layer whose own rank is not the reference rank
      const name = adapters.targets.find((layer) => adapters.ranks?.get(layer.name) !== 2)?.name as string;
      const [A, B] = ['A', 'B'].map((part) => adapters.trainable.find((p) => p.name === `${name}.lora_${part}`)?.value);
      const delta = adapters.delta(name);
      const product = tf.tidy(() => tf.matMul(B as unknown as tf.Tensor2D, A as unknown as tf.Tensor2D).dataSync());
      const scale = delta.dataSync()[0] / product[0];
      delta.dispose();
      const rank = adapters.ranks?.get(name) as number;
      adapters.dispose();
      return { ratio, scale, rank };
    };
    const reference = size({});
    const cases: [Partial<GoraOptions>, (rank: number) => number][] = [
      [{}, (r) => 16 / Math.sqrt(r)],
      [{ rankStabilised: false }, (r) => 16 / r],
      [{ ownScale: false }, () => 16 / Math.sqrt(2)],
      [{ rankStabilised: false, ownScale: false }, () => 8],
    ];
    for (const [options, expected] of cases) {
      const { ratio, scale, rank } = size(options);
      assert.ok(Math.abs(scale - expected(rank)) < 1e-4 * scale, `${JSON.stringify(options)}: ${scale}`);
      assert.ok(Math.abs(ratio - reference.ratio) < 1e-5);
    }
    // fixed: ΔW₀ = −s·(γ/α)·G·P, so ‖ΔW₀‖ no longer grows with √in
    assert.ok(size({ initScale: 'fixed' }).ratio < 0.5 * reference.ratio);
  });
});

test('adaptive γ: 52 candidates, the lowest loss below the loss at B = 0, else B = 0', () => {
  assert.equal(gammaCandidates.length, 52);
  assert.ok(gammaCandidates[0] === 1 && (gammaCandidates.at(-1) as number) >= 1e-5);
  assert.ok((gammaCandidates.at(-1) as number) * 0.8 < 1e-5);
  const bowl = chooseGamma((gamma) => (gamma - 0.4) ** 2);
  assert.ok(Math.abs(bowl.gamma - 0.8 ** 4) < 1e-12 && Math.abs(bowl.base - 0.16) < 1e-12);
  assert.deepEqual(
    chooseGamma((gamma) => 3 + gamma),
    { gamma: 0, loss: 3, base: 3 },
  );
  assert.equal(chooseGamma((gamma) => (gamma === 0 ? 1 : Number.NaN)).gamma, 0);

  withSmall((model, batches, evidence) => {
    const adapters = attach(model, evidence, { adaptiveGamma: true });
    const { gamma, probeLoss, probeLossAtZero } = adapters.notes as Record<string, number>;
    assert.ok(gammaCandidates.includes(gamma));
    assert.ok(Math.abs(probeLossAtZero - probeOn(model, batches[0])(baseNet(model))) < 1e-6);
    assert.ok(Math.abs(probeLoss - probeOn(model, batches[0])(adapters.net)) < 1e-6 && probeLoss < probeLossAtZero);
    for (const other of [gamma * 0.8, Math.min(1, gamma / 0.8)]) {
      const fixed = attach(model, evidence, { gamma: other });
      assert.ok(probeOn(model, batches[0])(fixed.net) >= probeLoss - 1e-6);
      fixed.dispose();
    }
    adapters.dispose();
    const { probeLoss: _, ...without } = evidence;
    assert.throws(() => attach(model, without, { adaptiveGamma: true }), UserError);
  });
});

test('adaptive N: stops once importances have settled, never before minBatches', () => {
  assert.ok(settled([1, [2, 3]], [1.1, [1.8, 3.3]], 0.11));
  assert.ok(!settled([1, [2, 3]], [1.1, [1.8, 3.4]], 0.11));
  assert.ok(!settled([1e-12], [2e-12], 0.1), 'small importances count too');
  const model = smallEncoder(5);
  const same = Array.from({ length: 6 }, () => encoderBatch(SMALL, 2, 1));
  const run = (options: Partial<GoraOptions>, batches: readonly Batch[]) => {
    const o = goraOptions.parse({ adaptiveBatches: true, gradientBatches: batches.length, ...options });
    const afterBatch = watchGora(model, model.linears, o);
    return estimateGradients(model, model.linears, batches, { batches: o.gradientBatches, afterBatch }).gradientBatches;
  };
  assert.equal(run({}, same), 3);
  assert.equal(run({ minBatches: 5 }, same), 5);
  const different = batchesOf(6, 1);
  assert.equal(run({ convergence: 1e-9 }, different), 6);
  assert.ok(run({ convergence: 0.9 }, different) < 6);
  assert.equal(watchGora(model, model.linears, goraOptions.parse({})), undefined);
  tf.dispose([...same, ...different] as never);
  disposeModel(model);
});

test('ablations: uniform ranks with the gradient start; gradient ranks with B = 0; LS-LoRA', () => {
  withSmall((model, batches, evidence) => {
    const uniform = attach(model, evidence, { allocation: 'uniform' });
    assert.ok([...(uniform.ranks?.values() ?? [])].every((rank) => rank === 2));
    assert.ok(alignment(uniform, evidence).inner < 0);
    uniform.dispose();
    const base = meanLoss(model, baseNet(model), batches);
    const full = attach(model, evidence);
    const zero = attach(model, evidence, { init: 'zero' });
    const ls = adapt(model, lsLora, { rank: 2 }, given(evidence), { random: new Random(1) });
    assert.equal(ls.method, 'ls-lora');
    for (const adapters of [zero, ls]) {
      assert.deepEqual(adapters.ranks, full.ranks);
      assert.ok(Math.abs(meanLoss(model, adapters.net, batches) - base) < 1e-6);
      assert.equal(adapters.notes.gamma, undefined);
    }
    for (const adapters of [full, zero, ls]) adapters.dispose();
  });
});

test('minRank 0: a layer without importance goes without adapter and keeps its base output', () => {
  withSmall((model, _batches, evidence) => {
    const silent = model.linears[3].name;
    const gradients = new Map(evidence.gradients);
    gradients.set(silent, new Float32Array(gradients.get(silent)?.length ?? 0));
    const adapters = attach(model, { ...evidence, gradients }, { minRank: 0 });
    assert.ok(!adapters.ranks?.has(silent));
    assert.equal(adapters.importances?.get(silent), 0);
    assert.ok((adapters.notes.layersWithoutAdapter as number) >= 1);
    const x = tf.ones([1, model.linears[3].in]) as tf.Tensor2D;
    const [plain, adapted] = [baseNet(model), adapters.net].map((net) =>
      tf.tidy(() => net.linear(silent, x).dataSync()),
    );
    assert.deepEqual(adapted, plain);
    x.dispose();
    adapters.dispose();
    const nothing = new Map([...gradients].map(([name, values]) => [name, values.map(() => 0)]));
    const one = [model.linears[0]];
    const o = { rank: 1, minRank: 0, ranksFrom: undefined, share: 'linear' } as const;
    const alone = adapt(model, gora, o, given({ gradients: nothing }), { targets: one, random: new Random(1) });
    assert.deepEqual([...(alone.ranks?.values() ?? [])], [1], 'no importance anywhere: equal shares');
    alone.dispose();
  });
});

test('ranks of an earlier run rebuild the same adapters, from a record or a plain list', (t) => {
  const folder = tempDir(t);
  withSmall((model, _batches, evidence) => {
    const first = attach(model, evidence);
    const ranks = Object.fromEntries(first.ranks ?? []);
    const files = { 'record.json': { format: 1, ranks }, 'rank.json': ranks };
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      writeFileSync(path, JSON.stringify(content));
      const again = attach(model, evidence, { ranksFrom: path, importance: 'grad-mean' });
      assert.deepEqual(again.ranks, first.ranks);
      first.trainable.forEach((parameter, i) => {
        assert.equal(again.trainable[i].name, parameter.name);
        assert.deepEqual(again.trainable[i].value.dataSync().slice(), parameter.value.dataSync().slice());
      });
      again.dispose();
    }
    first.dispose();
    const write = (content: string) => {
      const path = join(folder, 'bad.json');
      writeFileSync(path, content);
      return { ranksFrom: path };
    };
    assert.throws(() => attach(model, evidence, { ranksFrom: join(folder, 'missing.json') }), /missing\.json/);
    assert.throws(() => attach(model, evidence, write('{')), UserError);
    assert.throws(() => attach(model, evidence, write('{"ranks": null}')), /no ranks in it/);
    assert.throws(() => attach(model, evidence, write('{"elsewhere": 2}')), /"elsewhere" is not a target/);
    assert.throws(() => attach(model, evidence, write(`{"${model.linears[0].name}": 99}`)), /rank 99 does not fit/);
    assert.throws(() => attach(model, evidence, write(`{"${model.linears[0].name}": 0}`)), /every layer got rank 0/);
  });
});

test('one batch works; a missing gradient names its layer', () => {
  withSmall((model, batches, evidence) => {
    const one = estimateGradients(model, model.linears, batches.slice(0, 1));
    const adapters = attach(model, one);
    assert.equal(adapters.ranks?.size, model.linears.length);
    adapters.dispose();
    const gradients = new Map(evidence.gradients);
    gradients.delete(model.linears[4].name);
    assert.throws(() => attach(model, { gradients }), new RegExp(model.linears[4].name));
  });
});

test('the same seed gives the same adapters, another one does not', () => {
  withSmall((model, _batches, evidence) => {
    const values = (seed: number) => {
      const adapters = attach(model, evidence, {}, seed);
      const all = adapters.trainable.map(({ value }) => Array.from(value.dataSync()));
      adapters.dispose();
      return all;
    };
    assert.deepEqual(values(1), values(1));
    assert.notDeepEqual(values(1), values(2));
  });
});

test('contradicting options are refused and named', () => {
  const cases: [Record<string, unknown>, string, RegExp][] = [
    [{ rank: 0 }, 'rank', /0/],
    [{ minRank: 40 }, 'minRank', /40 is above maxRank 32/],
    [{ rank: 8, maxRank: 3 }, 'minRank', /4 is above maxRank 3/],
    [{ gamma: -1 }, 'gamma', /0/],
    [{ gamma: Number.NaN }, 'gamma', /NaN|number/],
    [{ adaptiveGamma: true, init: 'zero' }, 'adaptiveGamma', /init zero/],
    [{ adaptiveGamma: true, initScale: 'fixed' }, 'adaptiveGamma', /step/],
    [{ adaptiveBatches: true, gradientBatches: 2 }, 'minBatches', /above gradientBatches 2/],
    [{ ranksFrom: 'x.json', allocation: 'uniform' }, 'ranksFrom', /uniform/],
  ];
  for (const [options, key, message] of cases) {
    const result = goraOptions.safeParse(options);
    assert.ok(!result.success, JSON.stringify(options));
    const issue = result.error.issues[0];
    assert.deepEqual(issue.path, [key]);
    assert.match(issue.message, message);
  }
  assert.ok(!goraOptions.safeParse({ gama: 1 }).success, 'a misspelt option');
});

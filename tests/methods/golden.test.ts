/**
 * Against PyTorch and PEFT on a two-layer network: output, gradients, and five AdamW steps (eight of AdaLoRA).
 * The reference numbers come from scripts/goldens/methods.py.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { estimateActivations } from '../../src/methods/activations';
import { adapt } from '../../src/methods/adapt';
import { estimateGradients } from '../../src/methods/gradients';
import type { Adapters } from '../../src/methods/method';
import { findMethod } from '../../src/methods/registry';
import type { Model } from '../../src/models/model';
import { disposeModel } from '../../src/models/params';
import { startBackend } from '../../src/tensor/backend';
import type { Batch } from '../../src/tensor/batch';
import { gram, transpose } from '../../src/tensor/linalg';
import { Random } from '../../src/tensor/random';
import { AdamW } from '../../src/training/adamw';
import { lossAndGradients, trainStep } from '../../src/training/step';
import { assertClose } from '../support/close';
import { type Given, given, logitsOf, makeMlp } from '../support/models';

type Values = Record<string, number[]>;

interface Traced {
  readonly start?: { delta: number[]; base: number[] }[];
  readonly frozen?: Values;
  readonly values: Values;
  readonly logits: number[];
  readonly loss: number;
  readonly gradients: Values;
  readonly rewritten?: Values;
  readonly losses: number[];
  readonly final: Values;
  readonly masks?: number[][][];
}

interface GaCase {
  readonly direction: string;
  readonly scale: string;
  readonly layers: Record<string, { ata: number[]; bbt: number[] }>;
}

interface Golden {
  readonly widths: number[];
  readonly rank: number;
  readonly alpha: number;
  readonly lr: number;
  readonly decay: number;
  readonly base: Values;
  readonly x: number[];
  readonly labels: number[];
  readonly weightGradients: Values;
  readonly methods: Record<string, Traced>;
  readonly eva: { base: Values; batches: number[][]; ranks: Record<string, number>; components: Values };
  readonly loraGa: { paper: GaCase[]; peft: GaCase[] };
  readonly loraOne: Values;
}

const file = path
  .join(__dirname, '..', 'fixtures', 'methods', 'golden.json')
  .replace(`${path.sep}build${path.sep}`, path.sep);
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden;
const { rank, alpha, widths } = golden;

before(() => startBackend());

function makeModel(weights = golden.base): Model {
  const shape = (name: string): number[] => {
    const i = Number(name.split('.')[1]);
    return name.endsWith('bias') ? [widths[i + 1]] : [widths[i + 1], widths[i]];
  };
  const entries = Object.entries(weights).map(
    ([name, data]) => [name, { shape: shape(name), data: Float32Array.from(data) }] as const,
  );
  return makeMlp(widths, new Map(entries));
}

const makeBatch = (): Batch => ({
  x: tf.tensor2d(golden.x, [golden.labels.length, widths[0]]),
  labels: tf.tensor1d(golden.labels, 'int32'),
});

const evidence = (more: Given = {}): Given => ({
  gradients: new Map(Object.entries(golden.weightGradients).map(([name, g]) => [name, Float32Array.from(g)])),
  ...more,
});

function attach(model: Model, name: string, options: Record<string, unknown> = {}, measured = evidence()): Adapters {
  const method = findMethod(name);
  return adapt(model, method, { rank, alpha, ...options }, given(measured), { random: new Random(1), steps: 8 });
}

function setValues(adapters: Adapters, values: Values): void {
  const left = new Set(Object.keys(values));
  for (const { name, value } of adapters.trainable) {
    assert.ok(left.delete(name), `the reference does not train ${name}`);
    tf.tidy(() => value.assign(tf.tensor(values[name], value.shape)));
  }
  assert.deepEqual([...left], [], 'trained in the reference only');
}

const shifted = new Set(['pissa', 'olora']);
const adalora = { initRank: 4, tinit: 1, tfinal: 2, every: 1 };

for (const [name, expected] of Object.entries(golden.methods)) {
  test(`${name}: output, gradients and AdamW steps are those of PyTorch and PEFT`, () => {
    const model = makeModel();
    const batch = makeBatch();
    const options = name === 'adalora' ? adalora : {};
    const adapters = attach(model, name, options);
    if (shifted.has(name)) {
      model.linears.forEach((layer, i) => {
        const delta = adapters.delta(layer.name);
        assertClose(delta.dataSync(), expected.start![i].delta, 1e-5, `start of ${layer.name}`);
        assertClose(model.params.get(layer.weight)!.dataSync(), expected.start![i].base, 1e-5, `base of ${layer.name}`);
        delta.dispose();
      });
    }
    // LoRA-FA's A is frozen and random: give it the reference's through a trainable twin
    const twin = expected.frozen ? attach(model, 'lora') : adapters;
    setValues(twin, { ...expected.values, ...expected.frozen });
    const trained = twin.trainable.filter(({ name: key }) => key in expected.values);

    assertClose(logitsOf(model, twin.net, batch), expected.logits, 1e-5, 'logits');
    const { loss, gradients } = lossAndGradients(model, twin, trained, batch);
    const penalty = twin.penalty ? twin.penalty().dataSync()[0] : 0;
    assertClose([loss.dataSync()[0] + penalty], [expected.loss], 1e-5, 'loss');
    for (const { name: key } of trained) {
      assertClose(gradients[key].dataSync(), expected.gradients[key], 1e-4, `gradient of ${key}`);
    }
    if (expected.rewritten) {
      const rewritten = twin.rewriteGradients!(gradients);
      for (const [key, values] of Object.entries(expected.rewritten)) {
        assertClose(rewritten[key].dataSync(), values, 1e-4, `rewritten ${key}`);
      }
    }

    const rates = { B: name === 'lora+' ? (findMethod('lora+').training!.loraPlusRatio as number) : 1 };
    const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: golden.decay, rates };
    const optimiser = new AdamW(trained, settings);
    expected.losses.forEach((reference, i) => {
      const step = i + 1;
      const before = twin.penalty ? twin.penalty().dataSync()[0] : 0;
      const result = trainStep(model, twin, optimiser, batch, optimiser.scalars(step, golden.lr), 0, step);
      assertClose([result.loss.dataSync()[0] + before], [reference], 1e-4, `loss of step ${step}`);
      if (expected.masks) {
        const kept = model.linears.map(({ name: layer }) => {
          const lambda = twin.trainable.find((parameter) => parameter.name === `${layer}.lora_E`)!;
          return Array.from(lambda.value.dataSync(), (value) => (value === 0 ? 0 : 1));
        });
        assert.deepEqual(kept, expected.masks[i], `kept after step ${step}`);
      }
    });
    for (const { name: key, value } of trained)
      assertClose(value.dataSync(), expected.final[key], 1e-4, `final ${key}`);
    optimiser.dispose();
    twin.dispose();
    disposeModel(model);
  });
}

test('the mean gradient is that of PyTorch', () => {
  const model = makeModel();
  const { gradients } = estimateGradients(model, model.linears, [makeBatch()]);
  for (const [name, expected] of Object.entries(golden.weightGradients)) {
    assertClose(gradients.get(name)!, expected, 1e-5, name);
  }
  disposeModel(model);
});

test('EVA: ranks and components are those of PEFT', () => {
  const model = makeModel(golden.eva.base);
  const width = widths[0];
  const batches = golden.eva.batches.map((x) => ({ x: tf.tensor2d(x, [x.length / width, width]) }));
  const cycled = Array.from({ length: 60 }, (_, i) => batches[i % batches.length]);
  const measured = estimateActivations(model, model.linears, cycled, { rank, rho: 2, tau: 0.99 });
  assert.ok(measured.converged);
  const adapters = attach(model, 'eva', {}, measured);
  assert.deepEqual(Object.fromEntries(adapters.ranks!), golden.eva.ranks);
  for (const { name, value } of adapters.trainable.filter(({ group }) => group === 'A')) {
    const expected = golden.eva.components[name.replace('.lora_A', '')];
    assertClose(value.dataSync(), expected, 1e-3, name);
  }
  adapters.dispose();
  disposeModel(model);
});

for (const variant of ['paper', 'peft'] as const) {
  for (const { direction, scale, layers } of golden.loraGa[variant]) {
    test(`LoRA-GA (${variant}): AᵀA and BBᵀ of ${direction}, ${scale}`, async () => {
      const model = makeModel();
      const adapters = attach(model, 'lora-ga', { direction, scale, variant });
      const state = await adapters.state!();
      for (const { name, A, B, scale: factor } of state.layers) {
        const { ata, bbt } = layers[name];
        const [out, fanIn] = [B.shape[0], A.shape[1]];
        assertClose(gram(transpose(A.data, rank, fanIn), fanIn, rank), ata, 1e-5, `AᵀA of ${name}`);
        assertClose(gram(B.data, out, rank), bbt, 1e-5, `BBᵀ of ${name}`);
        assertClose([factor], [alpha / Math.sqrt(rank)], 1e-12, 'scale');
      }
      adapters.dispose();
      disposeModel(model);
    });
  }
}

test('LoRA-One: the start is the formula in float64', () => {
  const model = makeModel();
  const adapters = attach(model, 'lora-one');
  for (const [name, expected] of Object.entries(golden.loraOne)) {
    const delta = adapters.delta(name);
    assertClose(delta.dataSync(), expected, 1e-5, name);
    delta.dispose();
  }
  adapters.dispose();
  disposeModel(model);
});

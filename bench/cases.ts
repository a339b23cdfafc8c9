/** What the step benchmark trains: random models and one fixed batch each, the same numbers in every process. */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { type TensorToWrite, writeSafetensors } from '../src/formats/safetensors-write';
import { estimateGradients } from '../src/methods/gradients';
import type { Adapters, Evidence } from '../src/methods/method';
import { findMethod } from '../src/methods/registry';
import { type DecoderConfig, decoderInit, makeDecoder } from '../src/models/decoder';
import { encoderInit, KWT1, makeEncoder } from '../src/models/encoder';
import type { Model } from '../src/models/model';
import { exportWeights } from '../src/models/params';
import { makeT5 } from '../src/models/t5';
import { type T5Config, t5ConfigJson } from '../src/models/t5-config';
import { t5Init } from '../src/models/t5-layout';
import type { Batch } from '../src/tensor/batch';
import { Random } from '../src/tensor/random';
import { AdamW } from '../src/training/adamw';
import { trainableOf } from '../src/training/step';
import { Stepper } from '../src/training/stepper';

export interface BenchModel {
  readonly title: string;
  readonly batch: number;
  readonly time: number;
  /** Layout of the decoder or encoder–decoder; the keyword transformer without. */
  readonly decoder?: DecoderConfig;
  readonly t5?: T5Config;
}

/** A decoder with heads of 64 features. */
export const decoderLayout = (dim: number, layers: number, time: number): DecoderConfig => ({
  dim,
  hidden: (dim / 4) * 11,
  layers,
  heads: dim / 64,
  kvHeads: dim / 64,
  vocab: 512,
  context: time,
  tied: false,
  rope: 'halves',
});

/** A third of T5-base's width and depth, with v1.1's gated feed-forward and v1.0's tied head. */
const T5: T5Config = {
  vocab: 512,
  dim: 256,
  headDim: 64,
  hidden: 512,
  heads: 4,
  encoderLayers: 4,
  decoderLayers: 4,
  buckets: 32,
  maxDistance: 128,
  epsilon: 1e-6,
  feedForward: 'gated-gelu',
  tied: true,
  scaled: true,
  pad: 0,
  eos: 1,
};

/** Lengths of the encoder–decoder's targets. */
const T5_TARGETS = 16;

export const MODELS: Readonly<Record<string, BenchModel>> = {
  kwt1: { title: 'Keyword transformer, batch 64', batch: 64, time: KWT1.tokens },
  decoder256: { title: 'Decoder d=256 L=4 T=128 B=16', batch: 16, time: 128, decoder: decoderLayout(256, 4, 128) },
  decoder512: { title: 'Decoder d=512 L=8 T=256 B=8', batch: 8, time: 256, decoder: decoderLayout(512, 8, 256) },
  t5: { title: 'T5 d=256 L=4+4 T=64+16 B=16', batch: 16, time: 64, t5: T5 },
};

/** Layout of a model, for its peer. */
export function layoutOf(name: string): object {
  const { t5, decoder } = MODELS[name];
  return t5 ? t5ConfigJson(t5) : (decoder ?? KWT1);
}

export const METHODS = ['full', 'lora', 'gora', 'dora'] as const;

export const TRAINING = { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 };

function integers(random: Random, count: number, below: number): Int32Array {
  return Int32Array.from({ length: count }, () => random.int(below));
}

/** @throws Error on an unknown name. */
export function makeModel(name: string): { model: Model; batch: Batch } {
  const bench = MODELS[name];
  if (!bench) throw new Error(`unknown model "${name}"; choose one of ${Object.keys(MODELS).join(', ')}`);
  const random = new Random(1, 'bench');
  const own = random.fork('batch');
  const { batch, time } = bench;
  const tokens = (length: number) => tf.tensor2d(integers(own, batch * length, 512), [batch, length], 'int32');
  if (bench.t5) {
    // a quarter of the places is padding
    const real = Float32Array.from({ length: batch * time }, (_, i) => (i % time < (3 * time) / 4 ? 1 : 0));
    return {
      model: makeT5(name, bench.t5, t5Init(bench.t5, random), 'bench'),
      batch: {
        tokens: tokens(time),
        tokenMask: tf.tensor2d(real, [batch, time]),
        decoderTokens: tokens(T5_TARGETS),
        targets: tokens(T5_TARGETS),
        weights: tf.ones([batch, T5_TARGETS]),
      },
    };
  }
  if (!bench.decoder) {
    const features = tf.tensor3d(own.normals(batch * time * KWT1.features), [batch, time, KWT1.features]);
    const labels = tf.tensor1d(integers(own, batch, KWT1.classes), 'int32');
    return { model: makeEncoder(name, KWT1, encoderInit(KWT1, random), 'bench'), batch: { features, labels } };
  }
  return {
    model: makeDecoder(name, bench.decoder, decoderInit(bench.decoder, random), 'bench'),
    batch: { tokens: tokens(time), targets: tokens(time), weights: tf.ones([batch, time]) },
  };
}

/** Rank 8 on every linear layer; GoRA spreads the same budget by its own importance, so its ranks are mixed. */
export function attach(model: Model, batch: Batch, name: string): Adapters {
  const method = findMethod(name);
  const evidence: Evidence = method.needs.includes('gradients') ? estimateGradients(model, model.linears, [batch]) : {};
  const options = method.options.parse(name.startsWith('full') ? {} : { rank: 8, alpha: 16 });
  return method.attach(model, model.linears, evidence, options, new Random(2, 'attach'));
}

/** Training with the benchmark's optimiser. The caller disposes both. */
export function stepperOf(model: Model, adapters: Adapters, compile = true): { stepper: Stepper; optimiser: AdamW } {
  const optimiser = new AdamW(trainableOf(model, adapters), TRAINING);
  const options = { clip: TRAINING.clip, compile, steps: Number.POSITIVE_INFINITY };
  return { stepper: new Stepper(model, adapters, optimiser, options), optimiser };
}

/** Steps before those that count: two are recorded, the third builds the graph. */
export const RECORDING = 3;

/** Milliseconds of each of `count` steps on one batch, after those that record. */
export async function timeSteps(stepper: Stepper, batch: Batch, count: number, lr: number): Promise<number[]> {
  const times: number[] = [];
  for (let step = 1; step <= count + RECORDING; step++) {
    const started = performance.now();
    const { loss, norm } = stepper.step(batch, step, lr);
    await loss.data();
    if (step > RECORDING) times.push(performance.now() - started);
    tf.dispose([loss, norm]);
  }
  return times;
}

/** Writes weights and batch for a peer. */
export async function leave(model: Model, batch: Batch, folder: string): Promise<void> {
  const tensors = new Map<string, TensorToWrite>(await exportWeights(model));
  for (const [name, tensor] of Object.entries(batch)) {
    const data = (await tensor.data()) as Float32Array | Int32Array;
    tensors.set(`batch.${name}`, { shape: tensor.shape, data });
  }
  writeSafetensors(join(folder, 'weights.safetensors'), tensors);
}

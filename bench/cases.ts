/** What the step benchmark trains: random models and one fixed batch each, the same numbers in every process. */
import * as tf from '@tensorflow/tfjs';
import { estimateGradients } from '../src/methods/gradients';
import type { Adapters, Evidence } from '../src/methods/method';
import { findMethod } from '../src/methods/registry';
import { type DecoderConfig, decoderInit, makeDecoder } from '../src/models/decoder';
import { encoderInit, KWT1, makeEncoder } from '../src/models/encoder';
import type { Batch, Model } from '../src/models/model';
import { Random } from '../src/tensor/random';

export interface BenchModel {
  readonly title: string;
  readonly batch: number;
  readonly time: number;
  /** Layout of the decoder; the keyword transformer without. */
  readonly decoder?: DecoderConfig;
}

const decoder = (dim: number, layers: number, time: number): DecoderConfig => ({
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

export const MODELS: Readonly<Record<string, BenchModel>> = {
  kwt1: { title: 'Keyword transformer, batch 64', batch: 64, time: KWT1.tokens },
  decoder256: { title: 'Decoder d=256 L=4 T=128 B=16', batch: 16, time: 128, decoder: decoder(256, 4, 128) },
  decoder512: { title: 'Decoder d=512 L=8 T=256 B=8', batch: 8, time: 256, decoder: decoder(512, 8, 256) },
};

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
  if (!bench.decoder) {
    const features = tf.tensor3d(own.normals(batch * time * KWT1.features), [batch, time, KWT1.features]);
    const labels = tf.tensor1d(integers(own, batch, KWT1.classes), 'int32');
    return { model: makeEncoder(name, KWT1, encoderInit(KWT1, random), 'bench'), batch: { features, labels } };
  }
  const tokens = () => tf.tensor2d(integers(own, batch * time, 512), [batch, time], 'int32');
  return {
    model: makeDecoder(name, bench.decoder, decoderInit(bench.decoder, random), 'bench'),
    batch: { tokens: tokens(), targets: tokens(), weights: tf.ones([batch, time]) },
  };
}

/** Rank 8 on every linear layer; GoRA spreads the same budget by its own importance, so its ranks are mixed. */
export function attach(model: Model, batch: Batch, name: string): Adapters {
  const method = findMethod(name);
  const evidence: Evidence = method.needs.includes('gradients') ? estimateGradients(model, model.linears, [batch]) : {};
  const options = method.options.parse(name === 'full' ? {} : { rank: 8, alpha: 16 });
  return method.attach(model, model.linears, evidence, options, new Random(2, 'attach'));
}

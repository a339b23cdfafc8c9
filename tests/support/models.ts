/** Small random models, one of each family, with batches and measurements for them. */
import * as tf from '@tensorflow/tfjs';
import { type HostTensor, weightFileOf } from '../../src/formats/weights';
import { type ActivationResult, estimateActivations } from '../../src/methods/activations';
import { adapt } from '../../src/methods/adapt';
import { estimateGradients } from '../../src/methods/gradients';
import type { Measure } from '../../src/methods/measure';
import type { Adapters, Method } from '../../src/methods/method';
import type { ConfigJson } from '../../src/models/architecture';
import { buildModel, randomWeights } from '../../src/models/auto';
import { crossEntropy } from '../../src/models/layers';
import type { Model, Net } from '../../src/models/model';
import { baseNet, variable } from '../../src/models/params';
import type { Batch } from '../../src/tensor/batch';
import { Random } from '../../src/tensor/random';

/** Weights from one host matrix a layer: tanh between layers, cross-entropy on top. */
export function makeMlp(widths: readonly number[], weights: ReadonlyMap<string, HostTensor>): Model {
  const linears = widths.slice(1).map((out, i) => ({
    name: `layers.${i}`,
    type: `fc${i}`,
    block: i,
    in: widths[i],
    out,
    weight: `layers.${i}.weight`,
    bias: `layers.${i}.bias`,
  }));
  const names = linears.flatMap((layer) => [layer.weight, layer.bias]);
  const params = names.map((name): [string, tf.Variable] => {
    const { shape, data } = weights.get(name) as HostTensor;
    return [name, variable(tf.tensor(data, [...shape]))];
  });
  const logits: Model['logits'] = (net, batch) =>
    linears.reduce((x, layer, i) => net.linear(layer.name, i === 0 ? x : tf.tanh(x)), batch.x as tf.Tensor2D);
  return {
    name: 'mlp',
    kind: 'features',
    config: { widths },
    params: new Map(params),
    linears,
    head: [],
    logits,
    loss: (net, batch) => crossEntropy(logits(net, batch), batch.labels as tf.Tensor1D, null),
  };
}

/** N(0, 1/in) weights and N(0, 0.1²) biases. */
export function mlpInit(widths: readonly number[], random: Random): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  for (let i = 1; i < widths.length; i++) {
    const [fanIn, out] = [widths[i - 1], widths[i]];
    const data = random.normals(out * fanIn, 0, 1 / Math.sqrt(fanIn));
    weights.set(`layers.${i - 1}.weight`, { shape: [out, fanIn], data });
    weights.set(`layers.${i - 1}.bias`, { shape: [out], data: random.normals(out, 0, 0.1) });
  }
  return weights;
}

export interface Family {
  readonly name: string;
  /** A fresh copy; the same weights every time. */
  make(): Model;
  /** The batch of that number; the caller disposes it. */
  batch(number: number): Batch;
}

const WIDTHS = [10, 12, 8];
const classes = (random: Random, n: number, count: number) =>
  tf.tensor1d(
    Array.from({ length: n }, () => random.int(count)),
    'int32',
  );

const mlp: Family = {
  name: 'mlp',
  make: () => makeMlp(WIDTHS, mlpInit(WIDTHS, new Random(1, 'mlp'))),
  batch: (number) => {
    const random = new Random(number, 'mlp batch');
    return { x: tf.tensor2d(random.normals(24 * 10), [24, 10]), labels: classes(random, 24, 8) };
  },
};

/** Matrices ten times the usual start, so that every layer matters. */
function loudModel(name: string, config: ConfigJson, random: Random): Model {
  const weights = Array.from(randomWeights(config, random), ([path, { shape, data }]): [string, HostTensor] => [
    path,
    { shape, data: shape.length === 2 && !/embed/.test(path) ? data.map((v) => 10 * v) : data },
  ]);
  return buildModel(name, config, weightFileOf(new Map(weights), 'random'));
}

const ENCODER = {
  model_type: 'kwt',
  num_tokens: 5,
  num_features: 6,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 20,
  num_labels: 4,
  norm_first: false,
  qkv_bias: false,
};

const encoder: Family = {
  name: 'encoder',
  make: () => loudModel('small-encoder', ENCODER, new Random(2, 'encoder')),
  batch: (number) => {
    const random = new Random(number, 'encoder batch');
    return { features: tf.tensor3d(random.normals(6 * 5 * 6), [6, 5, 6]), labels: classes(random, 6, 4) };
  },
};

const DECODER = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 11,
  max_position_embeddings: 8,
  tie_word_embeddings: true,
  rms_norm_eps: 1e-5,
};

const decoder: Family = {
  name: 'decoder',
  make: () => loudModel('small-decoder', DECODER, new Random(3, 'decoder')),
  batch: (number) => {
    const random = new Random(number, 'decoder batch');
    const tokens = () => tf.tidy(() => tf.reshape(classes(random, 4 * 6, 11), [4, 6]));
    const weights = tf.tensor2d(
      Float32Array.from({ length: 24 }, (_, i) => (i % 6 === 0 ? 0 : 1)),
      [4, 6],
    );
    return { tokens: tokens(), targets: tokens(), weights };
  },
};

/** Plain layers, a transformer encoder and a decoder. */
export const families: readonly Family[] = [mlp, encoder, decoder];

/** Options small enough for the small models. */
export function smallOptions(method: Method, more: Record<string, unknown> = {}): Record<string, unknown> {
  return /^full/.test(method.name) ? {} : { rank: 2, alpha: 4, ...more };
}

/** Everything that any method may measure, over two batches. */
export function measured(family: Family, model: Model): Measure {
  const batches = [family.batch(101), family.batch(102)];
  const means = estimateGradients(model, model.linears, batches);
  const inputs = estimateActivations(model, model.linears, batches, { rank: 2, rho: 2, tau: 0.99 });
  tf.dispose(batches);
  const probe = () => {
    throw new Error('no test of these chooses γ');
  };
  return { gradients: () => means, inputs: () => inputs, probe };
}

/** What was measured before. */
export interface Given {
  readonly gradients?: Map<string, Float32Array>;
  readonly gradientBatches?: number;
  readonly activations?: ActivationResult['activations'];
  /** Loss on the first batch. */
  readonly probeLoss?: (net: Net) => number;
}

/** It as the source of `adapt`. */
export function given({ gradients, gradientBatches = 1, activations, probeLoss }: Given): Partial<Measure> {
  return {
    ...(gradients && { gradients: () => ({ gradients, gradientBatches, loss: Number.NaN }) }),
    ...(activations && { inputs: () => ({ activations, activationBatches: 1, converged: true }) }),
    ...(probeLoss && { probe: () => probeLoss }),
  };
}

/** Adapts every linear layer. */
export function attachTo(method: Method, family: Family, model: Model, more: Record<string, unknown> = {}): Adapters {
  const source = method.measures ? measured(family, model) : {};
  return adapt(model, method, smallOptions(method, more), source, { random: new Random(5, 'attach'), steps: 20 });
}

/** Moves every adapter value away from its start, so that zeros hide nothing. */
export function pretendTrained(adapters: Adapters, seed = 7): void {
  for (const { name, group, value } of adapters.trainable) {
    const noise = new Random(seed, name).normals(value.size, 0, group === 'lambda' ? 1 : 0.1);
    tf.tidy(() => value.assign(tf.add(value, tf.tensor(noise, value.shape))));
  }
}

/** Logits of a batch as numbers. */
export function logitsOf(model: Model, net: Net, batch: Batch): Float32Array {
  const logits = tf.tidy(() => model.logits(net, batch));
  const values = logits.dataSync() as Float32Array;
  logits.dispose();
  return values;
}

/** Logits without adapters. */
export const baseLogits = (model: Model, batch: Batch) => logitsOf(model, baseNet(model), batch);

/** Host copies of all weights. */
export const weightsOf = (model: Model): Map<string, Float32Array> =>
  new Map(Array.from(model.params, ([name, value]) => [name, value.dataSync().slice() as Float32Array]));

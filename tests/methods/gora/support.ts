/** Small models and batches that the tests of this folder share. */
import * as tf from '@tensorflow/tfjs';
import { type EncoderConfig, encoderInit, makeEncoder } from '../../../src/models/encoder';
import type { Model } from '../../../src/models/model';
import { variable } from '../../../src/models/params';
import type { Batch } from '../../../src/tensor/batch';
import { Random } from '../../../src/tensor/random';

export const SMALL: EncoderConfig = {
  tokens: 5,
  features: 6,
  dim: 16,
  depth: 2,
  heads: 2,
  mlp: 32,
  classes: 4,
  norm: 'pre',
  qkvBias: true,
};

/** A random encoder with weights large enough that every layer matters. */
export function smallEncoder(seed = 1, config: Partial<EncoderConfig> = {}): Model {
  const c = { ...SMALL, ...config };
  const weights = encoderInit(c, new Random(seed, 'weights'));
  for (const [name, weight] of weights) {
    if (/blocks.*weight$|head.weight|patch/.test(name) && weight.shape.length === 2) {
      weights.set(name, { ...weight, data: weight.data.map((v) => v * 10) });
    }
  }
  return makeEncoder('small', c, weights, 'random');
}

/** A classification batch for the encoder. Caller disposes. */
export function encoderBatch(
  config: Pick<EncoderConfig, 'tokens' | 'features' | 'classes'>,
  size: number,
  seed: number,
): Batch {
  const random = new Random(seed, 'batch');
  return {
    features: tf.tensor3d(random.normals(size * config.tokens * config.features), [
      size,
      config.tokens,
      config.features,
    ]),
    labels: tf.tensor1d(
      Int32Array.from({ length: size }, () => random.int(config.classes)),
      'int32',
    ),
  };
}

/** A chain of square linear layers with tanh between: many large weights, small activations. */
export function chain(depth: number, width: number, seed = 1): Model {
  const random = new Random(seed, 'chain');
  const linears = Array.from({ length: depth }, (_, i) => ({
    name: `layers.${i}`,
    type: 'fc',
    block: i,
    in: width,
    out: width,
    weight: `layers.${i}.weight`,
    bias: null,
  }));
  const params = new Map(
    linears.map((layer) => {
      const values = random.normals(width * width, 0, 1 / Math.sqrt(width));
      return [layer.weight, variable(tf.tensor2d(values, [width, width]))];
    }),
  );
  const logits: Model['logits'] = (net, batch) =>
    linears.reduce((x, layer) => tf.tanh(net.linear(layer.name, x)), batch.x as tf.Tensor2D);
  return {
    name: 'chain',
    config: {},
    params,
    linears,
    head: [],
    logits,
    loss: (net, batch) => tf.mean(tf.square(logits(net, batch))),
  };
}

/** Small models and batches that the tests of this folder share. */
import * as tf from '@tensorflow/tfjs';
import { weightFileOf } from '../../../src/formats/weights';
import { buildModel, randomWeights } from '../../../src/models/auto';
import type { Model } from '../../../src/models/model';
import { variable } from '../../../src/models/params';
import type { Batch } from '../../../src/tensor/batch';
import { Random } from '../../../src/tensor/random';

export const SMALL = {
  model_type: 'kwt',
  num_tokens: 5,
  num_features: 6,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  num_labels: 4,
  norm_first: true,
  qkv_bias: true,
};

/** A random encoder with weights large enough that every layer matters. */
export function smallEncoder(seed = 1, config: Partial<typeof SMALL> = {}): Model {
  const c = { ...SMALL, ...config };
  const weights = randomWeights(c, new Random(seed, 'weights'));
  for (const [name, weight] of weights) {
    if (/blocks.*weight$|head.weight|patch/.test(name) && weight.shape.length === 2) {
      weights.set(name, { ...weight, data: weight.data.map((v) => v * 10) });
    }
  }
  return buildModel('small', c, weightFileOf(weights, 'random'));
}

/** A classification batch for the encoder. Caller disposes. */
export function encoderBatch(
  config: Pick<typeof SMALL, 'num_tokens' | 'num_features' | 'num_labels'>,
  size: number,
  seed: number,
): Batch {
  const random = new Random(seed, 'batch');
  const shape: [number, number, number] = [size, config.num_tokens, config.num_features];
  return {
    features: tf.tensor3d(random.normals(shape[0] * shape[1] * shape[2]), shape),
    labels: tf.tensor1d(
      Int32Array.from({ length: size }, () => random.int(config.num_labels)),
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
    kind: 'features',
    config: {},
    params,
    linears,
    head: [],
    logits,
    loss: (net, batch) => tf.mean(tf.square(logits(net, batch))),
  };
}

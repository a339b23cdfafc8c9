/** A network that hands out the gradient of every target weight while its backward pass runs. */

import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { linear } from '../models/layers';
import type { LinearLayer, Model, Net } from '../models/model';
import { baseLinear, layerOf, param } from '../models/params';
import { gradientOp } from '../tensor/grad';

/** Called with every gradient [out, in] that a backward pass makes, before it is freed. */
export type Take = (layer: LinearLayer, gradient: Tensor) => void;

/**
 * The base network with a hook on every target: its backward pass hands out the weight's gradient [out, in].
 * `token` is a scalar that the loss is differentiated by; it makes the whole path part of the tape.
 */
export function hookedNet(model: Model, targets: ReadonlyMap<string, LinearLayer>, token: Scalar, take: Take): Net {
  return {
    get: (name) => param(model, name),
    linear: (name, x) => {
      const layer = targets.get(name);
      if (!layer) return baseLinear(model, layerOf(model, name), x);
      const weight = param(model, layer.weight) as unknown as Tensor2D;
      const bias = layer.bias === null ? null : (param(model, layer.bias) as unknown as Tensor1D);
      return gradientOp(
        { x, token },
        (save) => {
          save([x]);
          return linear(x, weight, bias);
        },
        (dy, [x]) => ({
          x: () => tf.matMul(dy, weight),
          token: () => {
            take(layer, tf.matMul(dy, x, true));
            return tf.scalar(0);
          },
        }),
      ) as Tensor2D;
    },
  };
}

/**
 * DoRA (Liu et al. 2024, eq. 5 and 11): W′ = m·(W₀ + s·B·A)/‖W₀ + s·B·A‖ with one length m and one norm a row.
 * The norm is a constant of the backward pass (§4.3). Rows are outputs, as in PEFT. Over a base in NF4 the norm is that
 * of the rounded weights, and m starts at the lengths of the full ones.
 */

import type { Rank, Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { AdaptedLayer } from '../../formats/peft-layer';
import type { LinearLayer, Model } from '../../models/model';
import { baseLinear, param, variable, weightOf } from '../../models/params';
import { gradientOp } from '../../tensor/grad';
import type { AdapterForm } from './form';
import type { LiveLayer } from './layer-adapters';
import { isLora, LoraAdapters, type LoraFacts, loraRules } from './lora';

/** A value that no gradient flows through. */
const constant = (compute: () => Tensor) => gradientOp({}, compute, () => ({}));

interface Lengths {
  /** m [out], trained. */
  readonly magnitude: Variable<Rank.R1>;
  /** ‖W₀‖² of every row [out]. */
  readonly squares: Tensor1D;
}

export class DoraAdapters extends LoraAdapters {
  private readonly lengths = new Map<string, Lengths>();

  /** @param layers their `magnitude` are trained row lengths [out]; by default the base weight's own. */
  constructor(model: Model, layers: readonly AdaptedLayer[], facts: LoraFacts) {
    super(
      model,
      layers.map(({ extra: _, ...plain }) => plain),
      facts,
      doraForm,
    );
    for (const [i, layer] of this.targets.entries()) {
      const squares = this.squaresOf(layer);
      const given = layers[i].extra?.magnitude;
      const magnitude = variable(given ? tf.tensor1d(given.data) : tf.sqrt(squares));
      this.lengths.set(layer.name, { magnitude, squares });
      this.train(layer.name, 'magnitude', 'magnitude', magnitude);
    }
  }

  private squaresOf(layer: LinearLayer): Tensor1D {
    return tf.tidy(() => tf.sum(tf.square(weightOf(this.model, layer)), 1));
  }

  baseChanged(): void {
    for (const layer of this.targets) {
      const { magnitude, squares } = this.lengths.get(layer.name) as Lengths;
      squares.dispose();
      this.lengths.set(layer.name, { magnitude, squares: this.squaresOf(layer) });
    }
  }

  /**
   * m/‖W₀ + s·B·A‖ per row [out]. ‖W₀ + sBA‖² = ‖W₀‖² + 2s·⟨W₀Aᵀ, B⟩ + s²·⟨B·AAᵀ, B⟩ row by row,
   * which never makes an [out, in] matrix.
   */
  private gain(layer: LinearLayer): Tensor1D {
    const { A, B, scale } = this.of(layer);
    const { magnitude, squares } = this.lengths.get(layer.name) as Lengths;
    const norm = constant(() => {
      const turned = baseLinear(this.model, { ...layer, bias: null }, A);
      const cross = tf.mul(tf.transpose(turned), 2 * scale);
      const own = tf.mul(tf.matMul(B, tf.matMul(A, A, false, true)), scale * scale);
      const total = tf.add(squares, tf.sum(tf.mul(tf.add(cross, own), B), 1));
      return tf.sqrt(tf.maximum(total, 1e-24)); // a row of zeros stays a row of zeros
    });
    return tf.div(magnitude, norm);
  }

  protected override adapt(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const y = tf.mul(this.turn(layer, x), this.gain(layer)) as Tensor2D;
    return layer.bias === null ? y : tf.add(y, param(this.model, layer.bias));
  }

  protected override change(layer: LinearLayer): Tensor2D {
    const weight = weightOf(this.model, layer);
    const turned = tf.mul(tf.add(weight, this.product(layer)), tf.expandDims(this.gain(layer), 1));
    return tf.sub(turned, weight) as Tensor2D;
  }

  protected override async hostLayer(live: LiveLayer): Promise<AdaptedLayer> {
    const { magnitude } = this.lengths.get(live.name) as Lengths;
    const data = (await magnitude.data()) as Float32Array;
    return { ...(await super.hostLayer(live)), extra: { magnitude: { shape: magnitude.shape, data } } };
  }

  protected override release(): void {
    super.release();
    for (const { magnitude, squares } of this.lengths.values()) tf.dispose([magnitude, squares]);
    this.lengths.clear();
  }
}

export const doraForm: AdapterForm = {
  name: 'dora',
  says: 'use_dora = true',
  fits: (config) => isLora(config, true),
  tensors: { A: 'lora_A.weight', B: 'lora_B.weight', magnitude: 'lora_magnitude_vector' },
  shapeOf: (_part, _rank, out) => [out],
  ...loraRules,
  write: (layers, choice) => ({ ...loraRules.write(layers, choice), use_dora: true }),
  restore: (model, layers, facts) => new DoraAdapters(model, layers, facts),
};

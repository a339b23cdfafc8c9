/**
 * DoRA (Liu et al. 2024, eq. 5 and 11): W′ = m·(W₀ + s·B·A)/‖W₀ + s·B·A‖ with one length m and one norm a row.
 * The norm is a constant of the backward pass (§4.3). Rows are outputs, as in PEFT. Over a base in NF4 the norm is that
 * of the rounded weights, and m starts at the lengths of the full ones.
 */

import type { Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { LinearLayer, Model } from '../models/model';
import { baseLinear, param, storedWeights, variable } from '../models/params';
import { gradientOp } from '../tensor/grad';
import { checkSameRank, LoraAdapters, type LoraFacts, type LoraStart, vanillaStarts } from './lora-adapters';
import type { AdapterState, Method } from './method';
import { alphaOption, rankOption } from './options';

/** A value that no gradient flows through. */
const constant = (compute: () => Tensor) => gradientOp({}, compute, () => ({}));

interface Lengths {
  /** m [out], trained. */
  readonly magnitude: Variable;
  /** ‖W₀‖² of every row [out]. */
  readonly squares: Tensor1D;
}

export class DoraAdapters extends LoraAdapters {
  private readonly lengths = new Map<string, Lengths>();

  /** @param magnitudes trained row lengths [out] by layer; by default the base weight's own. */
  constructor(
    model: Model,
    starts: readonly LoraStart[],
    facts: LoraFacts,
    magnitudes?: ReadonlyMap<string, Float32Array>,
  ) {
    super(model, starts, facts);
    for (const layer of this.targets) {
      const squares = this.squaresOf(layer);
      const given = magnitudes?.get(layer.name);
      const magnitude = variable(given ? tf.tensor1d(given) : tf.sqrt(squares));
      this.lengths.set(layer.name, { magnitude, squares });
      this.trainable.push({ name: `${layer.name}.lora_magnitude_vector`, group: 'magnitude', value: magnitude });
    }
  }

  /** W₀ [out, in] in float32; called inside a tidy. */
  private weightOf(layer: LinearLayer): Tensor2D {
    const weight = storedWeights(this.model).get(layer.weight)?.value() ?? param(this.model, layer.weight);
    return weight as unknown as Tensor2D;
  }

  private squaresOf(layer: LinearLayer): Tensor1D {
    return tf.tidy(() => tf.sum(tf.square(this.weightOf(layer)), 1));
  }

  baseChanged(): void {
    for (const layer of this.targets) {
      const { magnitude, squares } = this.lengths.get(layer.name) as Lengths;
      squares.dispose();
      this.lengths.set(layer.name, { magnitude, squares: this.squaresOf(layer) });
    }
  }

  /** x·W₀ᵀ, whatever form the weight is stored in. */
  private turn(layer: LinearLayer, x: Tensor2D): Tensor2D {
    return baseLinear(this.model, { ...layer, bias: null }, x);
  }

  /**
   * m/‖W₀ + s·B·A‖ per row [out]. ‖W₀ + sBA‖² = ‖W₀‖² + 2s·⟨W₀Aᵀ, B⟩ + s²·⟨B·AAᵀ, B⟩ row by row,
   * which never makes an [out, in] matrix.
   */
  private gain(layer: LinearLayer): Tensor1D {
    const { A, B, scale } = this.of(layer) as unknown as { A: Tensor2D; B: Tensor2D; scale: number };
    const { magnitude, squares } = this.lengths.get(layer.name) as Lengths;
    const norm = constant(() => {
      const cross = tf.mul(tf.transpose(this.turn(layer, A)), 2 * scale);
      const own = tf.mul(tf.matMul(B, tf.matMul(A, A, false, true)), scale * scale);
      const total = tf.add(squares, tf.sum(tf.mul(tf.add(cross, own), B), 1));
      return tf.sqrt(tf.maximum(total, 1e-24)); // a row of zeros stays a row of zeros
    });
    return tf.div(magnitude, norm);
  }

  protected override adapt(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const y = tf.mul(this.product(layer, x), this.gain(layer)) as Tensor2D;
    return layer.bias === null ? y : tf.add(y, param(this.model, layer.bias));
  }

  protected override change(layer: LinearLayer): Tensor2D {
    const weight = this.weightOf(layer);
    const turned = tf.mul(tf.add(weight, super.change(layer)), tf.expandDims(this.gain(layer), 1));
    return tf.sub(turned, weight) as Tensor2D;
  }

  override async state(): Promise<AdapterState> {
    const plain = await super.state();
    const layers = plain.layers.map(async (state) => {
      const { magnitude } = this.lengths.get(state.layer.name) as Lengths;
      return { ...state, magnitude: (await magnitude.data()) as Float32Array };
    });
    return { ...plain, kind: 'dora', layers: await Promise.all(layers) };
  }

  protected override release(): void {
    super.release();
    for (const { magnitude, squares } of this.lengths.values()) tf.dispose([magnitude, squares]);
    this.lengths.clear();
  }
}

const options = z.strictObject({ rank: rankOption, alpha: alphaOption });

export const dora: Method<z.infer<typeof options>> = {
  name: 'dora',
  title: 'DoRA',
  reference: 'Liu et al. 2024, eq. 5 and 11',
  needs: [],
  options,
  check: checkSameRank,
  attach: (model, targets, _evidence, { rank, alpha }, random) =>
    new DoraAdapters(model, vanillaStarts(targets, rank, alpha / rank, random), { method: 'dora' }),
};

/**
 * Low-rank adapters over frozen linear layers: y = W·x + b + s·B·A·x (Hu et al. 2021, eq. 3), and PEFT's `LORA`.
 * Every method whose change is s·B·A shares this form; they differ in ranks, scales and inits.
 */

import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { AdaptedLayer, PeftChoice, PeftCodec, PeftFields } from '../../formats/peft-layer';
import { numberOf, readPatterns, roundedAlpha, writePatterns } from '../../formats/peft-patterns';
import type { LinearLayer, Model } from '../../models/model';
import { baseLinear, param } from '../../models/params';
import { foldedLinear, lowRank } from './adapted-linear';
import type { AdapterFacts, AdapterForm } from './form';
import { LayerAdapters, type Parts } from './layer-adapters';

export interface LoraFacts extends AdapterFacts {
  /** A keeps its init (LoRA-FA). */
  readonly freezeA?: boolean;
}

/** What LoRA and DoRA have in common in PEFT's files: ranks and α by pattern, α/r or α/√r. */
export const loraRules: Pick<PeftCodec, 'read' | 'unitScale' | 'write'> = {
  read: (config, file) => {
    const ranks = readPatterns(config, 'rank_pattern', file, true);
    const alphas = readPatterns(config, 'alpha_pattern', file, false);
    const r = numberOf(config.r ?? 8, 'r', file, true);
    const alpha = numberOf(config.lora_alpha ?? 8, 'lora_alpha', file, false);
    const rankOf = (layer: string) => ranks.valueOf(layer, r);
    return {
      rankOf,
      scaleOf: (layer) => {
        const rank = rankOf(layer);
        return alphas.valueOf(layer, alpha) / (config.use_rslora ? Math.sqrt(rank) : rank);
      },
      checkUsed: (layers) => {
        ranks.checkUsed(layers);
        alphas.checkUsed(layers);
      },
    };
  },
  unitScale: (rank, { use_rslora }) => 1 / (use_rslora ? Math.sqrt(rank) : rank),
  write: (layers, choice) => ({
    rank_pattern: writePatterns(layers, ({ rank }) => rank, choice.r),
    alpha_pattern: writePatterns(layers, (layer) => alphaOf(layer, choice), choice.lora_alpha),
  }),
};

/** The α with which PEFT gives B·A the layer's scale. */
const alphaOf = ({ rank, scale }: AdaptedLayer, choice: PeftChoice) =>
  roundedAlpha(scale / loraRules.unitScale(rank, choice));

export class LoraAdapters extends LayerAdapters {
  /** Untouched base weights of layers whose init was taken off the base, for restoring. */
  private readonly shifted: { layer: LinearLayer; weight: Float32Array }[] = [];

  constructor(
    model: Model,
    layers: readonly AdaptedLayer[],
    facts: LoraFacts,
    form: PeftCodec = loraForm,
    parts: Parts = { groups: { A: 'A', B: 'B' }, frozen: facts.freezeA ? ['A'] : [] },
  ) {
    super(model, form, layers, facts, parts);
    for (const layer of this.targets) {
      if (!this.of(layer).init) continue;
      const weight = param(model, layer.weight);
      this.shifted.push({ layer, weight: weight.dataSync().slice() as Float32Array });
      tf.tidy(() => weight.assign(tf.sub(weight, this.product(layer))));
    }
  }

  protected adapt(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const y = this.turn(layer, x);
    return layer.bias === null ? y : tf.add(y, param(this.model, layer.bias));
  }

  /** x·(W + s·B·A)ᵀ. Where x is smaller than W (generation, very wide layers) the change stays a branch. */
  protected turn(layer: LinearLayer, x: Tensor2D): Tensor2D {
    const live = this.of(layer);
    const weight = this.model.params.get(layer.weight);
    const folds = weight && x.shape[0] * (layer.in + layer.out) >= layer.in * layer.out;
    if (folds) return foldedLinear(x, weight as tf.Tensor as Tensor2D, live);
    return tf.add(baseLinear(this.model, { ...layer, bias: null }, x), lowRank(x, live));
  }

  /** s·B·A [out, in] */
  protected product(layer: LinearLayer): Tensor2D {
    const { A, B, scale } = this.of(layer);
    return tf.matMul(tf.mul(B, scale), A);
  }

  protected change(layer: LinearLayer): Tensor2D {
    return this.product(layer);
  }

  /** Restores the base weights, bit for bit, to what they were before the init. */
  protected override release(): void {
    for (const { layer, weight } of this.shifted) {
      tf.tidy(() => param(this.model, layer.weight).assign(tf.tensor(weight, [layer.out, layer.in])));
    }
    this.shifted.length = 0;
  }
}

/** Of peft_type LORA, with or without DoRA's magnitudes. */
export const isLora = (config: PeftFields, dora: boolean): boolean =>
  config.peft_type === 'LORA' && (config.use_dora === true) === dora;

export const loraForm: AdapterForm = {
  name: 'lora',
  says: 'use_dora = false',
  fits: (config) => isLora(config, false),
  tensors: { A: 'lora_A.weight', B: 'lora_B.weight' },
  ...loraRules,
  restore: (model, layers, facts) => new LoraAdapters(model, layers, facts),
};

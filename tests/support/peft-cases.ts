/** Adapters of every form that PEFT reads, made from seeds, so that a test and PEFT itself see the same bytes. */
import { type AdaptedLayer, type AdapterFolder, changeFromInit, type Matrix } from '../../src/formats/peft';
import { adaloraForm } from '../../src/methods/forms/adalora';
import { doraForm } from '../../src/methods/forms/dora';
import { loraForm } from '../../src/methods/forms/lora';
import { Random } from '../../src/tensor/random';

/** Linear layers [out, in] of the tiny Llama in scripts/goldens/peft_roundtrip.py. */
export const PEFT_LAYERS: Readonly<Record<string, readonly [out: number, fanIn: number]>> = {
  'model.layers.0.self_attn.q_proj': [8, 8],
  'model.layers.0.self_attn.v_proj': [4, 8],
  'model.layers.0.mlp.down_proj': [8, 12],
};

/** Base weight of the same model: sin(0), sin(1), … in row-major order, over 4. */
export const baseWeight = (out: number, fanIn: number): Float32Array =>
  Float32Array.from({ length: out * fanIn }, (_, i) => Math.sin(i) / 4);

const matrix = (random: Random, shape: number[]): Matrix => ({
  shape,
  data: random.normals(
    shape.reduce((a, b) => a * b, 1),
    0,
    0.5,
  ),
});

/** @param alphas of each layer; the scale is what PEFT makes of them. */
function layersOf(
  ranks: readonly number[],
  name: string,
  alphas: readonly number[],
  scaleOf: (alpha: number, rank: number) => number = (alpha, rank) => alpha / rank,
): AdaptedLayer[] {
  const random = new Random(7, name);
  return Object.entries(PEFT_LAYERS).map(([layer, [out, fanIn]], i) => ({
    name: layer,
    rank: ranks[i],
    scale: scaleOf(alphas[i], ranks[i]),
    A: matrix(random, [ranks[i], fanIn]),
    B: matrix(random, [out, ranks[i]]),
  }));
}

const stabilised = (alpha: number, rank: number) => alpha / Math.sqrt(rank);

const common = { base_model_name_or_path: 'tiny-llama', task_type: 'CAUSAL_LM' };
const types = ['q_proj', 'v_proj', 'down_proj'];

/** One adapter a form. */
export function peftCases(): Record<string, AdapterFolder> {
  const shifted = layersOf([2, 2, 2], 'shifted', [6, 6, 6], stabilised);
  const inits = layersOf([2, 2, 2], 'start', [6, 6, 6], stabilised);
  const random = new Random(7, 'extra');
  return {
    plain: {
      form: loraForm,
      layers: layersOf([3, 3, 3], 'plain', [16, 16, 16]),
      config: { ...common, r: 3, lora_alpha: 16, target_modules: types },
    },
    patterns: {
      form: loraForm,
      layers: layersOf([4, 1, 3], 'patterns', [16, 16, 5], stabilised),
      config: { ...common, r: 4, lora_alpha: 16, use_rslora: true },
    },
    shifted: {
      form: loraForm,
      layers: shifted.map((layer, i) => changeFromInit({ ...layer, init: inits[i] })),
      config: { ...common, r: 4, lora_alpha: 6 * Math.SQRT2, use_rslora: true, target_modules: types },
    },
    dora: {
      form: doraForm,
      layers: layersOf([2, 2, 2], 'dora', [3, 3, 3]).map((layer) => ({
        ...layer,
        extra: { magnitude: { shape: [layer.B.shape[0]], data: random.uniforms(layer.B.shape[0], 0.5, 1.5) } },
      })),
      config: { ...common, r: 2, lora_alpha: 3, target_modules: types },
    },
    adalora: {
      form: adaloraForm,
      layers: layersOf([3, 3, 3], 'adalora', [8, 8, 8], (alpha, rank) => alpha / (rank + 1e-5)).map((layer) => ({
        ...layer,
        extra: { E: { shape: [3, 1], data: Float32Array.of(random.normal(), 0, random.normal()) } },
      })),
      config: {
        ...common,
        r: 3,
        lora_alpha: 8,
        target_modules: types,
        extra: { target_r: 2, total_step: 100, tinit: 10, tfinal: 20 },
      },
    },
  };
}

/** Adapters of every form that PEFT reads, made from seeds, so that a test and PEFT itself see the same bytes. */
import { type AdapterFolder, type AdapterLayer, changeFromStart, type Matrix } from '../../src/formats/peft';
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

function layersOf(ranks: readonly number[], name: string): AdapterLayer[] {
  const random = new Random(7, name);
  return Object.entries(PEFT_LAYERS).map(([layer, [out, fanIn]], i) => ({
    name: layer,
    A: matrix(random, [ranks[i], fanIn]),
    B: matrix(random, [out, ranks[i]]),
  }));
}

const common = { base_model_name_or_path: 'tiny-llama', task_type: 'CAUSAL_LM' };
const types = ['q_proj', 'v_proj', 'down_proj'];

/** One adapter a form. */
export function peftCases(): Record<string, AdapterFolder> {
  const shifted = layersOf([2, 2, 2], 'shifted').map((layer) => ({ ...layer, alpha: 6 }));
  const starts = layersOf([2, 2, 2], 'start');
  const random = new Random(7, 'extra');
  return {
    plain: { layers: layersOf([3, 3, 3], 'plain'), config: { ...common, r: 3, lora_alpha: 16, target_modules: types } },
    patterns: {
      layers: layersOf([4, 1, 3], 'patterns').map((layer, i) => ({ ...layer, alpha: [16, 16, 5][i] })),
      config: { ...common, r: 4, lora_alpha: 16, use_rslora: true },
    },
    shifted: {
      layers: shifted.map((layer, i) => changeFromStart(layer, starts[i], true)),
      config: { ...common, r: 4, lora_alpha: 6 * Math.SQRT2, use_rslora: true, target_modules: types },
    },
    dora: {
      layers: layersOf([2, 2, 2], 'dora').map((layer) => ({
        ...layer,
        magnitude: { shape: [layer.B.shape[0]], data: random.uniforms(layer.B.shape[0], 0.5, 1.5) },
      })),
      config: { ...common, r: 2, lora_alpha: 3, use_dora: true, target_modules: types },
    },
    adalora: {
      layers: layersOf([3, 3, 3], 'adalora').map((layer) => ({
        ...layer,
        E: { shape: [3, 1], data: Float32Array.of(random.normal(), 0, random.normal()) },
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

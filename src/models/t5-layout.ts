/** T5's weights under Hugging Face's names: linear layers, shapes, and a random start for pretraining. */
import type { Random } from '../tensor/random';
import type { LinearLayer } from './model';
import type { HostTensor } from './params';
import type { T5Config } from './t5-config';

export type Stack = 'encoder' | 'decoder';

/** Sub-layers of a block in order. */
const SUBLAYERS = {
  encoder: ['SelfAttention', 'DenseReluDense'],
  decoder: ['SelfAttention', 'EncDecAttention', 'DenseReluDense'],
} as const;

const layersOf = (c: T5Config, stack: Stack) => (stack === 'encoder' ? c.encoderLayers : c.decoderLayers);

/** Path of a sub-layer's module, e.g. `decoder.block.0.layer.1.EncDecAttention`. */
export const t5Path = (stack: Stack, block: number, layer: number): string =>
  `${stack}.block.${block}.layer.${layer}.${SUBLAYERS[stack][layer]}`;

/** Name of the position biases that all blocks of a stack share, [buckets, heads]. */
export const t5BiasName = (stack: Stack): string => `${t5Path(stack, 0, 0)}.relative_attention_bias.weight`;

/** Linear layers; blocks of the decoder count on after those of the encoder. */
export function t5Linears(c: T5Config): LinearLayer[] {
  const inner = c.heads * c.headDim;
  const wide = c.feedForward === 'relu' ? ['wi'] : ['wi_0', 'wi_1'];
  const attention: [string, number, number][] = [
    ['q', c.dim, inner],
    ['k', c.dim, inner],
    ['v', c.dim, inner],
    ['o', inner, c.dim],
  ];
  const dense = [...wide.map((type): [string, number, number] => [type, c.dim, c.hidden]), ['wo', c.hidden, c.dim]];
  const layers: LinearLayer[] = [];
  for (const stack of ['encoder', 'decoder'] as const) {
    for (let b = 0; b < layersOf(c, stack); b++) {
      SUBLAYERS[stack].forEach((kind, layer) => {
        for (const [type, fanIn, fanOut] of (kind === 'DenseReluDense' ? dense : attention) as typeof attention) {
          const name = `${t5Path(stack, b, layer)}.${type}`;
          const block = stack === 'encoder' ? b : c.encoderLayers + b;
          layers.push({ name, type, block, in: fanIn, out: fanOut, weight: `${name}.weight`, bias: null });
        }
      });
    }
  }
  return layers;
}

/** Name and shape of every weight. */
export function t5Shapes(c: T5Config): Record<string, number[]> {
  const shapes: Record<string, number[]> = { 'shared.weight': [c.vocab, c.dim] };
  for (const layer of t5Linears(c)) shapes[layer.weight] = [layer.out, layer.in];
  for (const stack of ['encoder', 'decoder'] as const) {
    shapes[t5BiasName(stack)] = [c.buckets, c.heads];
    for (let b = 0; b < layersOf(c, stack); b++) {
      SUBLAYERS[stack].forEach((_, layer) => {
        shapes[`${stack}.block.${b}.layer.${layer}.layer_norm.weight`] = [c.dim];
      });
    }
    shapes[`${stack}.final_layer_norm.weight`] = [c.dim];
  }
  if (!c.tied) shapes['lm_head.weight'] = [c.vocab, c.dim];
  return shapes;
}

/** Standard deviation of a weight's start: Mesh TensorFlow's, which makes the missing 1/√headDim of attention good. */
function startDeviation(name: string, c: T5Config): number {
  if (/shared|lm_head/.test(name)) return 1;
  if (name.endsWith('.wo.weight')) return c.hidden ** -0.5;
  if (name.endsWith('.o.weight')) return (c.heads * c.headDim) ** -0.5;
  if (name.endsWith('.q.weight')) return (c.dim * c.headDim) ** -0.5;
  return c.dim ** -0.5;
}

/** Random weights for pretraining. */
export function t5Init(c: T5Config, random: Random): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  for (const [name, shape] of Object.entries(t5Shapes(c))) {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = name.endsWith('layer_norm.weight')
      ? new Float32Array(size).fill(1)
      : random.fork(name).normals(size, 0, startDeviation(name, c));
    weights.set(name, { shape, data });
  }
  return weights;
}

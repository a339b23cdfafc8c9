/**
 * From llama2.c's rotary order to Hugging Face's. llama2.c rotates dimensions 2i and 2i+1 of a head together, Hugging
 * Face dimensions i and i + size/2; converted checkpoints have the rows of q_proj and k_proj reordered accordingly.
 * An adapter trained on the llama2.c weights needs the same reordering of its lora_B (and DoRA magnitude) before it
 * fits such a converted base model; lora_A and all other layers stay as they are.
 */
import { UserError } from '../errors';
import type { AdaptedLayer, Matrix } from './peft-layer';

/**
 * Reorders the rows of a q_proj or k_proj matrix [heads · size, columns] (or vector [heads · size]).
 * @param headSize dimensions of one head.
 * @throws UserError when the rows are no multiple of an even head size.
 */
export function interleavedToHalves({ shape, data }: Matrix, headSize: number): Matrix {
  const rows = shape[0];
  if (headSize < 2 || headSize % 2 !== 0 || rows % headSize !== 0) {
    throw new UserError(`${rows} rows are not made of heads of size ${headSize}, which must be even`);
  }
  const columns = data.length / rows;
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const within = row % headSize;
    const target = row - within + (within >> 1) + (within % 2) * (headSize / 2);
    out.set(data.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return { shape: [...shape], data: out };
}

/** An adapter of llama2.c weights as one of the converted checkpoint; layers other than q_proj and k_proj unchanged. */
export function adapterToHalves(layer: AdaptedLayer, headSize: number): AdaptedLayer {
  if (!/(^|\.)[qk]_proj$/.test(layer.name)) return layer;
  const magnitude = layer.extra?.magnitude;
  const extra = magnitude && { extra: { ...layer.extra, magnitude: interleavedToHalves(magnitude, headSize) } };
  return { ...layer, B: interleavedToHalves(layer.B, headSize), ...extra };
}

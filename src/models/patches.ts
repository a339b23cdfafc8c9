/** Pictures as rows of patches, and position embeddings for another number of patches. */
import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../formats/weights';
import type { Net } from './model';
import type { ModuleTree } from './module';

/**
 * A convolution whose stride is its size, as one matrix product.
 * @returns pixels float32 [batch, channels, side, side] → [batch · patches, dim]; weight [dim, channels, size, size].
 */
export function patchEmbedding(
  tree: ModuleTree,
  path: string,
  { channels, size, dim, bias }: { channels: number; size: number; dim: number; bias: boolean },
): (net: Net, pixels: tf.Tensor4D) => Tensor2D {
  const weight = tree.parameter(`${path}.weight`, [dim, channels, size, size]);
  const shift = bias ? tree.parameter(`${path}.bias`, [dim], 'zeros') : null;
  return (net, pixels) => {
    const [batch, , height, width] = pixels.shape;
    const [rows, columns] = [height / size, width / size];
    // rows of patches first, in two steps: WebAssembly transposes at most six axes, and slowly
    const cut = tf.reshape(pixels, [batch * channels * rows, size, columns, size]);
    const across = tf.reshape(tf.transpose(cut, [0, 2, 1, 3]), [batch, channels, rows * columns, size * size]);
    const patches = tf.reshape(tf.transpose(across, [0, 2, 1, 3]), [batch * rows * columns, channels * size * size]);
    const y = tf.matMul(patches, tf.reshape(weight(net), [dim, channels * size * size]), false, true) as Tensor2D;
    return shift ? tf.add(y, shift(net)) : y;
  };
}

/** Cubic convolution (Keys 1981) with PyTorch's a = −0.75: weights of the four neighbours at a distance t past the second. */
function cubic(t: number): number[] {
  const a = -0.75;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** One axis of a bicubic resize without aligned corners: for every target four sources and their weights. */
function axis(from: number, to: number): { index: number[]; weight: number[] }[] {
  return Array.from({ length: to }, (_, i) => {
    const centre = ((i + 0.5) * from) / to - 0.5;
    const base = Math.floor(centre);
    const index = [-1, 0, 1, 2].map((k) => Math.min(from - 1, Math.max(0, base + k)));
    return { index, weight: cubic(centre - base) };
  });
}

/**
 * Position embeddings [1, 1 + n², dim] (or without the first axis) for another square number of patches, as
 * Hugging Face interpolates them: bicubic over the grid, the class token's kept.
 */
export function resizePositions({ shape, data }: HostTensor, patches: number): HostTensor {
  const dim = shape.at(-1) as number;
  const places = shape.at(-2) as number;
  if (places === patches + 1) return { shape, data };
  const [from, to] = [Math.sqrt(places - 1), Math.sqrt(patches)];
  const steps = axis(from, to);
  const out = new Float32Array((patches + 1) * dim);
  out.set(data.subarray(0, dim));
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < to; x++) {
      const row = out.subarray((1 + y * to + x) * dim, (2 + y * to + x) * dim);
      steps[y].index.forEach((sy, i) => {
        steps[x].index.forEach((sx, j) => {
          const share = steps[y].weight[i] * steps[x].weight[j];
          const at = (1 + sy * from + sx) * dim;
          for (let d = 0; d < dim; d++) row[d] += share * data[at + d];
        });
      });
    }
  }
  return { shape: [...shape.slice(0, -2), patches + 1, dim], data: out };
}

/**
 * Sum and Mean for the WebAssembly backend, accumulated in float64.
 *
 * The stock kernels add up in one float32, which loses digits over long sums (a million times 0.1 gives
 * 100958), and transpose the whole tensor to reduce a leading axis. JavaScript over the heap is as
 * fast as that scalar loop and needs neither.
 */
import * as tf from '@tensorflow/tfjs';
import { alias, type HeapView, type KernelArgs, putKernel, sizeOf, type WasmBackend } from './heap';

interface ReduceAttrs {
  axis: number | number[];
  keepDims?: boolean;
}

/** out[o, i] = scale · Σ_r x[o, r, i]. */
function reduceBlock(x: HeapView, out: HeapView, outer: number, reduce: number, inner: number, scale: number) {
  if (inner === 1) {
    for (let o = 0, at = 0; o < outer; o++) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      const end = at + reduce;
      for (const end4 = end - 3; at < end4; at += 4) {
        s0 += x[at];
        s1 += x[at + 1];
        s2 += x[at + 2];
        s3 += x[at + 3];
      }
      for (; at < end; at++) s0 += x[at];
      out[o] = (s0 + s1 + (s2 + s3)) * scale;
    }
    return;
  }
  const sums = new Float64Array(inner);
  for (let o = 0, at = 0; o < outer; o++) {
    sums.fill(0);
    for (let r = 0; r < reduce; r++, at += inner) for (let i = 0; i < inner; i++) sums[i] += x[at + i];
    for (let i = 0, to = o * inner; i < inner; i++) out[to + i] = sums[i] * scale;
  }
}

/** Reduces `axes`; the axes are moved last first unless they are neighbours already. */
function reduce(backend: WasmBackend, x: tf.TensorInfo, attrs: ReduceAttrs, mean: boolean): tf.TensorInfo {
  const rank = x.shape.length;
  const axes = [...new Set(tf.util.parseAxisParam(attrs.axis, x.shape))].sort((a, b) => a - b);
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const neighbours = axes.every((axis, i) => axis === axes[0] + i);
  const input = neighbours ? alias(backend, x) : transpose(backend, x, [...kept, ...axes]);
  const first = neighbours ? (axes[0] ?? rank) : kept.length;
  const count = sizeOf(axes.map((axis) => x.shape[axis]));
  const outer = sizeOf(input.shape.slice(0, first));
  const inner = sizeOf(input.shape.slice(first + axes.length));
  const shape = attrs.keepDims ? x.shape.map((n, i) => (axes.includes(i) ? 1 : n)) : kept.map((i) => x.shape[i]);
  const out = backend.makeOutput(shape, mean ? 'float32' : x.dtype);
  const scale = mean ? 1 / count : 1;
  reduceBlock(backend.typedArrayFromHeap(input), backend.typedArrayFromHeap(out), outer, count, inner, scale);
  backend.disposeData(input.dataId);
  return out;
}

function transpose(backend: WasmBackend, x: tf.TensorInfo, perm: number[]): tf.TensorInfo {
  const kernel = tf.getKernel('Transpose', 'wasm').kernelFunc as unknown as (
    args: KernelArgs<{ x: tf.TensorInfo }, { perm: number[] }>,
  ) => tf.TensorInfo;
  return kernel({ inputs: { x }, attrs: { perm }, backend });
}

/** Replaces Sum and Mean. */
export function putReductions(): void {
  type Args = KernelArgs<{ x: tf.TensorInfo }, ReduceAttrs>;
  putKernel('Sum', ({ inputs, attrs, backend }: Args) => reduce(backend, inputs.x, attrs, false));
  putKernel('Mean', ({ inputs, attrs, backend }: Args) => reduce(backend, inputs.x, attrs, true));
}

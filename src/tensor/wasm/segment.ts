/**
 * UnsortedSegmentSum for the WebAssembly backend: the gradient of a gather, which has no stock kernel.
 * One pass over the data; the plain-JavaScript backend makes one pass a segment.
 */
import type * as tf from '@tensorflow/tfjs';
import { type KernelArgs, putKernel, sizeOf } from './heap';

/** Adds UnsortedSegmentSum: out[s] = Σ x[i] over i with segmentIds[i] = s; other ids are dropped. */
export function putSegmentSum(): void {
  type Args = KernelArgs<{ x: tf.TensorInfo; segmentIds: tf.TensorInfo }, { numSegments: number }>;
  putKernel('UnsortedSegmentSum', ({ inputs, attrs, backend }: Args) => {
    const { x, segmentIds } = inputs;
    const shape = [attrs.numSegments, ...x.shape.slice(segmentIds.shape.length)];
    const out = backend.makeOutput(shape, x.dtype);
    const data = backend.typedArrayFromHeap(x);
    const ids = backend.typedArrayFromHeap(segmentIds);
    const target = backend.typedArrayFromHeap(out);
    const inner = sizeOf(shape.slice(1));
    // Many rows a segment: keep the digits. Few rows a segment: a second table would cost more than it saves.
    const sums = target.length <= data.length ? new Float64Array(target.length) : target.fill(0);
    for (let i = 0; i < ids.length; i++) {
      const segment = ids[i];
      if (segment < 0 || segment >= attrs.numSegments) continue;
      for (let j = 0, from = i * inner, to = segment * inner; j < inner; j++) sums[to + j] += data[from + j];
    }
    if (sums !== target) target.set(sums);
    return out;
  });
}

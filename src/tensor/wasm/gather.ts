/**
 * GatherV2 and its gradient's kernel, UnsortedSegmentSum, for the WebAssembly backend.
 *
 * The stock gather works out an address for every single number; UnsortedSegmentSum has no stock kernel, and
 * the plain-JavaScript backend's makes one pass over the data for every segment.
 */
import * as tf from '@tensorflow/tfjs';
import { type KernelArgs, putKernel, sizeOf, stockKernel } from './heap';
import { copyRows } from './move';

/** Replaces GatherV2 (whole slices at a time) and adds UnsortedSegmentSum (one pass over the data). */
export function putGather(): void {
  const gatherStock = stockKernel('GatherV2');
  type GatherArgs = KernelArgs<{ x: tf.Tensor; indices: tf.Tensor }, { axis: number; batchDims: number }>;
  putKernel('GatherV2', (args: GatherArgs) => (args.inputs.x.dtype === 'string' ? gatherStock(args) : gather(args)));
  putKernel('UnsortedSegmentSum', segmentSum);

  /** out[b, o, i] = x[b, o, indices[b, i]], each a slice of numbers. */
  function gather({ inputs, attrs, backend }: GatherArgs): tf.TensorInfo {
    const { x, indices } = inputs;
    const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0];
    const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, attrs.batchDims);
    const { batchSize, outerSize, dimSize, sliceSize } = info;
    const out = backend.makeOutput(info.outputShape, x.dtype);
    const source = backend.typedArrayFromHeap(x);
    const target = backend.typedArrayFromHeap(out);
    const at = backend.typedArrayFromHeap(indices);
    for (const index of at)
      if (!(index >= 0 && index < dimSize)) throw new Error(`gather: index ${index} is not in 0 … ${dimSize - 1}`);
    const perBatch = at.length / batchSize;
    for (let b = 0, to = 0; b < batchSize; b++)
      for (let o = 0; o < outerSize; o++)
        for (let i = 0; i < perBatch; i++, to += sliceSize) {
          const from = ((b * outerSize + o) * dimSize + at[b * perBatch + i]) * sliceSize;
          copyRows({ view: source, at: from, stride: 0 }, { view: target, at: to, stride: 0 }, 1, sliceSize);
        }
    return out;
  }
}

type SegmentArgs = KernelArgs<{ x: tf.TensorInfo; segmentIds: tf.TensorInfo }, { numSegments: number }>;

/** out[s] = Σ x[i] over i with segmentIds[i] = s; other ids are dropped. */
function segmentSum({ inputs, attrs, backend }: SegmentArgs): tf.TensorInfo {
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
}

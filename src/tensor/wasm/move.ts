/**
 * Kernels that only move data: Identity, Cast, Transpose, Slice, SplitV, Unpack, Concat, Pack.
 *
 * Stock Identity and Cast always copy (every product's gradient casts both factors); stock Slice copies its
 * whole input first, and rows shorter than a few numbers cost a typed-array call each.
 */
import type * as tf from '@tensorflow/tfjs';
import { slice_util, util } from '@tensorflow/tfjs';
import { alias, type HeapView, type KernelArgs, putKernel, sizeOf, stockKernel, type WasmBackend } from './heap';

type X = { x: tf.TensorInfo };

/** From here on a typed-array call is quicker than a loop. */
const longRow = 48;

/** Copies `rows` runs of `run` numbers between two strided blocks. */
export function copyRows(
  from: { view: HeapView; at: number; stride: number },
  to: { view: HeapView; at: number; stride: number },
  rows: number,
  run: number,
): void {
  const source = from.view;
  const target = to.view;
  if (run === from.stride && run === to.stride) {
    target.set(source.subarray(from.at, from.at + rows * run), to.at);
  } else if (run >= longRow) {
    for (let r = 0, s = from.at, t = to.at; r < rows; r++, s += from.stride, t += to.stride)
      target.set(source.subarray(s, s + run), t);
  } else {
    for (let r = 0, s = from.at, t = to.at; r < rows; r++, s += from.stride, t += to.stride)
      for (let i = 0; i < run; i++) target[t + i] = source[s + i];
  }
}

/** x[begin … begin + size) along every axis. */
function slice(backend: WasmBackend, x: tf.TensorInfo, begin: number[], size: number[]): tf.TensorInfo {
  if (size.every((n, i) => n === x.shape[i])) return alias(backend, x, size);
  const out = backend.makeOutput(size, x.dtype);
  if (sizeOf(size) === 0) return out;
  // Merge every axis that is taken whole into the one before it: what is left are few axes and long rows.
  const axes: { full: number; begin: number; size: number }[] = [];
  for (let i = 0; i < size.length; i++) {
    const whole = size[i] === x.shape[i];
    const last = axes.at(-1);
    if (whole && last) {
      last.full *= size[i];
      last.begin *= size[i];
      last.size *= size[i];
    } else axes.push({ full: x.shape[i], begin: begin[i], size: size[i] });
  }
  const run = axes.pop()!;
  const middle = axes.pop() ?? { full: 1, begin: 0, size: 1 };
  const source = backend.typedArrayFromHeap(x);
  const target = backend.typedArrayFromHeap(out);
  let to = 0;
  const walk = (depth: number, block: number) => {
    if (depth < axes.length) {
      const axis = axes[depth];
      for (let i = 0; i < axis.size; i++) walk(depth + 1, block * axis.full + axis.begin + i);
      return;
    }
    const at = (block * middle.full + middle.begin) * run.full + run.begin;
    const from = { view: source, at, stride: run.full };
    copyRows(from, { view: target, at: to, stride: run.size }, middle.size, run.size);
    to += middle.size * run.size;
  };
  walk(0, 0);
  return out;
}

/** Cuts an axis into parts of the given sizes. */
function split(backend: WasmBackend, x: tf.TensorInfo, axis: number, sizes: number[]): tf.TensorInfo[] {
  let at = 0;
  return sizes.map((part) => {
    const begin = x.shape.map((_, i) => (i === axis ? at : 0));
    const size = x.shape.map((n, i) => (i === axis ? part : n));
    at += part;
    return slice(backend, x, begin, size);
  });
}

/** Joins tensors along an axis; `axis` may equal the rank (stacking on a new last axis). */
function join(backend: WasmBackend, parts: tf.TensorInfo[], axis: number, shape: number[]): tf.TensorInfo {
  const out = backend.makeOutput(shape, parts[0].dtype);
  const rows = sizeOf(shape.slice(0, axis));
  const runs = parts.map((part) => sizeOf(part.shape.slice(axis)));
  const stride = runs.reduce((sum, run) => sum + run, 0);
  const target = backend.typedArrayFromHeap(out);
  let at = 0;
  parts.forEach((part, i) => {
    const from = { view: backend.typedArrayFromHeap(part), at: 0, stride: runs[i] };
    if (runs[i] > 0) copyRows(from, { view: target, at, stride }, rows, runs[i]);
    at += runs[i];
  });
  return out;
}

/** Replaces the kernels named in the header; text tensors go to the stock kernels. */
export function putMoves(): void {
  putIdentityAndCast();
  const transposeStock = stockKernel('Transpose');
  putKernel('Transpose', (args: KernelArgs<X, { perm: number[] }>) => {
    const { x } = args.inputs;
    const { perm } = args.attrs;
    const moved = perm.filter((axis) => x.shape[axis] !== 1);
    const still = moved.every((axis, i) => i === 0 || axis > moved[i - 1]);
    return still
      ? alias(
          args.backend,
          x,
          perm.map((axis) => x.shape[axis]),
        )
      : transposeStock(args);
  });
  const sliceStock = stockKernel('Slice');
  putKernel('Slice', (args: KernelArgs<X, { begin: number[]; size: number[] }>) => {
    const { x } = args.inputs;
    if (x.dtype === 'string') return sliceStock(args);
    const [begin, size] = slice_util.parseSliceParams(x as tf.Tensor, args.attrs.begin, args.attrs.size);
    slice_util.assertParamsValid(x as tf.Tensor, begin, size);
    return slice(args.backend, x, begin, size);
  });
  putSplitAndJoin();
}

function putIdentityAndCast(): void {
  const identityStock = stockKernel('Identity');
  putKernel('Identity', (args: KernelArgs<X>) =>
    args.inputs.x.dtype === 'string' ? identityStock(args) : alias(args.backend, args.inputs.x),
  );
  const castStock = stockKernel('Cast');
  putKernel('Cast', (args: KernelArgs<X, { dtype: tf.DataType }>) => {
    const { backend, inputs, attrs } = args;
    const { x } = inputs;
    if (x.dtype === attrs.dtype && x.dtype !== 'string') return alias(backend, x);
    if (attrs.dtype !== 'bool' || x.dtype === 'string') return castStock(args);
    // Stock stores the low byte: 0.5 and 256 would become false.
    const out = backend.makeOutput(x.shape, 'bool');
    const source = backend.typedArrayFromHeap(x);
    const target = backend.typedArrayFromHeap(out);
    for (let i = 0; i < source.length; i++) target[i] = source[i] === 0 ? 0 : 1;
    return out;
  });
}

function putSplitAndJoin(): void {
  const stock = { SplitV: stockKernel('SplitV'), Unpack: stockKernel('Unpack') };
  putKernel('SplitV', (args: KernelArgs<X, { numOrSizeSplits: number | number[]; axis: number }>) => {
    const { x } = args.inputs;
    if (x.dtype === 'string') return stock.SplitV(args);
    const axis = util.parseAxisParam(args.attrs.axis, x.shape)[0];
    const parts = args.attrs.numOrSizeSplits;
    const sizes = typeof parts === 'number' ? new Array<number>(parts).fill(x.shape[axis] / parts) : [...parts];
    const rest = sizes.indexOf(-1);
    if (rest >= 0) sizes[rest] = x.shape[axis] - sizes.reduce((sum, n) => sum + n, 1);
    return split(args.backend, x, axis, sizes);
  });
  putKernel('Unpack', (args: KernelArgs<{ value: tf.TensorInfo }, { axis: number }>) => {
    const { value } = args.inputs;
    if (value.dtype === 'string') return stock.Unpack(args);
    const axis = util.parseAxisParam(args.attrs.axis, value.shape)[0];
    const parts = split(args.backend, value, axis, new Array<number>(value.shape[axis]).fill(1));
    return parts.map((part) => ({ ...part, shape: value.shape.filter((_, i) => i !== axis) }));
  });
  const concatStock = stockKernel('Concat');
  putKernel('Concat', (args: KernelArgs<tf.TensorInfo[], { axis: number }>) => {
    const parts = Object.values(args.inputs);
    if (parts[0].dtype === 'string') return concatStock(args);
    const axis = util.parseAxisParam(args.attrs.axis, parts[0].shape)[0];
    const total = parts.reduce((sum, part) => sum + part.shape[axis], 0);
    return join(
      args.backend,
      parts,
      axis,
      parts[0].shape.map((n, i) => (i === axis ? total : n)),
    );
  });
  const packStock = stockKernel('Pack');
  putKernel('Pack', (args: KernelArgs<tf.TensorInfo[], { axis: number }>) => {
    const parts = Object.values(args.inputs);
    if (parts[0].dtype === 'string') return packStock(args);
    const { shape } = parts[0];
    const axis = args.attrs.axis < 0 ? args.attrs.axis + shape.length + 1 : args.attrs.axis;
    return join(args.backend, parts, axis, [...shape.slice(0, axis), parts.length, ...shape.slice(axis)]);
  });
}

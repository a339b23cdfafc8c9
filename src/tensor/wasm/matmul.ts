/**
 * BatchMatMul for the WebAssembly backend.
 *
 * The stock kernel reaches XNNPACK only for one untransposed product and runs everything else in a scalar loop,
 * 15 times slower. Here transposes are made first and a batch is a loop over zero-copy views of the heap,
 * each under a tensor id of its own, so every product is XNNPACK's.
 */
import * as tf from '@tensorflow/tfjs';
import { alias, ensureRoom, type HeapView, type KernelArgs, putKernel, sizeOf, type WasmBackend } from './heap';
import { PackedWeights } from './packed';

interface MatMulAttrs {
  transposeA: boolean;
  transposeB: boolean;
}

/** A tensor id over part of the heap; lives for one product. */
function view(backend: WasmBackend, size: number, address: number): number {
  const id = backend.dataIdNextNumber++;
  backend.wasm._register_tensor(id, size, address);
  return id;
}

/** For each matrix of the broadcast batch, which matrix of x it is. */
function batchIndex(outer: number[], batch: number[]): (i: number) => number {
  const size = sizeOf(outer);
  if (size === sizeOf(batch)) return (i) => i;
  if (size === 1) return () => 0;
  const padded = [...new Array<number>(batch.length - outer.length).fill(1), ...outer];
  return (i) => {
    let index = 0;
    for (let axis = 0, rest = i, below = sizeOf(batch); axis < batch.length; axis++) {
      below /= batch[axis];
      const at = Math.floor(rest / below);
      rest -= at * below;
      index = index * padded[axis] + (padded[axis] === 1 ? 0 : at);
    }
    return index;
  };
}

/** Columns a pass of `transposeMatrix` writes to: few enough for the cache and the page table. */
const columnBlock = 16;

/** y[c, r] = x[r, c]. Four rows at a time: every store then fills a quarter of a cache line. */
function transposeMatrix(x: HeapView, y: HeapView, rows: number, columns: number, start: number): void {
  const whole = rows - (rows % 4);
  for (let block = 0; block < columns; block += columnBlock) {
    const end = Math.min(block + columnBlock, columns);
    for (let r = 0; r < whole; r += 4) {
      let at = start + r * columns + block;
      for (let c = block, to = start + r + block * rows; c < end; c++, at++, to += rows) {
        y[to] = x[at];
        y[to + 1] = x[at + columns];
        y[to + 2] = x[at + 2 * columns];
        y[to + 3] = x[at + 3 * columns];
      }
    }
  }
  for (let r = whole; r < rows; r++)
    for (let c = 0, at = start + r * columns, to = start + r; c < columns; c++, at++, to += rows) y[to] = x[at];
}

/** x with its last two axes swapped in memory, or x itself. */
function upright(backend: WasmBackend, x: tf.TensorInfo, transposed: boolean): tf.TensorInfo {
  if (!transposed) return alias(backend, x);
  const outer = x.shape.slice(0, -2);
  const [rows, columns] = x.shape.slice(-2);
  if (rows === 1 || columns === 1) return alias(backend, x, [...outer, columns, rows]);
  const out = backend.makeOutput([...outer, columns, rows], x.dtype);
  const source = backend.typedArrayFromHeap(x);
  const target = backend.typedArrayFromHeap(out);
  for (let start = 0; start < source.length; start += rows * columns)
    transposeMatrix(source, target, rows, columns, start);
  return out;
}

/** Replaces BatchMatMul: [..., m, k] · [..., k, n] → [..., m, n], leading axes broadcast. */
export function putMatMul(): void {
  putKernel('BatchMatMul', (args: KernelArgs<{ a: tf.TensorInfo; b: tf.TensorInfo }, MatMulAttrs>) => {
    const { backend } = args;
    const { transposeB } = args.attrs;
    const { b } = args.inputs;
    const a = upright(backend, args.inputs.a, args.attrs.transposeA);
    const job = plan(backend, a, b, transposeB);
    if (job.count > 0) {
      if (job.count === 1 && job.rows <= fewRows) multiplyByWeight(backend, job, b, transposeB);
      else multiplyByUpright(backend, job, b, transposeB);
    }
    backend.disposeData(a.dataId);
    return job.out;
  });
}

/** Up to so many rows on the left, packing the right side is a good part of the work. */
const fewRows = 256;

/** `count` products of [rows, k] and [k, n]. */
interface Job {
  a: tf.TensorInfo;
  out: tf.TensorInfo;
  rows: number;
  k: number;
  n: number;
  count: number;
  ofA: (i: number) => number;
  ofB: (i: number) => number;
}

function plan(backend: WasmBackend, a: tf.TensorInfo, b: tf.TensorInfo, transposeB: boolean): Job {
  const [m, k] = a.shape.slice(-2);
  const [inner, n] = transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
  tf.util.assert(
    k === inner && a.dtype === 'float32' && b.dtype === 'float32',
    () => `matMul of ${a.dtype} [${a.shape}] and ${b.dtype} [${b.shape}]: needs float32 and equal inner sizes`,
  );
  const outerA = a.shape.slice(0, -2);
  const outerB = b.shape.slice(0, -2);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const out = backend.makeOutput([...batch, m, n], 'float32');
  const size = sizeOf(out.shape);
  if (k === 0) backend.typedArrayFromHeap(out).fill(0);
  // One matrix on the right: the whole left batch is one tall matrix.
  const folded = sizeOf(outerB) === 1;
  return {
    a,
    out,
    rows: folded ? sizeOf(batch) * m : m,
    k,
    n,
    count: size === 0 || k === 0 ? 0 : folded ? 1 : sizeOf(batch),
    ofA: batchIndex(outerA, batch),
    ofB: batchIndex(outerB, batch),
  };
}

/** Views of the right side die at once, and XNNPACK's packed copies with them. */
function multiplyByUpright(backend: WasmBackend, job: Job, b: tf.TensorInfo, transposed: boolean): void {
  const right = upright(backend, b, transposed);
  const address = backend.dataIdMap.get(right.dataId).memoryOffset;
  for (let i = 0; i < job.count; i++) {
    const id = view(backend, job.k * job.n, address + job.ofB(i) * job.k * job.n * 4);
    multiply(backend, job, i, id);
    backend.wasm._dispose_data(id);
  }
  backend.disposeData(right.dataId);
}

/** One matrix on the right: a kept packed copy if there is one. */
function multiplyByWeight(backend: WasmBackend, job: Job, b: tf.TensorInfo, transposed: boolean): void {
  const weights = PackedWeights.of(backend);
  const { id } = backend.dataIdMap.get(b.dataId);
  const form = `${job.k}x${job.n}${transposed ? ' transposed' : ''}`;
  const kept = weights.use(id, form);
  const bytes = job.k * job.n * 4;
  if (kept !== undefined) multiply(backend, job, 0, kept);
  else if (!weights.wants(id, bytes)) multiplyByUpright(backend, job, b, transposed);
  else {
    const right = upright(backend, b, transposed);
    const owner = view(backend, job.k * job.n, backend.dataIdMap.get(right.dataId).memoryOffset);
    multiply(backend, job, 0, owner); // packs; the numbers under `owner` are not read again
    weights.keep(id, form, owner, bytes);
    backend.disposeData(right.dataId);
  }
}

/** out[i] = a[i] · the matrix under tensor id `right`. */
function multiply(backend: WasmBackend, job: Job, i: number, right: number): void {
  const { wasm } = backend;
  const { rows, k, n } = job;
  ensureRoom(backend, (k + 8) * (n + 16) * 4); // packed in tiles of columns, with a bias row
  const [addressA, addressOut] = [job.a, job.out].map((x) => backend.dataIdMap.get(x.dataId).memoryOffset);
  const a = view(backend, rows * k, addressA + job.ofA(i) * rows * k * 4);
  const out = view(backend, rows * n, addressOut + i * rows * n * 4);
  const stack = wasm.stackSave();
  const shapes = wasm.stackAlloc(24);
  wasm.HEAP32.set([1, rows, k, 1, k, n], shapes >>> 2);
  wasm._BatchMatMul(a, shapes, 3, right, shapes + 12, 3, 0, 0, out);
  wasm.stackRestore(stack);
  wasm._dispose_data(a);
  wasm._dispose_data(out);
}

/**
 * BatchMatMul for the WebAssembly backend.
 *
 * The stock kernel reaches XNNPACK only for one untransposed product and runs everything else in a scalar loop,
 * 15 times slower. Here transposes are made first and a batch is a loop over zero-copy views of the heap,
 * each under a tensor id of its own, so every product is XNNPACK's.
 */
import * as tf from '@tensorflow/tfjs';
import { alias, type KernelArgs, putKernel, sizeOf, stockKernel, type WasmBackend } from './heap';

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

/** Replaces BatchMatMul: [..., m, k] · [..., k, n] → [..., m, n], leading axes broadcast. */
export function putMatMul(): void {
  const stockTranspose = stockKernel('Transpose');
  const upright = (backend: WasmBackend, x: tf.TensorInfo, transposed: boolean): tf.TensorInfo => {
    if (!transposed) return alias(backend, x);
    const [rows, columns] = x.shape.slice(-2);
    const batch = sizeOf(x.shape.slice(0, -2));
    const flat = { ...x, shape: [batch, rows, columns] };
    const turned = stockTranspose({ inputs: { x: flat }, attrs: { perm: [0, 2, 1] }, backend }) as tf.TensorInfo;
    return { ...turned, shape: [...x.shape.slice(0, -2), columns, rows] };
  };
  putKernel('BatchMatMul', (args: KernelArgs<{ a: tf.TensorInfo; b: tf.TensorInfo }, MatMulAttrs>) => {
    const { backend } = args;
    const a = upright(backend, args.inputs.a, args.attrs.transposeA);
    const b = upright(backend, args.inputs.b, args.attrs.transposeB);
    const out = product(backend, a, b);
    backend.disposeData(a.dataId);
    backend.disposeData(b.dataId);
    return out;
  });
}

function product(backend: WasmBackend, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const [m, k] = a.shape.slice(-2);
  const [inner, n] = b.shape.slice(-2);
  tf.util.assert(
    k === inner && a.dtype === 'float32' && b.dtype === 'float32',
    () => `matMul of ${a.dtype} [${a.shape}] and ${b.dtype} [${b.shape}]: needs float32 and equal inner sizes`,
  );
  const outerA = a.shape.slice(0, -2);
  const outerB = b.shape.slice(0, -2);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const out = backend.makeOutput([...batch, m, n], 'float32');
  if (sizeOf(out.shape) === 0) return out;
  if (k === 0) {
    backend.typedArrayFromHeap(out).fill(0);
    return out;
  }
  // One matrix on the right: the whole left batch is one tall matrix.
  const folded = sizeOf(outerB) === 1;
  const rows = folded ? sizeOf(batch) * m : m;
  const count = folded ? 1 : sizeOf(batch);
  multiply(
    backend,
    { a, b, out },
    { rows, k, n, count, ofA: batchIndex(outerA, batch), ofB: batchIndex(outerB, batch) },
  );
  return out;
}

interface Loop {
  rows: number;
  k: number;
  n: number;
  count: number;
  ofA: (i: number) => number;
  ofB: (i: number) => number;
}

/** The products one by one. Views die at once, and XNNPACK's packed copy of the right side with them. */
function multiply(backend: WasmBackend, t: { a: tf.TensorInfo; b: tf.TensorInfo; out: tf.TensorInfo }, loop: Loop) {
  const { wasm } = backend;
  const { rows, k, n } = loop;
  const [addressA, addressB, addressOut] = [t.a, t.b, t.out].map((x) => backend.dataIdMap.get(x.dataId).memoryOffset);
  const stack = wasm.stackSave();
  const shapes = wasm.stackAlloc(24);
  wasm.HEAP32.set([1, rows, k, 1, k, n], shapes >>> 2);
  for (let i = 0; i < loop.count; i++) {
    const a = view(backend, rows * k, addressA + loop.ofA(i) * rows * k * 4);
    const b = view(backend, k * n, addressB + loop.ofB(i) * k * n * 4);
    const out = view(backend, rows * n, addressOut + i * rows * n * 4);
    wasm._BatchMatMul(a, shapes, 3, b, shapes + 12, 3, 0, 0, out);
    for (const id of [a, b, out]) wasm._dispose_data(id);
  }
  wasm.stackRestore(stack);
}

/**
 * The WebAssembly backend as seen by its kernels: tensors are ids with an address in one growing heap.
 *
 * Rules that every kernel here follows:
 * - ask for a view after the last allocation, for growing the heap detaches older views;
 * - never write to the data of a tensor that exists already, for XNNPACK keeps packed copies of
 *   right-hand matrices by tensor id and would not see the change.
 */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';

/** Emscripten module of the backend: C functions carry a leading underscore. */
export interface WasmModule {
  HEAPU8: Uint8Array;
  HEAP32: Int32Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
  _register_tensor(id: number, size: number, address: number): void;
  _dispose_data(id: number): void;
  /** The way the backend itself disposes of a tensor's entry. */
  tfjs: { disposeData(id: number): void };
  _BatchMatMul(
    a: number,
    aShape: number,
    aRank: number,
    b: number,
    bShape: number,
    bRank: number,
    transposeA: number,
    transposeB: number,
    out: number,
  ): void;
  stackSave(): number;
  stackAlloc(bytes: number): number;
  stackRestore(stack: number): void;
}

/** What the backend remembers of a tensor's data. */
export interface HeapEntry {
  id: number;
  memoryOffset: number;
  refCount: number;
}

/** The parts of tfjs's `BackendWasm` that the kernels use. */
export interface WasmBackend {
  wasm: WasmModule;
  dataIdNextNumber: number;
  dataIdMap: { get(dataId: object): HeapEntry };
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(x: tf.TensorInfo): HeapView;
  incRef(dataId: object): void;
  disposeData(dataId: object, force?: boolean): boolean;
}

/** The heap's bytes as numbers, without a copy. */
export type HeapView = Float32Array | Int32Array | Uint8Array;

/** What the engine hands to a kernel. */
export interface KernelArgs<Inputs, Attrs = object> {
  inputs: Inputs;
  attrs: Attrs;
  backend: WasmBackend;
}

type KernelResult = tf.TensorInfo | tf.TensorInfo[];

/** The kernel that stands in the registry now. @throws Error when there is none. */
export function stockKernel(name: string): (args: KernelArgs<object, object>) => KernelResult {
  const kernel = tf.getKernel(name, 'wasm');
  if (!kernel) throw new Error(`kernel ${name} is not registered for the wasm backend`);
  return kernel.kernelFunc as unknown as (args: KernelArgs<object, object>) => KernelResult;
}

/** Puts a kernel in the registry, in place of the stock one if there is one. */
export function putKernel<Inputs, Attrs>(
  name: string,
  kernel: (args: KernelArgs<Inputs, Attrs>) => KernelResult,
): void {
  // The stock set-up has to run all the same: other stock kernels call the same C functions through it.
  const stock = tf.getKernel(name, 'wasm');
  if (stock) tf.unregisterKernel(name, 'wasm');
  tf.registerKernel({
    kernelName: name,
    backendName: 'wasm',
    setupFunc: stock?.setupFunc,
    kernelFunc: kernel as unknown as tf.KernelFunc,
  });
}

/** The same data under another shape: no copy, one more reference. */
export function alias(backend: WasmBackend, x: tf.TensorInfo, shape: number[] = x.shape): tf.TensorInfo {
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape, dtype: x.dtype };
}

/** Number of elements of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** wasm32 addresses 4 GiB and the module is built for 64 KiB less. */
const heapLimit = 2 ** 32 - 2 ** 16;

/** Makes a failed allocation an error: stock code goes on with address 0 and overwrites the heap's start. */
export function guardHeap(backend: WasmBackend): void {
  const { wasm } = backend;
  wasm._free(wasm._malloc(8)); // an Emscripten export replaces itself in the module at its first call
  const malloc = wasm._malloc;
  wasm._malloc = (bytes) => {
    const address = bytes < heapLimit ? malloc(bytes) : 0;
    if (address === 0 && bytes > 0) {
      const mib = (n: number) => (n / 2 ** 20).toFixed(0);
      throw new UserError(
        `WebAssembly backend: out of memory asking for ${mib(bytes)} MiB ` +
          `(heap ${mib(wasm.HEAPU8.length)} of at most ${mib(heapLimit)} MiB, ${tf.memory().numTensors} tensors). ` +
          'Use a smaller batch, a shorter sequence or a smaller model, or the native backend.',
      );
    }
    return address;
  };
}

/**
 * Makes sure that C code can allocate `bytes` by itself: XNNPACK's own failed allocation is a printed warning
 * and a product of garbage. Looks only when the heap is half full.
 */
export function ensureRoom(backend: WasmBackend, bytes: number): void {
  if (backend.wasm.HEAPU8.length > heapLimit / 2) backend.wasm._free(backend.wasm._malloc(bytes));
}

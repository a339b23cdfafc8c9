/**
 * Records the TensorFlow operations that eager code runs on the native backend, at the binding's `executeOp`:
 * real operation names and attributes, so no table of kernels is needed.
 *
 * What JavaScript computes meanwhile is seen only as constants. Reading values on the host would freeze them, so a
 * trace with a host read is refused; `GatherV2`'s own check of its indices is the exception (TensorFlow checks again).
 */

import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

/** Shape and TensorFlow's number of the element type. */
export interface TensorMeta {
  readonly shape: readonly number[];
  readonly dtype: number;
}

export interface OpAttr {
  readonly name: string;
  /** One of the binding's `TF_ATTR_…`. */
  readonly type: number;
  readonly value: unknown;
}

export interface TracedOp {
  readonly name: string;
  readonly attrs: readonly OpAttr[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export type HostValues = Float32Array | Int32Array | Uint8Array;

/** Operations in order; numbers are the binding's tensor ids. */
export interface Trace {
  readonly ops: TracedOp[];
  readonly metas: Map<number, TensorMeta>;
  /** Tensors whose values came from JavaScript during the trace. */
  readonly constants: Map<number, HostValues>;
  /** Tensors that existed before the trace, in order of first use. */
  readonly captured: Map<number, TensorInfo>;
  /** Why the trace cannot become a graph, or null. */
  readonly refusal: string | null;
}

interface TensorData {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The binding's parts that tracing and running graphs touch. */
export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: number[], dtype: number, values: HostValues): number;
  executeOp(name: string, attrs: OpAttr[], inputs: number[], outputs: number): (TensorMeta & { id: number })[];
}

export interface NativeBackend {
  binding: Binding;
  readonly tensorMap: { get(dataId: object): TensorData };
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  readSync(dataId: object): HostValues;
  executeSingleOutput(name: string, attrs: OpAttr[], inputs: TensorInfo[]): Tensor;
  executeMultipleOutputs(name: string, attrs: OpAttr[], inputs: TensorInfo[], outputs: number): Tensor[];
  loadSavedModelMetaGraph(path: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: Tensor[], infos: { name: string }[], outputs: string[]): Tensor[];
}

/** The native backend, or null when another one runs. */
export function nativeBackend(): NativeBackend | null {
  return tf.getBackend() === 'tensorflow' ? (tf.backend() as unknown as NativeBackend) : null;
}

/** The binding's id of a tensor; its values move to TensorFlow when they were still on the host. */
export function tensorId(backend: NativeBackend, tensor: TensorInfo): number {
  return backend.getInputTensorIds([tensor])[0];
}

/** Runs `work` eagerly on the native backend and records its operations. */
export function traceOps<T>(backend: NativeBackend, work: () => T): { result: T; trace: Trace } {
  const raw = backend.binding;
  const own = { ids: backend.getInputTensorIds, read: backend.readSync };
  const trace = {
    ops: [],
    metas: new Map(),
    constants: new Map(),
    captured: new Map(),
    refusal: null as string | null,
  };
  const recorded = trace as Trace & { refusal: string | null };
  let reading: object | null = null;
  const refuse = (why: string) => {
    recorded.refusal ??= why;
  };

  const binding = Object.create(raw, {
    createTensor: {
      value: (shape: number[], dtype: number, values: HostValues) => {
        const id = raw.createTensor(shape, dtype, values);
        recorded.metas.set(id, { shape: [...shape], dtype });
        recorded.constants.set(id, values.slice());
        return id;
      },
    },
    executeOp: {
      value: (name: string, attrs: OpAttr[], inputs: number[], count: number) => {
        if (reading && (name !== 'GatherV2' || backend.tensorMap.get(reading).id !== inputs[1])) refuse(HOST_READ);
        reading = null;
        const outputs = raw.executeOp(name, attrs, inputs, count);
        for (const { id, shape, dtype } of outputs) recorded.metas.set(id, { shape, dtype });
        recorded.ops.push({
          name,
          attrs: attrs.map((attr) => ({ ...attr })),
          inputs: [...inputs],
          outputs: outputs.map(({ id }) => id),
        });
        return outputs;
      },
    },
  }) as Binding;
  // napi functions insist on their own receiver
  for (const key of Object.getOwnPropertyNames(raw) as (keyof Binding)[]) {
    const value = raw[key] as unknown;
    if (Object.hasOwn(binding, key)) continue;
    Object.defineProperty(binding, key, { value: typeof value === 'function' ? value.bind(raw) : value });
  }

  backend.binding = binding;
  backend.getInputTensorIds = (tensors) => {
    const ids = own.ids.call(backend, tensors);
    tensors.forEach((tensor, i) => {
      const id = ids[i];
      if (recorded.metas.has(id)) return;
      if (!('dataId' in tensor)) {
        refuse('uses 64-bit integers');
        return;
      }
      const { shape, dtype } = backend.tensorMap.get(tensor.dataId);
      recorded.metas.set(id, { shape: [...shape], dtype });
      recorded.captured.set(id, { dataId: tensor.dataId, shape: tensor.shape, dtype: tensor.dtype });
    });
    return ids;
  };
  backend.readSync = (dataId) => {
    if (reading) refuse(HOST_READ);
    reading = dataId;
    return own.read.call(backend, dataId);
  };
  try {
    const result = work();
    if (reading) refuse(HOST_READ);
    return { result, trace: recorded };
  } finally {
    backend.binding = raw;
    backend.getInputTensorIds = own.ids;
    backend.readSync = own.read;
  }
}

const HOST_READ = 'reads values of tensors in JavaScript, which a graph would freeze';

/** The native backend's parts that tracing and running graphs touch. tfjs-node names none of them in its types. */

import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

/** TensorFlow's numbers of the element types. */
export const FLOAT = 1;
export const INT32 = 3;
export const BOOL = 10;

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

export type HostValues = Float32Array | Int32Array | Uint8Array;

/** What the backend knows of a tensor; values that TensorFlow has not seen yet are still on the host. */
export interface TensorData {
  shape: number[];
  dtype: number;
  id: number;
  values: HostValues | null;
  refCount: number;
}

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
  readonly tensorMap: { has(dataId: object): boolean; get(dataId: object): TensorData };
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  readSync(dataId: object): HostValues;
  move(dataId: object, values: HostValues, shape: number[], dtype: string, refCount: number): void;
  createOutputTensor(meta: TensorMeta & { id: number }): Tensor;
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

/** Ids below −1 belong to tensors without values; −1 is the backend's own "not written yet". */
let hollow = -2;

export const hollowId = (): number => hollow--;

export const isHollow = (id: number): boolean => id < -1;

const guarded = new WeakSet<NativeBackend>();

/** Says so in words when eager code takes a value that is not there. */
export function guardHollow(backend: NativeBackend): void {
  if (guarded.has(backend)) return;
  guarded.add(backend);
  const own = { ids: backend.getInputTensorIds, read: backend.readSync };
  const refuse = (): never => {
    throw new Error('this variable lives in a graph while it trains: its value is here after sync, as in onEvaluate');
  };
  backend.getInputTensorIds = (tensors) => {
    const ids = own.ids.call(backend, tensors);
    return ids.some(isHollow) ? refuse() : ids;
  };
  backend.readSync = (dataId) =>
    backend.tensorMap.has(dataId) && isHollow(backend.tensorMap.get(dataId).id)
      ? refuse()
      : own.read.call(backend, dataId);
}

/** A tensor of a shape that holds nothing and takes no memory: whoever computes with it outside a trace fails. */
export function hollowTensor(backend: NativeBackend, { shape, dtype }: TensorMeta): Tensor {
  return backend.createOutputTensor({ id: hollowId(), shape: [...shape], dtype });
}

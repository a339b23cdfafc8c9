/**
 * Records the TensorFlow operations of a function without running any: tfjs-node's kernels spell real operation names
 * and attributes at the binding's `executeOp`, which answers here with an id and the shape that a rule gives
 * (shapes.ts). Gradients come from tfjs' own tape, so no table of kernels and no second set of gradients is needed.
 *
 * Nothing has a value while tracing: reading one is an error that names the line. What JavaScript computes meanwhile
 * is seen as constants only, and tensors that exist already as values frozen for as long as the graph is used;
 * whatever changes from call to call is an input or a declared variable.
 */

import { basename } from 'node:path';
import type { NamedTensorMap, Tensor, TensorInfo, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../batch';
import {
  type Binding,
  BOOL,
  FLOAT,
  type HostValues,
  hollowId,
  hollowTensor,
  INT32,
  isHollow,
  type NativeBackend,
  type OpAttr,
  type TensorMeta,
} from './native';
import { outputsOf } from './shapes';

/** Why a function cannot become a graph. */
export class Untraceable extends Error {}

export interface TracedOp {
  readonly name: string;
  readonly attrs: readonly OpAttr[];
  /** Tensor ids; those of an update begin with the variables' values before it. */
  readonly inputs: readonly number[];
  /** Tensor ids; an update gives its variables' values after it. */
  readonly outputs: readonly number[];
  /** Positions in the state of the variables that an update writes in place. */
  readonly updates?: readonly number[];
}

/** A function as operations in order. Numbers are tensor ids; only captured tensors have one below which values lie. */
export interface Trace {
  readonly ops: TracedOp[];
  readonly metas: Map<number, TensorMeta>;
  /** Tensors whose values came from JavaScript while tracing. */
  readonly constants: Map<number, HostValues>;
  /** Tensors that existed before and are no inputs: frozen. In order of first use. */
  readonly captured: Map<number, TensorInfo>;
  readonly inputs: ReadonlyMap<string, number>;
  /** Variables that are fed at every call. */
  readonly fed: readonly number[];
  readonly outputs: ReadonlyMap<string, number>;
  /** Values of the declared variables before and after. */
  readonly state: readonly { readonly before: number; readonly after: number }[];
}

const DTYPES: Readonly<Record<string, number>> = { float32: FLOAT, int32: INT32, bool: BOOL };

/** The recording that runs now. */
let active: Tracing | null = null;

export const isTracing = (): boolean => active !== null;

/** The first line outside the libraries and this folder: who asked. */
function caller(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  const own = lines.find((line) => !/node_modules|tfjs-|[\\/]tensor[\\/]jit[\\/]|node:/.test(line));
  const place = /([^\s()]+:\d+):\d+\)?$/.exec(own ?? '');
  return place ? ` (${basename(place[1])})` : '';
}

class Tracing {
  readonly ops: TracedOp[] = [];
  readonly metas = new Map<number, TensorMeta>();
  readonly constants = new Map<number, HostValues>();
  readonly captured = new Map<number, TensorInfo>();
  /** Tensors that JavaScript made while tracing. */
  readonly fresh = new WeakSet<object>();
  /** Fresh tensors whose values went to `constants`. */
  readonly moved: object[] = [];

  constructor(
    readonly backend: NativeBackend,
    readonly state: readonly Variable[],
  ) {}

  /** A tensor that stands for an input or for a variable's value. */
  stand(shape: readonly number[], dtype: string): Tensor {
    const type = DTYPES[dtype];
    if (type === undefined) throw new Untraceable(`uses ${dtype} tensors`);
    const made = hollowTensor(this.backend, { shape, dtype: type });
    this.metas.set(this.backend.tensorMap.get(made.dataId).id, { shape: [...shape], dtype: type });
    return made;
  }

  /** `executeOp` without running anything. */
  execute(name: string, attrs: readonly OpAttr[], inputs: readonly number[], count: number) {
    const found = this.infer(name, attrs, inputs, count).map((meta) => ({ ...meta, id: hollowId() }));
    for (const { id, shape, dtype } of found) this.metas.set(id, { shape, dtype });
    this.ops.push({ name, attrs: attrs.map((attr) => ({ ...attr })), inputs, outputs: found.map(({ id }) => id) });
    return found;
  }

  private infer(name: string, attrs: readonly OpAttr[], inputs: readonly number[], count: number): TensorMeta[] {
    try {
      return outputsOf({
        name,
        inputs: inputs.map((id) => this.metas.get(id) as TensorMeta),
        outputs: count,
        attr: (key) => attrs.find((attr) => attr.name === key)?.value,
        values: (input) => {
          const values = this.constants.get(inputs[input]);
          if (!values) throw new Error(`operation ${name} takes its shape from values`);
          return values;
        },
      });
    } catch (error) {
      throw new Untraceable(`${(error as Error).message}${caller()}`);
    }
  }

  /** `getInputTensorIds`: what a tensor is to this recording. */
  idOf(tensor: TensorInfo, upload: (tensor: TensorInfo) => number): number {
    if (!('dataId' in tensor)) throw new Untraceable(`uses 64-bit integers${caller()}`);
    const data = this.backend.tensorMap.get(tensor.dataId);
    if (data.values !== null && this.fresh.has(tensor.dataId)) {
      data.id = hollowId();
      this.metas.set(data.id, { shape: [...data.shape], dtype: data.dtype });
      this.constants.set(data.id, data.values);
      this.moved.push(tensor.dataId);
      data.values = null;
    }
    const id = data.values === null ? data.id : upload(tensor);
    if (this.metas.has(id)) return id;
    if (isHollow(id)) throw new Untraceable(`uses a variable that another graph holds${caller()}`);
    this.metas.set(id, { shape: [...data.shape], dtype: data.dtype });
    this.captured.set(id, { dataId: tensor.dataId, shape: tensor.shape, dtype: tensor.dtype });
    return id;
  }

  /** `readSync`: values that JavaScript made are known, all others are not. */
  read(dataId: object): HostValues {
    const data = this.backend.tensorMap.get(dataId);
    const values = data.values ?? this.constants.get(data.id);
    if (values && this.fresh.has(dataId)) return values;
    const made = this.ops.find(({ outputs }) => outputs.includes(data.id));
    const what = made ? `the result of ${made.name}` : 'a tensor';
    throw new Untraceable(`reads values in JavaScript, which a graph would freeze: ${what} [${data.shape}]${caller()}`);
  }

  /** Gives fresh tensors that outlive the recording their values back. */
  heal(): void {
    for (const dataId of this.moved) {
      if (!this.backend.tensorMap.has(dataId)) continue;
      const data = this.backend.tensorMap.get(dataId);
      const values = this.constants.get(data.id);
      if (values) Object.assign(data, { id: -1, values });
    }
  }
}

/** Runs `work` with the backend answering from the recording. */
function recording<T>(tracing: Tracing, work: () => T): T {
  const { backend } = tracing;
  const raw = backend.binding;
  const own = { ids: backend.getInputTensorIds, read: backend.readSync, move: backend.move };
  const assign = tf.Variable.prototype.assign;
  const binding = Object.create(raw, {
    executeOp: {
      value: (name: string, attrs: OpAttr[], inputs: number[], count: number) =>
        tracing.execute(name, attrs, [...inputs], count),
    },
  }) as Binding;
  // napi functions insist on their own receiver
  for (const key of Object.getOwnPropertyNames(raw) as (keyof Binding)[]) {
    const value = raw[key] as unknown;
    if (Object.hasOwn(binding, key)) continue;
    Object.defineProperty(binding, key, { value: typeof value === 'function' ? value.bind(raw) : value });
  }
  freeGather();
  active = tracing;
  backend.binding = binding;
  backend.getInputTensorIds = (tensors) =>
    tensors.map((tensor) => tracing.idOf(tensor, (one) => own.ids.call(backend, [one])[0]));
  backend.readSync = (dataId) => tracing.read(dataId);
  backend.move = (dataId, ...rest) => {
    tracing.fresh.add(dataId);
    own.move.call(backend, dataId, ...rest);
  };
  tf.Variable.prototype.assign = function (value) {
    if (!tracing.state.includes(this)) throw new Untraceable(`assigns a variable that is not declared${caller()}`);
    assign.call(this, value);
  };
  try {
    return work();
  } finally {
    active = null;
    backend.binding = raw;
    backend.getInputTensorIds = own.ids;
    backend.readSync = own.read;
    backend.move = own.move;
    tf.Variable.prototype.assign = assign;
    tracing.heal();
  }
}

/**
 * Traces `fn`. Nothing is computed, and the state is afterwards as it was before.
 * @param inputs of the shapes that the graph will serve; their values are not looked at.
 * @param state variables that `fn` may assign.
 * @param fed variables that it reads anew at every call.
 * @throws Untraceable that says what stands against a graph, and whatever else `fn` throws.
 */
export function traceFunction<I extends Tensors>(
  backend: NativeBackend,
  fn: (inputs: I) => Tensors,
  inputs: I,
  state: readonly Variable[],
  fed: readonly Variable[] = [],
): Trace {
  const tracing = new Tracing(backend, state);
  const declared = [...state, ...fed];
  const before = declared.map((variable) => tf.keep(tf.clone(variable as Tensor)));
  const id = ({ dataId }: TensorInfo) => backend.tensorMap.get(dataId).id;
  const stand = ({ shape, dtype }: TensorInfo) => tracing.stand(shape, dtype);
  const given: Record<string, Tensor> = {};
  try {
    for (const [name, tensor] of Object.entries(inputs)) given[name] = stand(tensor);
    const held = declared.map((variable) => {
      const value = stand(variable);
      variable.assign(value);
      value.dispose();
      return id(variable);
    });
    const traced = recording(tracing, () => {
      const outputs = tf.tidy(() => fn(given as I) as NamedTensorMap);
      const ids = new Map(Object.entries(outputs).map(([name, one]) => [name, backend.getInputTensorIds([one])[0]]));
      const after = state.map((variable) => backend.getInputTensorIds([variable])[0]);
      tf.dispose(outputs);
      return { ids, after };
    });
    return {
      ops: tracing.ops,
      metas: tracing.metas,
      constants: tracing.constants,
      captured: tracing.captured,
      inputs: new Map(Object.entries(given).map(([name, tensor]) => [name, id(tensor)])),
      fed: held.slice(state.length),
      outputs: traced.ids,
      state: traced.after.map((after, i) => ({ before: held[i], after })),
    };
  } finally {
    tf.dispose(given as NamedTensorMap);
    declared.forEach((variable, i) => {
      variable.assign(before[i]);
      before[i].dispose();
    });
  }
}

/**
 * Records an operation that writes declared variables in place; they hold its results from here on.
 * @param variables its first inputs. @param inputs the others.
 * @returns false when nothing is traced: the caller then computes the same eagerly.
 */
export function traceUpdate(
  name: string,
  attrs: readonly OpAttr[],
  variables: readonly Variable[],
  inputs: readonly Tensor[],
): boolean {
  if (!active) return false;
  const { backend, state, metas, ops } = active;
  const updates = variables.map((variable) => state.indexOf(variable));
  if (updates.includes(-1)) throw new Untraceable(`updates a variable that is not declared${caller()}`);
  const ids = backend.getInputTensorIds([...variables, ...inputs]);
  const outputs = variables.map((variable, i) => {
    const { shape, dtype } = metas.get(ids[i]) as TensorMeta;
    const after = hollowTensor(backend, { shape, dtype });
    const id = backend.tensorMap.get(after.dataId).id;
    metas.set(id, { shape, dtype });
    variable.assign(after);
    after.dispose();
    return id;
  });
  ops.push({ name, attrs, inputs: ids, outputs, updates });
  return true;
}

let gatherIsFree = false;

/** tfjs-node's kernel reads the indices to check them; TensorFlow checks them again when the graph runs. */
function freeGather(): void {
  if (gatherIsFree) return;
  gatherIsFree = true;
  const plain = tf.getKernel('GatherV2', 'tensorflow');
  tf.unregisterKernel('GatherV2', 'tensorflow');
  tf.registerKernel({
    ...plain,
    kernelFunc: (params) => {
      if (!active) return plain.kernelFunc(params);
      const { x, indices } = params.inputs as NamedTensorMap;
      const { axis, batchDims } = params.attrs as unknown as { axis: number; batchDims: number };
      const { backend } = active;
      const { TF_ATTR_INT, TF_ATTR_TYPE } = backend.binding;
      const place = tf.scalar(axis, 'int32');
      const made = backend.executeSingleOutput(
        'GatherV2',
        [
          { name: 'batch_dims', type: TF_ATTR_INT, value: batchDims },
          { name: 'Tparams', type: TF_ATTR_TYPE, value: DTYPES[x.dtype] },
          { name: 'Tindices', type: TF_ATTR_TYPE, value: DTYPES[indices.dtype] },
          { name: 'Taxis', type: TF_ATTR_TYPE, value: INT32 },
        ],
        [x, indices, place],
      );
      place.dispose();
      return made;
    },
  });
}

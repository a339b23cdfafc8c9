/** Turns a trace into graph nodes: declared tensors become what the caller says, the rest is kept or set once. */

import type { TensorInfo } from '@tensorflow/tfjs';
import { type Attr, type GraphBuilder, INT32 } from './graph';
import type { Binding, HostValues, OpAttr, Trace, TracedOp } from './trace';

/** Constants of more bytes than this are set once as variables and stay out of the graph's file. */
const MOST_CONSTANT_BYTES = 1 << 18;

/** A value to put into a placeholder once, before the first run. */
export interface OnceFed {
  readonly placeholder: string;
  readonly assign: string;
  readonly value:
    | TensorInfo
    | { readonly values: HostValues; readonly shape: readonly number[]; readonly dtype: number };
}

export interface Emitted {
  /** Node output of every asked tensor, in order. */
  readonly outputs: string[];
  readonly once: OnceFed[];
}

function attrOf(binding: Binding, { name, type, value }: OpAttr): Attr {
  if (type === binding.TF_ATTR_TYPE) return { type: value as number };
  if (type === binding.TF_ATTR_INT) return Array.isArray(value) ? { ints: value } : { int: value as number };
  if (type === binding.TF_ATTR_FLOAT) return { float: value as number };
  if (type === binding.TF_ATTR_BOOL) return { bool: Boolean(value) };
  if (type === binding.TF_ATTR_STRING) return { string: value as string };
  if (type === binding.TF_ATTR_SHAPE) return { shape: value as number[] };
  throw new Error(`attribute ${name} has a type that graphs here do not know: ${type}`);
}

const sameType = ({ SrcT, DstT }: Record<string, Attr>) => 'type' in SrcT && 'type' in DstT && SrcT.type === DstT.type;

/** Positions of the operations that the outputs depend on. */
function needed(trace: Trace, outputs: readonly number[]): boolean[] {
  const wanted = new Set(outputs);
  const used = new Array<boolean>(trace.ops.length).fill(false);
  for (let i = trace.ops.length - 1; i >= 0; i--) {
    const op = trace.ops[i];
    if (!op.outputs.some((id) => wanted.has(id))) continue;
    used[i] = true;
    for (const id of op.inputs) wanted.add(id);
  }
  return used;
}

/** The trace without the operations that the outputs do not depend on. */
export function pruned(trace: Trace, outputs: readonly number[]): Trace {
  const used = needed(trace, outputs);
  return { ...trace, ops: trace.ops.filter((_, i) => used[i]) };
}

/** Whether the second input is a vector as long as the rows of the first. */
const isRow = ({ metas }: Trace, { inputs: [a, b] }: TracedOp): boolean => {
  const [x, y] = [metas.get(a)!.shape, metas.get(b)!.shape];
  return y.length === 1 && x[x.length - 1] === y[0];
};

/**
 * @param declared node outputs that stand for declared tensors, by tensor id.
 * @param outputs ids of the tensors to compute.
 */
export function emitTrace(
  graph: GraphBuilder,
  binding: Binding,
  trace: Trace,
  declared: ReadonlyMap<number, string>,
  outputs: readonly number[],
): Emitted {
  const places = new Map(declared);
  const once: OnceFed[] = [];
  const setOnce = (id: number, value: OnceFed['value']): string => {
    const meta = trace.metas.get(id)!;
    const variable = graph.variable(meta);
    const placeholder = graph.placeholder(meta);
    once.push({ placeholder, assign: graph.assign(variable, placeholder), value });
    return variable.read;
  };
  const place = (id: number): string => {
    const known = places.get(id);
    if (known !== undefined) return known;
    const meta = trace.metas.get(id);
    const values = trace.constants.get(id);
    const captured = trace.captured.get(id);
    if (!meta || (!values && !captured)) throw new Error(`the trace uses tensor ${id}, which nothing made`);
    const uniform = values?.every((v) => Object.is(v, values[0]));
    const made =
      values && (uniform || values.byteLength <= MOST_CONSTANT_BYTES)
        ? graph.constant(meta, values)
        : setOnce(id, values ? { values, ...meta } : captured!);
    places.set(id, made);
    return made;
  };
  const used = needed(trace, outputs);
  const products = new Set<number>();
  trace.ops.forEach((op, i) => {
    if (!used[i]) return;
    const attrs = Object.fromEntries(op.attrs.map((attr) => [attr.name, attrOf(binding, attr)]));
    if (op.name === 'Cast' && sameType(attrs)) {
      places.set(op.outputs[0], place(op.inputs[0])); // tf.mean casts whatever it gets
      return;
    }
    if (op.name === 'ExpandDims') {
      // its kernel leaves the types to eager TensorFlow
      attrs.T = { type: trace.metas.get(op.inputs[0])!.dtype };
      attrs.Tdim = { type: INT32 };
    }
    const flat = op.name === 'BatchMatMulV2' && op.inputs.every((id) => trace.metas.get(id)!.shape.length === 2);
    if (flat) products.add(op.outputs[0]);
    // an addition to every row of a product: TensorFlow makes it part of the product when it is named so
    const bias = /^Add(V2)?$/.test(op.name) && products.has(op.inputs[0]) && isRow(trace, op);
    const inputs = op.inputs.map(place);
    const name = flat
      ? graph.node('MatMul', inputs, { T: attrs.T, transpose_a: attrs.adj_x, transpose_b: attrs.adj_y })
      : bias
        ? graph.node('BiasAdd', inputs, { T: attrs.T })
        : graph.node(op.name, inputs, attrs);
    op.outputs.forEach((id, k) => {
      places.set(id, k === 0 ? name : `${name}:${k}`);
    });
  });
  return { outputs: outputs.map(place), once };
}

/** Turns a trace into graph nodes. */

import type { Attr, GraphBuilder, GraphVariable } from './graph';
import { type Binding, INT32, type OpAttr, type TensorMeta } from './native';
import type { Plan } from './plan';
import type { Trace, TracedOp } from './trace';

/** Names of what a graph takes and gives. */
export interface Emitted {
  /** Placeholders by input name; inputs that the function does not use have none. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Placeholders of the fed variables that it uses, by position. */
  readonly fed: ReadonlyMap<number, string>;
  readonly outputs: ReadonlyMap<string, string>;
  /** Variables of the frozen tensors, in the plan's order. */
  readonly frozen: readonly GraphVariable[];
  readonly state: readonly GraphVariable[];
  /** Nodes that write the state. */
  readonly writes: readonly string[];
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

/** A state variable while nodes are written. */
interface Held {
  readonly variable: GraphVariable;
  /** The tensor whose value the variable holds now. */
  id: number;
  /** The node that must be done before it may be written; null when nothing reads or writes it. */
  after: string | null;
}

export function emitTrace(graph: GraphBuilder, binding: Binding, trace: Trace, plan: Plan): Emitted {
  const meta = (id: number) => trace.metas.get(id) as TensorMeta;
  const places = new Map<number, string>();
  /** Tensors whose values something takes, other than to write over them. */
  const used = new Set([
    ...plan.ops.flatMap(({ inputs, updates }) => inputs.slice(updates?.length ?? 0)),
    ...trace.outputs.values(),
    ...trace.state.filter(({ before, after }) => before !== after).map(({ after }) => after),
  ]);
  const inputs = new Map<string, string>();
  const fed = new Map<number, string>();
  const open = <K>(key: K, id: number, among: Map<K, string>) => {
    if (!used.has(id)) return;
    const place = graph.placeholder(meta(id));
    among.set(key, place);
    places.set(id, place);
  };
  for (const [name, id] of trace.inputs) open(name, id, inputs);
  for (const [i, id] of trace.fed.entries()) open(i, id, fed);
  const frozen = plan.frozen.map((id) => {
    const variable = graph.variable(meta(id));
    places.set(id, variable.read);
    return variable;
  });
  const writes: string[] = [];
  const held = trace.state.map(({ before }): Held => {
    const variable = graph.variable(meta(before));
    places.set(before, variable.read);
    return { variable, id: before, after: used.has(before) ? variable.read : null };
  });
  const place = (id: number): string => {
    const known = places.get(id);
    if (known !== undefined) return known;
    const values = trace.constants.get(id);
    if (!values) throw new Error(`the trace uses tensor ${id}, which nothing made`);
    const made = graph.constant(meta(id), values);
    places.set(id, made);
    return made;
  };
  /** Makes a variable hold the value of a tensor. */
  const settle = (one: Held, id: number) => {
    if (one.id === id) return;
    const done = graph.assign(one.variable, place(id), ...(one.after === null ? [] : [one.after]));
    Object.assign(one, { id, after: done });
    writes.push(done);
  };
  const update = (op: TracedOp, attrs: Record<string, Attr>) => {
    const written = (op.updates as readonly number[]).map((i) => held[i]);
    written.forEach((one, i) => {
      settle(one, op.inputs[i]);
    });
    const rest = op.inputs.slice(written.length).map(place);
    const handles = written.map(({ variable }) => variable.handle);
    const before = written.flatMap(({ after }) => (after === null ? [] : [`^${after}`]));
    const done = graph.node(op.name, [...handles, ...rest, ...before], attrs);
    writes.push(done);
    written.forEach((one, i) => {
      Object.assign(one, { id: op.outputs[i], after: done });
    });
  };
  /** A value that an update left: read when something asks for it. */
  const readLater = (id: number) => {
    const one = held.find((candidate) => candidate.id === id);
    if (!one || one.after === null || places.has(id)) return;
    const read = graph.readAfter(one.variable, one.after);
    places.set(id, read);
    one.after = read;
  };

  const products = new Set<number>();
  for (const op of plan.ops) {
    const attrs = Object.fromEntries(op.attrs.map((attr) => [attr.name, attrOf(binding, attr)]));
    if (op.updates) {
      for (const id of op.inputs.slice(op.updates.length)) readLater(id);
      update(op, attrs);
      continue;
    }
    for (const id of op.inputs) readLater(id);
    if (op.name === 'Cast' && sameType(attrs)) {
      places.set(op.outputs[0], place(op.inputs[0])); // tf.mean casts whatever it gets
      continue;
    }
    if (op.name === 'ExpandDims') {
      // its kernel leaves the types to eager TensorFlow
      attrs.T = { type: meta(op.inputs[0]).dtype };
      attrs.Tdim = { type: INT32 };
    }
    const flat = op.name === 'BatchMatMulV2' && op.inputs.every((id) => meta(id).shape.length === 2);
    if (flat) products.add(op.outputs[0]);
    // an addition to every row of a product: TensorFlow makes it part of the product when it is named so
    const bias = /^Add(V2)?$/.test(op.name) && products.has(op.inputs[0]) && isRow(trace, op);
    const from = op.inputs.map(place);
    const name = flat
      ? graph.node('MatMul', from, { T: attrs.T, transpose_a: attrs.adj_x, transpose_b: attrs.adj_y })
      : bias
        ? graph.node('BiasAdd', from, { T: attrs.T })
        : graph.node(op.name, from, attrs);
    op.outputs.forEach((id, k) => {
      places.set(id, k === 0 ? name : `${name}:${k}`);
    });
  }
  const outputs = new Map<string, string>();
  for (const [name, id] of trace.outputs) {
    readLater(id);
    // a name of its own: what is fed cannot be fetched, and two outputs may be one tensor
    outputs.set(name, graph.node('Identity', [place(id)], { T: { type: meta(id).dtype } }));
  }
  trace.state.forEach(({ after }, i) => {
    settle(held[i], after);
  });
  return { inputs, fed, outputs, frozen, state: held.map(({ variable }) => variable), writes };
}

/** Whether the second input is a vector as long as the rows of the first. */
function isRow({ metas }: Trace, { inputs: [a, b] }: TracedOp): boolean {
  const [x, y] = [metas.get(a) as TensorMeta, metas.get(b) as TensorMeta];
  return y.shape.length === 1 && x.shape[x.shape.length - 1] === y.shape[0];
}

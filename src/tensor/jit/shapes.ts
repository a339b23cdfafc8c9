/**
 * Shape and type of what each TensorFlow operation gives, from those of its inputs: all that tracing needs to know of
 * it. An operation without a rule cannot be traced. Attributes are those that tfjs-node's kernels pass.
 */

import { BOOL, type HostValues, type TensorMeta } from './native';

/** One call of an operation. */
export interface OpCall {
  readonly name: string;
  readonly inputs: readonly TensorMeta[];
  readonly outputs: number;
  /** An attribute's value. */
  attr(name: string): unknown;
  /** Values of an input that sets a shape. @throws Error when they are not known while tracing. */
  values(input: number): HostValues;
}

type Rule = (call: OpCall) => TensorMeta | TensorMeta[];

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const integer = (call: OpCall, input: number) => Number(call.values(input)[0]);
const integers = (call: OpCall, input: number) => Array.from(call.values(input), Number);
const place = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** NumPy's broadcasting. */
function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not fit each other`);
    return x === 1 ? y : x;
  });
}

const same: Rule = ({ inputs: [x] }) => x;
const test: Rule = ({ inputs: [{ shape }] }) => ({ shape, dtype: BOOL });
const binary: Rule = ({ inputs: [a, b] }) => ({ shape: broadcast(a.shape, b.shape), dtype: a.dtype });
const compare: Rule = ({ inputs: [a, b] }) => ({ shape: broadcast(a.shape, b.shape), dtype: BOOL });

const reduce: Rule = (call) => {
  const [{ shape, dtype }] = call.inputs;
  const axes = new Set(integers(call, 1).map((axis) => place(axis, shape.length)));
  const kept = call.attr('keep_dims')
    ? shape.map((d, i) => (axes.has(i) ? 1 : d))
    : shape.filter((_, i) => !axes.has(i));
  return { shape: kept, dtype };
};

const argument: Rule = (call) => {
  const { shape } = call.inputs[0];
  const axis = place(integer(call, 1), shape.length);
  return { shape: shape.filter((_, i) => i !== axis), dtype: call.attr('output_type') as number };
};

const product: Rule = (call) => {
  const [{ shape: a, dtype }, { shape: b }] = call.inputs;
  const [left, right] = [a.slice(-2), b.slice(-2)];
  const rows = call.attr('adj_x') ? left[1] : left[0];
  const columns = call.attr('adj_y') ? right[0] : right[1];
  const [inner, other] = [call.attr('adj_x') ? left[0] : left[1], call.attr('adj_y') ? right[1] : right[0]];
  if (inner !== other) throw new Error(`matrices [${a}] and [${b}] do not fit each other`);
  return { shape: [...broadcast(a.slice(0, -2), b.slice(0, -2)), rows, columns], dtype };
};

const pad: Rule = (call) => {
  const [{ shape, dtype }] = call.inputs;
  const pads = integers(call, 1);
  return { shape: shape.map((d, i) => d + pads[2 * i] + pads[2 * i + 1]), dtype };
};

const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    [
      ...[
        'Abs',
        'Acos',
        'Acosh',
        'Asin',
        'Asinh',
        'Atan',
        'Atanh',
        'Ceil',
        'Cos',
        'Cosh',
        'Elu',
        'Erf',
        'Exp',
        'Expm1',
      ],
      ...[
        'Floor',
        'LeakyRelu',
        'Log',
        'Log1p',
        'LogicalNot',
        'Neg',
        'OnesLike',
        'Reciprocal',
        'Relu',
        'Relu6',
        'Round',
      ],
      ...['Rsqrt', 'Selu', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softmax', 'Softplus', 'Sqrt', 'Square', 'Tan', 'Tanh'],
      ...['ZerosLike', 'Cumsum', 'Cumprod', 'ReverseV2', 'AddN', 'SigmoidGrad', 'EluGrad'],
    ].map((name) => [name, same]),
  ),
  ...Object.fromEntries(['IsNan', 'IsInf', 'IsFinite'].map((name) => [name, test])),
  ...Object.fromEntries(
    [
      ...['Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Div', 'FloorDiv', 'FloorMod', 'Maximum', 'Minimum'],
      ...['Pow', 'SquaredDifference', 'Atan2'],
    ].map((name) => [name, binary]),
  ),
  ...Object.fromEntries(
    ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'LogicalAnd', 'LogicalOr'].map((name) => [
      name,
      compare,
    ]),
  ),
  ...Object.fromEntries(['Sum', 'Mean', 'Max', 'Min', 'Prod', 'All', 'Any'].map((name) => [name, reduce])),
  ArgMax: argument,
  ArgMin: argument,
  BatchMatMulV2: product,
  PadV2: pad,
  MirrorPad: pad,
  Cast: (call) => ({ shape: call.inputs[0].shape, dtype: call.attr('DstT') as number }),
  Select: ({ inputs: [, t] }) => t,
  Fill: (call) => ({ shape: integers(call, 0), dtype: call.inputs[1].dtype }),
  Range: (call) => {
    const [start, stop, step] = [0, 1, 2].map((i) => integer(call, i));
    return { shape: [Math.max(0, Math.ceil((stop - start) / step))], dtype: call.inputs[0].dtype };
  },
  OneHot: (call) => ({ shape: [...call.inputs[0].shape, integer(call, 1)], dtype: call.inputs[2].dtype }),
  Reshape: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const asked = integers(call, 1);
    const known = size(asked.filter((d) => d >= 0));
    const made = asked.map((d) => (d < 0 ? size(shape) / known : d));
    if (size(made) !== size(shape)) throw new Error(`[${shape}] cannot be reshaped to [${asked}]`);
    return { shape: made, dtype };
  },
  ExpandDims: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const made = [...shape];
    made.splice(place(integer(call, 1), shape.length + 1), 0, 1);
    return { shape: made, dtype };
  },
  Transpose: (call) => {
    const [{ shape, dtype }] = call.inputs;
    return { shape: integers(call, 1).map((axis) => shape[axis]), dtype };
  },
  Tile: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const times = integers(call, 1);
    return { shape: shape.map((d, i) => d * times[i]), dtype };
  },
  Slice: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const [begin, length] = [integers(call, 1), integers(call, 2)];
    return { shape: shape.map((d, i) => (length[i] < 0 ? d - begin[i] : length[i])), dtype };
  },
  ConcatV2: (call) => {
    const parts = call.inputs.slice(0, -1);
    const axis = place(integer(call, parts.length), parts[0].shape.length);
    const along = parts.reduce((sum, { shape }) => sum + shape[axis], 0);
    return { shape: parts[0].shape.map((d, i) => (i === axis ? along : d)), dtype: parts[0].dtype };
  },
  SplitV: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const axis = place(integer(call, 2), shape.length);
    return integers(call, 1).map((part) => ({ shape: shape.map((d, i) => (i === axis ? part : d)), dtype }));
  },
  Pack: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const made = [...shape];
    made.splice(place(call.attr('axis') as number, shape.length + 1), 0, call.inputs.length);
    return { shape: made, dtype };
  },
  Unpack: (call) => {
    const [{ shape, dtype }] = call.inputs;
    const axis = place(call.attr('axis') as number, shape.length);
    return Array.from({ length: shape[axis] }, () => ({ shape: shape.filter((_, i) => i !== axis), dtype }));
  },
  GatherV2: (call) => {
    const [{ shape, dtype }, { shape: index }] = call.inputs;
    const axis = place(integer(call, 2), shape.length);
    const shared = call.attr('batch_dims') as number;
    return { shape: [...shape.slice(0, axis), ...index.slice(shared), ...shape.slice(axis + 1)], dtype };
  },
  UnsortedSegmentSum: (call) => {
    const [{ shape, dtype }, { shape: segments }] = call.inputs;
    return { shape: [integer(call, 2), ...shape.slice(segments.length)], dtype };
  },
  SparseSoftmaxCrossEntropyWithLogits: ({ inputs: [{ shape, dtype }] }) => [
    { shape: shape.slice(0, 1), dtype },
    { shape, dtype },
  ],
};

/** Operations that have a rule. */
export const tracedOps: readonly string[] = Object.keys(RULES);

/** @throws Error when the operation has no rule, or the inputs' shapes do not fit. */
export function outputsOf(call: OpCall): TensorMeta[] {
  const rule = Object.hasOwn(RULES, call.name) ? RULES[call.name] : undefined;
  if (!rule) throw new Error(`operation ${call.name} has no shape rule`);
  const found = rule(call);
  return Array.isArray(found) ? found : [found];
}

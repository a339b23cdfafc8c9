/**
 * What of a trace a graph needs, and a name for it: two traces of one name are the same graph, whatever the frozen
 * tensors hold, so one graph serves all runs of the same shapes.
 */
import { createHash } from 'node:crypto';
import type { HostValues, TensorMeta } from './native';
import type { Trace, TracedOp } from './trace';

/** Constants of more bytes than this are set like frozen tensors and stay out of the graph's file. */
const MOST_CONSTANT_BYTES = 1 << 18;

export interface Plan {
  /** Operations that an output or the state depends on, in order. */
  readonly ops: readonly TracedOp[];
  /** Ids of frozen tensors and large constants, in order of first use: set before the first run. */
  readonly frozen: readonly number[];
  /** Structure and small constants, as a hash. */
  readonly name: string;
  /** Hash of the large constants; empty without any. */
  readonly values: string;
  /** What the name is the hash of. */
  readonly lines: readonly string[];
}

const uniform = (values: HostValues) => values.every((value) => Object.is(value, values[0]));
const bytesOf = (values: HostValues) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function needed({ ops, outputs, state }: Trace): TracedOp[] {
  const wanted = new Set([...outputs.values(), ...state.map(({ after }) => after)]);
  const used: TracedOp[] = [];
  for (const op of [...ops].reverse()) {
    if (!op.updates && !op.outputs.some((id) => wanted.has(id))) continue;
    used.push(op);
    for (const id of op.inputs) wanted.add(id);
  }
  return used.reverse();
}

export function planOf(trace: Trace): Plan {
  const { metas, constants, inputs, fed, outputs, state } = trace;
  const ops = needed(trace);
  const lines: string[] = [];
  const large = createHash('sha256');
  const names = new Map<number, string>();
  const frozen: number[] = [];
  let any = false;
  const describe = (id: number): string => {
    const { shape, dtype } = metas.get(id) as TensorMeta;
    return `${dtype} [${shape}]`;
  };
  const declare = (id: number, name: string) => {
    names.set(id, name);
    lines.push(`${name} ${describe(id)}`);
  };
  for (const [name, id] of inputs) declare(id, `input ${name}`);
  for (const [i, id] of fed.entries()) declare(id, `fed ${i}`);
  for (const [i, { before }] of state.entries()) declare(before, `state ${i}`);
  const refer = (id: number): string => {
    const known = names.get(id);
    if (known !== undefined) return known;
    const values = constants.get(id);
    const small = values && (values.byteLength <= MOST_CONSTANT_BYTES || uniform(values));
    if (small) {
      const name = `constant ${describe(id)} ${createHash('sha256').update(bytesOf(values)).digest('base64')}`;
      names.set(id, name);
      return name;
    }
    if (values) {
      any = true;
      large.update(bytesOf(values));
    }
    frozen.push(id);
    declare(id, `frozen ${frozen.length}`);
    return names.get(id) as string;
  };
  for (const [i, op] of ops.entries()) {
    const inputs = op.inputs.map(refer); // declares what it meets, so before its own line
    lines.push(`operation ${i} (${op.name}): ${JSON.stringify([op.attrs, op.updates])} ${inputs}`);
    op.outputs.forEach((id, k) => {
      names.set(id, `${i}:${k}`);
    });
  }
  for (const [name, id] of outputs) lines.push(`output ${name}: ${refer(id)}`);
  for (const { after } of state) lines.push(`state after: ${refer(after)}`);
  const name = createHash('sha256').update(lines.join('\n')).digest('hex');
  return { ops, frozen, name, values: any ? large.digest('hex') : '', lines };
}

/** What two plans of one function differ in first, or null. */
export function planDifference(a: Plan, b: Plan): string | null {
  if (a.name === b.name && a.values === b.values) return null;
  const at = a.lines.findIndex((line, i) => line !== b.lines[i]);
  const what = at < 0 ? 'a large constant' : a.lines[at].split(':')[0];
  return `${what} is not the same in two calls: JavaScript changes a value that is not declared`;
}

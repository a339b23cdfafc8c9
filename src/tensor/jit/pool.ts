/**
 * Graphs kept for the process: building one takes TensorFlow about a second, and runs of the same shapes (the seeds of a
 * comparison) need the same. A kept graph holds no tensors.
 */
import { CompiledGraph } from './compiled';
import type { NativeBackend } from './native';
import type { Plan } from './plan';
import type { Trace } from './trace';

/** Idle graphs that are kept; the one unused for longest goes first. */
const MOST_IDLE = 24;

const idle: CompiledGraph[] = [];
let built = 0;

/** Graphs built in this process so far. */
export const graphsBuilt = (): number => built;

/** Whether `acquire` would have to build. */
export const isKept = ({ name }: Plan): boolean => idle.some((graph) => graph.name === name);

/** A graph for the trace, its frozen tensors set. */
export function acquire(backend: NativeBackend, trace: Trace, plan: Plan): CompiledGraph {
  const at = idle.findIndex((graph) => graph.name === plan.name);
  const kept = at < 0 ? undefined : idle.splice(at, 1)[0];
  if (!kept) built += 1;
  const graph = kept ?? new CompiledGraph(backend, trace, plan);
  try {
    graph.begin(trace, plan);
    return graph;
  } catch (error) {
    graph.dispose();
    throw error;
  }
}

/** Gives a graph back; what it holds is freed. */
export function release(graph: CompiledGraph): void {
  graph.clear();
  idle.push(graph);
  if (idle.length > MOST_IDLE) idle.shift()?.dispose();
}

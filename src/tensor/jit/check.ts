/** Compares the first result of a graph with the same function run eagerly: for tests, and on request. */
import type { Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

/** ‖a − b‖ over ‖b‖ up to which the orders of float32 sums may take them apart. */
const TOLERANCE = 1e-3;

/** Named values on the host. */
export type Values = ReadonlyMap<string, Float32Array>;

export const valuesOf = (tensors: Readonly<Record<string, Tensor>>): Values =>
  new Map(Object.entries(tensors).map(([name, tensor]) => [name, Float32Array.from(tensor.dataSync())]));

/** @returns what differs, or null. */
export function difference(graph: Values, eager: Values): string | null {
  for (const [name, expected] of eager) {
    const found = graph.get(name);
    if (!found || found.length !== expected.length) return `${name} has another shape`;
    let [distance, norm] = [0, 0];
    expected.forEach((value, i) => {
      distance += (value - found[i]) ** 2;
      norm += value ** 2;
    });
    const relative = distance === 0 ? 0 : Math.sqrt(distance / norm);
    if (!(relative <= TOLERANCE)) {
      return `${name} of the graph differs from the eager one by ${relative.toExponential(1)} of its norm`;
    }
  }
  return null;
}

let always = false;

/** Checks every graph that is built from now on. */
export function checkGraphs(on: boolean): void {
  always = on;
}

export const graphsAreChecked = (): boolean => always || process.env.GORA_CHECK_GRAPHS === '1';

/** A copy that keeps its values whatever happens to the original. */
export const copyOf = (tensor: Tensor): Tensor => tf.keep(tf.clone(tensor));

/** A model's named weights, and the plain network over them. */

import type { Rank, Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { HostTensor } from '../formats/weights';
import { linear } from './layers';
import type { LinearLayer, Model, Net } from './model';

/** A non-trainable variable that takes over the tensor. Anonymous: named variables clash when a cell runs twice. */
export function variable<R extends Rank>(value: Tensor<R>): Variable<R> {
  const made = tf.variable(value, false);
  value.dispose();
  return made;
}

/** [rows, columns] row-major → its transpose. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  return out;
}

/** A linear weight kept in another form than float32, in place of its parameter (4 bits: methods/nf4-base.ts). */
export interface StoredWeight {
  readonly shape: readonly [number, number];
  /** x·Wᵀ with the gradient of x. x [n, in] → [n, out]. */
  apply(x: Tensor2D): Tensor2D;
  /** Float32 values [out, in]. Caller disposes. */
  value(): Tensor2D;
  dispose(): void;
}

const stored = new WeakMap<Model['params'], Map<string, StoredWeight>>();

/** Weights of the model that are not float32, by parameter name. They are not in `params`. */
export function storedWeights({ params }: Pick<Model, 'params'>): Map<string, StoredWeight> {
  let found = stored.get(params);
  if (!found) stored.set(params, (found = new Map()));
  return found;
}

/**
 * The value of a parameter.
 * @throws UserError when it is stored in 4 bits; Error on an unknown name (a fault of the architecture, not of input).
 */
export function param(model: Pick<Model, 'name' | 'params'>, name: string): Variable {
  const found = model.params.get(name);
  if (found) return found;
  if (storedWeights(model).has(name)) {
    throw new UserError(`"${name}" is stored in 4 bits and this needs its float32 values. Use base float32`);
  }
  throw new Error(`model ${model.name} has no parameter "${name}"`);
}

const indexes = new WeakMap<Model, Map<string, LinearLayer>>();

/** The linear layer of that name. @throws Error on an unknown name. */
export function layerOf(model: Model, name: string): LinearLayer {
  let index = indexes.get(model);
  if (!index) {
    index = new Map(model.linears.map((layer) => [layer.name, layer]));
    indexes.set(model, index);
  }
  const layer = index.get(name);
  if (!layer) throw new Error(`model ${model.name} has no linear layer "${name}"`);
  return layer;
}

/** A layer's weight [out, in] in float32, whatever it is stored as; called inside a tidy. */
export function weightOf(model: Model, layer: LinearLayer): Tensor2D {
  const compact = storedWeights(model).get(layer.weight);
  return compact ? compact.value() : (param(model, layer.weight) as Tensor as Tensor2D);
}

/** What a layer computes without adapters. */
export function baseLinear(model: Model, layer: LinearLayer, x: Tensor2D): Tensor2D {
  const bias = layer.bias === null ? null : (param(model, layer.bias) as unknown as Tensor1D);
  const compact = storedWeights(model).get(layer.weight);
  if (!compact) return linear(x, param(model, layer.weight) as unknown as Tensor2D, bias);
  return bias ? tf.add(compact.apply(x), bias) : compact.apply(x);
}

/** The network with nothing attached. */
export function baseNet(model: Model): Net {
  return {
    get: (name) => param(model, name),
    linear: (name, x) => baseLinear(model, layerOf(model, name), x),
  };
}

/** Number of weights. */
export function countParams(model: Model): number {
  let total = 0;
  for (const value of model.params.values()) total += value.size;
  for (const { shape } of storedWeights(model).values()) total += shape[0] * shape[1];
  return total;
}

/** Host copies of all weights. */
export async function exportWeights(model: Model): Promise<Map<string, HostTensor>> {
  const weights = new Map<string, HostTensor>();
  for (const [name, value] of model.params) {
    weights.set(name, { shape: value.shape, data: (await value.data()) as Float32Array });
  }
  for (const [name, weight] of storedWeights(model)) {
    const value = weight.value();
    weights.set(name, { shape: value.shape, data: (await value.data()) as Float32Array });
    value.dispose();
  }
  return weights;
}

/**
 * Runs `inside` while a weight holds other values [row-major], then puts its own back, bit for bit.
 * For measuring what a change of one weight does.
 */
export async function withWeight<T>(
  model: Model,
  name: string,
  values: Float32Array,
  inside: () => Promise<T>,
): Promise<T> {
  const weight = param(model, name);
  const before = tf.clone(weight);
  try {
    tf.tidy(() => weight.assign(tf.tensor(values, weight.shape)));
    return await inside();
  } finally {
    weight.assign(before);
    before.dispose();
  }
}

/** Frees every weight. */
export function disposeModel(model: Model): void {
  for (const value of model.params.values()) value.dispose();
  for (const value of storedWeights(model).values()) value.dispose();
  model.params.clear();
  storedWeights(model).clear();
}

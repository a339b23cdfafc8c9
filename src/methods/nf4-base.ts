/**
 * A base in four bits: QLoRA (Dettmers et al. 2023) and QGoRA (GoRA §4: gradients and init on the full weights, then
 * the base in NF4), and any other method whose adapters only read the base through its layers. Four bits are a property
 * of the layer (`StoredWeight` in models/params.ts): whoever asks for what it computes gets it.
 *
 * A method that shifts its base (LoRA-GA, PiSSA, OLoRA) shifts it in float32 first; the shifted base is quantised
 * and the error of that is in the notes.
 */

import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { LinearLayer, Model } from '../models/model';
import { param, storedWeights, variable } from '../models/params';
import { quantiseNf4 } from '../tensor/nf4';
import { type Nf4Place, type Nf4Tensor, storeNf4 } from '../tensor/nf4-tensor';
import type { Adapters, Method } from './method';

/** What quantising the base did. */
export interface Nf4Facts {
  readonly base: 'nf4';
  readonly quantisedWeights: number;
  readonly bytesPerWeight: number;
  /** ‖Q(W) − W‖/‖W‖, mean over the layers. */
  readonly quantisationError: number;
  readonly worstLayer: string;
  readonly worstError: number;
}

/** Weights of a model in NF4. */
export interface Nf4Base {
  readonly facts: Nf4Facts;
  /** Gives all weights their float32 variables back, holding the dequantised values, and frees the 4-bit values. */
  release(): void;
}

interface Packed {
  readonly layer: LinearLayer;
  readonly tensor: Nf4Tensor;
  /** ‖Q(W) − W‖/‖W‖ */
  readonly error: number;
}

/** @throws UserError when the weight is not finite or in NF4 already. */
function pack(model: Model, layer: LinearLayer, place: Nf4Place | undefined): Packed {
  const weight = param(model, layer.weight);
  const tensor = storeNf4(quantiseNf4(weight.dataSync() as Float32Array), [layer.out, layer.in], place);
  const error = tf.tidy(() => {
    const size = tf.norm(weight).dataSync()[0];
    return size === 0 ? 0 : tf.norm(tf.sub(weight, tensor.value())).dataSync()[0] / size;
  });
  if (Number.isFinite(error)) return { layer, tensor, error };
  tensor.dispose();
  throw new UserError(`cannot quantise ${layer.name}: its weight holds NaN or Infinity`);
}

function factsOf(packed: readonly Packed[]): Nf4Facts {
  const worst = packed.reduce((a, b) => (b.error > a.error ? b : a));
  const weights = packed.reduce((sum, { layer }) => sum + layer.out * layer.in, 0);
  return {
    base: 'nf4',
    quantisedWeights: weights,
    bytesPerWeight: packed.reduce((sum, { tensor }) => sum + tensor.bytes, 0) / weights,
    quantisationError: packed.reduce((sum, { error }) => sum + error, 0) / packed.length,
    worstLayer: worst.layer.name,
    worstError: worst.error,
  };
}

/**
 * Puts the weights of these layers into NF4 and frees their float32 values.
 * @throws UserError, with the model unchanged, when a weight is not finite or in NF4 already.
 */
export function quantiseBase(model: Model, layers: readonly LinearLayer[], place?: Nf4Place): Nf4Base {
  const packed = new Map<string, Packed>();
  try {
    for (const layer of layers) if (!packed.has(layer.weight)) packed.set(layer.weight, pack(model, layer, place));
  } catch (error) {
    for (const { tensor } of packed.values()) tensor.dispose();
    throw error;
  }
  const stored = storedWeights(model);
  for (const [name, { tensor }] of packed) {
    model.params.get(name)?.dispose();
    model.params.delete(name);
    stored.set(name, tensor);
  }
  return {
    facts: factsOf([...packed.values()]),
    release: () => {
      for (const [name, { tensor }] of packed) {
        if (stored.delete(name)) model.params.set(name, variable(tensor.value()));
        tensor.dispose();
      }
      packed.clear();
    },
  };
}

export interface Nf4Options {
  /** Keep float32 copies on the host, so that `dispose` gives the model its weights back exactly. Default true. */
  readonly keepOriginal?: boolean;
  /** Layers to quantise. Default all linear layers, as QLoRA does. */
  readonly layers?: readonly LinearLayer[];
  /** Where the 4-bit values stay. Default the device where it is a GPU, else the host. */
  readonly place?: Nf4Place;
}

/**
 * Makes adapters on the full weights, then puts the base into NF4. The adapters are the method's own object: it works on
 * any form of base, merges through float32, and its `dispose` gives a float32 base back: the one before, or without
 * `keepOriginal` the dequantised one.
 * @throws UserError for methods that train the base or compute with its float32 values (full fine-tuning).
 */
export function baseInNf4(
  model: Model,
  method: Pick<Method, 'title'>,
  make: () => Adapters,
  { keepOriginal = true, layers = model.linears, place }: Nf4Options = {},
): Adapters {
  const originals = new Map<string, Float32Array>();
  if (keepOriginal) {
    for (const { weight } of layers) originals.set(weight, param(model, weight).dataSync().slice() as Float32Array);
  }
  const adapters = make();
  const free = adapters.dispose.bind(adapters);
  let base: Nf4Base | null = null;
  const restore = () => {
    base?.release();
    free(); // undoes a shift, in float32
    for (const [name, values] of originals) {
      const weight = param(model, name);
      tf.tidy(() => weight.assign(tf.tensor(values, weight.shape)));
    }
    originals.clear();
  };
  try {
    refuseBaseTraining(method, adapters);
    base = quantiseBase(model, layers, place);
    adapters.baseChanged?.();
    refuseBaseReading(method, adapters);
  } catch (error) {
    restore();
    throw error;
  }
  Object.assign(adapters.notes, base.facts);
  let disposed = false;
  adapters.dispose = () => {
    if (disposed) return;
    disposed = true;
    adapters.unmerge();
    restore();
  };
  return adapters;
}

function refuseBaseTraining({ title }: Pick<Method, 'title'>, { trainable }: Adapters): void {
  checkNf4({ title, trainsBase: trainable.some(({ group }) => group === 'base') });
}

/** @throws UserError when a method cannot stand over a base in 4 bits, as far as its name tells. */
export function checkNf4({ title, trainsBase }: Pick<Method, 'title' | 'trainsBase'>): void {
  if (!trainsBase) return;
  throw new UserError(`${title} trains the base weights, and NF4 weights cannot be trained. Use base float32`);
}

/** One row through the first adapted layer shows whether the method asks for float32 weights. */
function refuseBaseReading({ title }: Pick<Method, 'title'>, { net, targets }: Adapters): void {
  try {
    tf.tidy(() => void net.linear(targets[0].name, tf.zeros([1, targets[0].in])));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${title} computes with float32 base weights. Use base float32`, { cause: error });
  }
}

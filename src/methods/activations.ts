/**
 * Principal components of every target's inputs, before training (EVA, Paischer et al. 2024 §3.1).
 * Layers that read the same tensor (q, k and v of a block) share one analysis; a layer whose needed components have
 * converged is skipped. Positions without loss are left out where the batch says so, as in PEFT.
 */

import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { LinearLayer, Model, Net } from '../models/model';
import { baseLinear, layerOf, param } from '../models/params';
import { interruptible } from '../processes/interrupt';
import { atOnce, type Turns } from '../processes/turns';
import type { Batch } from '../tensor/batch';
import { IncrementalPca } from '../tensor/incremental-pca';
import { Random } from '../tensor/random';
import { distributeRanks, mostComponents } from './eva';

/** Principal components of one layer's inputs. */
export interface InputComponents {
  /** Number of components k. */
  readonly rank: number;
  /** [k, in] row-major, orthonormal rows, by falling variance. */
  readonly components: Float32Array;
  /** Share of the inputs' variance along each component, [k]. */
  readonly ratios: Float64Array;
}

export interface ActivationOptions {
  readonly rank: number;
  readonly rho: number;
  readonly tau: number;
  /** Most batches to read. Default: all. */
  readonly activationBatches?: number;
}

export interface ActivationResult {
  readonly activations: Map<string, InputComponents>;
  readonly activationBatches: number;
  /** Whether every component that carries a rank reached τ. */
  readonly converged: boolean;
}

/** Analysis of one input that one or more layers read. */
interface Input {
  readonly pca: IncrementalPca;
  cosines: Float64Array;
}

/** Rows of x [n, in] that carry loss; all when the batch has no weights of that length. */
function labelled(x: Tensor2D, batch: Batch): Float32Array {
  const rows = x.dataSync() as Float32Array;
  const [n, width] = x.shape;
  const weights = batch.weights?.size === n ? (batch.weights.dataSync() as Float32Array) : null;
  if (!weights?.some((weight) => weight === 0)) return rows;
  const kept = Array.from({ length: n }, (_, i) => i).filter((i) => weights[i] !== 0);
  const chosen = new Float32Array(kept.length * width);
  kept.forEach((from, to) => {
    chosen.set(rows.subarray(from * width, (from + 1) * width), to * width);
  });
  return chosen;
}

/** Layers grouped by the tensor they read: every target's leader. */
function findLeaders(model: Model, targets: ReadonlySet<string>, batch: Batch): Map<string, string> {
  const first = new Map<number, string>();
  const leaders = new Map<string, string>();
  const net = observe(model, targets, (layer, x) => {
    if (!first.has(x.id)) first.set(x.id, layer.name);
    leaders.set(layer.name, first.get(x.id) as string);
  });
  tf.tidy(() => void model.logits(net, batch));
  return leaders;
}

function observe(model: Model, targets: ReadonlySet<string>, see: (layer: LinearLayer, x: Tensor2D) => void): Net {
  return {
    get: (name) => param(model, name),
    linear: (name, x) => {
      const layer = layerOf(model, name);
      if (targets.has(name)) see(layer, x);
      return baseLinear(model, layer, x);
    },
  };
}

/**
 * Runs batches through the frozen model until the components have converged.
 * @throws UserError when there is no batch, or no batch is long enough for the components.
 */
export function estimateActivations(
  model: Model,
  targets: readonly LinearLayer[],
  batches: Iterable<Batch>,
  options: ActivationOptions,
  random = new Random(0, 'activations'),
): ActivationResult {
  return atOnce(activationTurns(model, targets, batches, options, random));
}

/** As `estimateActivations`, with a rest after every batch. */
export function* activationTurns(
  model: Model,
  targets: readonly LinearLayer[],
  batches: Iterable<Batch>,
  options: ActivationOptions,
  random: Random,
): Turns<ActivationResult> {
  const { rank, rho, tau } = options;
  const names = new Set(targets.map((layer) => layer.name));
  const inputs = new Map<string, Input>();
  let leaders = new Map<string, string>();
  let needed = new Map<string, number>();
  const inputOf = (layer: LinearLayer) => inputs.get(leaders.get(layer.name) as string);
  const done = (layer: LinearLayer): boolean => {
    const cosines = inputOf(layer)?.cosines.subarray(0, needed.get(layer.name));
    return needed.size > 0 && cosines !== undefined && cosines.every((cosine) => cosine >= tau);
  };
  let count = 0;
  for (const batch of batches) {
    interruptible();
    if (count === 0) leaders = findLeaders(model, names, batch);
    const waiting = new Set(targets.filter((layer) => !done(layer)).map((layer) => leaders.get(layer.name)));
    if (waiting.size === 0 || count === options.activationBatches) break;
    const net = observe(model, names, (layer, x) => {
      if (!waiting.has(layer.name)) return;
      const readers = targets.filter((other) => leaders.get(other.name) === layer.name);
      const most = Math.max(...readers.map((other) => mostComponents(other, rank, rho)));
      const rows = labelled(x, batch);
      if (!inputs.has(layer.name) && rows.length / layer.in < most) return;
      const input = inputs.get(layer.name) ?? {
        pca: new IncrementalPca(layer.in, most, random.fork(layer.name)),
        cosines: new Float64Array(most),
      };
      inputs.set(layer.name, input);
      input.cosines = input.pca.add(rows) ?? input.cosines;
    });
    tf.tidy(() => void model.logits(net, batch));
    count += 1;
    const ratios = new Map(targets.map((layer) => [layer.name, inputOf(layer)?.pca.ratios ?? new Float64Array(0)]));
    if ([...ratios.values()].every((own) => own.length > 0)) needed = distributeRanks(targets, ratios, rank, rho);
    yield;
  }
  if (count === 0) throw new UserError('no batch to measure inputs on: the training set is empty');
  const activations = new Map(
    targets.map((layer): [string, InputComponents] => {
      const pca = inputOf(layer)?.pca;
      if (!pca?.components) {
        throw new UserError(`no batch has enough positions for the components of ${layer.name}: raise the batch size`);
      }
      const { rank: components, ratios } = pca;
      return [layer.name, { rank: components, components: Float32Array.from(pca.components), ratios }];
    }),
  );
  return { activations, activationBatches: count, converged: targets.every(done) };
}

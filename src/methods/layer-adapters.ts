/**
 * What all adapters over frozen linear layers share: routing a forward pass, merging, undoing, restoring.
 * A subclass says what one layer computes and how its effective weight differs from the base.
 */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { LinearLayer, Model, Net } from '../models/model';
import { baseLinear, layerOf, param } from '../models/params';
import type { AdapterState, Adapters, Parameter } from './method';

export interface AdapterFacts {
  readonly method: string;
  readonly importances?: ReadonlyMap<string, number>;
  readonly notes?: Readonly<Record<string, unknown>>;
}

export abstract class LayerAdapters implements Adapters {
  readonly method: string;
  readonly trainable: Parameter[] = [];
  readonly ranks = new Map<string, number>();
  readonly importances: ReadonlyMap<string, number> | null;
  readonly notes: Readonly<Record<string, unknown>>;
  readonly net: Net;
  private readonly adapted: ReadonlySet<string>;
  /** Base weights before `merge`; null when not merged. A clone shares its buffer until the weight changes. */
  private before: Map<string, Tensor> | null = null;
  private disposed = false;

  constructor(
    protected readonly model: Model,
    readonly targets: readonly LinearLayer[],
    facts: AdapterFacts,
  ) {
    this.method = facts.method;
    this.importances = facts.importances ?? null;
    this.notes = facts.notes ?? {};
    this.adapted = new Set(targets.map((layer) => layer.name));
    this.net = {
      get: (name) => param(model, name),
      linear: (name, x) => {
        const layer = layerOf(model, name);
        const plain = this.before !== null || this.disposed || !this.adapted.has(name);
        return plain ? baseLinear(model, layer, x) : this.adapt(layer, x);
      },
    };
  }

  /** What an adapted layer computes. x [n, in] → [n, out]. */
  protected abstract adapt(layer: LinearLayer, x: Tensor2D): Tensor2D;

  /** Change of the effective weight against the base, [out, in]; called inside a tidy. */
  protected abstract change(layer: LinearLayer): Tensor2D;

  /** Host copies of everything that a saved adapter holds. */
  abstract state(): Promise<AdapterState>;

  /** Frees what the subclass made. */
  protected abstract release(): void;

  delta(name: string): Tensor2D {
    if (this.disposed || !this.adapted.has(name)) throw new UserError(`layer "${name}" is not adapted`);
    return tf.tidy(() => this.change(layerOf(this.model, name)));
  }

  merge(): void {
    if (this.before || this.disposed) return;
    const merged = new Map<string, Tensor>();
    try {
      for (const layer of this.targets) {
        const value = tf.tidy(() => tf.add(param(this.model, layer.weight), this.change(layer)));
        merged.set(layer.weight, value);
        // NaN and ±Infinity times 0 are NaN; every other sum is 0
        const probe = tf.tidy(() => tf.sum(tf.mul(value, 0)).dataSync()[0]);
        if (probe !== 0) {
          throw new UserError(`cannot merge ${this.method}: the weight of ${layer.name} would hold NaN or Infinity`);
        }
      }
      this.before = new Map();
      for (const [name, value] of merged) {
        const weight = param(this.model, name);
        this.before.set(name, tf.clone(weight));
        weight.assign(value);
      }
    } finally {
      tf.dispose([...merged.values()]);
    }
  }

  unmerge(): void {
    if (!this.before) return;
    for (const [name, value] of this.before) {
      param(this.model, name).assign(value);
      value.dispose();
    }
    this.before = null;
  }

  dispose(): void {
    if (this.disposed) return;
    this.unmerge();
    this.disposed = true;
    this.release();
  }
}

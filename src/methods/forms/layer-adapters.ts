/**
 * What all adapters over frozen linear layers share: their variables, routing a forward pass, merging, undoing,
 * restoring. A form says what one layer computes and how its effective weight differs from the base.
 *
 * The base may be in float32 or in another form (`StoredWeight`, NF4): everything here works on both, and merged layers
 * are float32 for as long as they are merged.
 */

import type { Rank, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { AdaptedLayer, Matrix, PeftCodec } from '../../formats/peft-layer';
import type { LinearLayer, Model, Net } from '../../models/model';
import { baseLinear, layerOf, param, type StoredWeight, storedWeights, variable, weightOf } from '../../models/params';
import { checkRank } from '../init';
import type { AdapterState, Adapters, Group, Parameter } from '../method';
import type { AdapterFacts } from './form';

/** A layer's values while they train. */
export type LiveLayer = AdaptedLayer<Variable<Rank.R2>>;

/** Which learning rate each part takes, and which parts stand still. */
export interface Parts {
  readonly groups: Readonly<Record<string, Group>>;
  readonly frozen?: readonly string[];
}

const hostMatrix = async (value: Variable): Promise<Matrix> => ({
  shape: value.shape,
  data: (await value.data()) as Float32Array,
});

export abstract class LayerAdapters implements Adapters {
  readonly method: string;
  readonly targets: readonly LinearLayer[];
  readonly trainable: Parameter[] = [];
  readonly ranks = new Map<string, number>();
  readonly importances: ReadonlyMap<string, number> | null;
  readonly notes: Record<string, unknown>;
  readonly net: Net;
  /** By layer name. */
  protected readonly live = new Map<string, LiveLayer>();
  /** Base weights before `merge`; null when not merged. A clone shares its buffer until the weight changes. */
  private before: Map<string, Tensor | StoredWeight> | null = null;
  private disposed = false;

  constructor(
    protected readonly model: Model,
    private readonly form: PeftCodec,
    layers: readonly AdaptedLayer[],
    protected readonly facts: AdapterFacts,
    { groups, frozen = [] }: Parts,
  ) {
    this.method = facts.method;
    this.importances = facts.importances ?? null;
    this.notes = { ...facts.notes };
    this.targets = layers.map(({ name }) => layerOf(model, name));
    layers.forEach(({ rank }, i) => {
      checkRank(this.targets[i], rank);
    });
    for (const layer of layers) {
      const make = (part: string, { shape, data }: Matrix): Variable<Rank.R2> => {
        const value = variable(tf.tensor2d(data, shape as [number, number]));
        if (!frozen.includes(part)) this.train(layer.name, part, groups[part], value);
        return value;
      };
      const [A, B] = [make('A', layer.A), make('B', layer.B)];
      const extra = Object.entries(layer.extra ?? {}).map(([part, values]) => [part, make(part, values)] as const);
      this.live.set(layer.name, { ...layer, A, B, extra: Object.fromEntries(extra) });
      this.ranks.set(layer.name, layer.rank);
    }
    const adapted = new Set(this.live.keys());
    this.net = {
      get: (name) => param(model, name),
      linear: (name, x) => {
        const layer = layerOf(model, name);
        const plain = this.before !== null || this.disposed || !adapted.has(name);
        return plain ? baseLinear(model, layer, x) : this.adapt(layer, x);
      },
    };
  }

  /** Lets training move a value. */
  protected train(layer: string, part: string, group: Group, value: Variable): void {
    const name = `${layer}.${this.form.tensors[part].replace(/\.weight$/, '')}`;
    this.trainable.push({ name, group, value });
  }

  protected of(layer: LinearLayer): LiveLayer {
    return this.live.get(layer.name) as LiveLayer;
  }

  /** What an adapted layer computes. x [n, in] → [n, out]. */
  protected abstract adapt(layer: LinearLayer, x: Tensor2D): Tensor2D;

  /** Change of the effective weight against the base, [out, in]; called inside a tidy. */
  protected abstract change(layer: LinearLayer): Tensor2D;

  /** Frees what the form made besides A, B and the extra values. */
  protected release(): void {}

  delta(name: string): Tensor2D {
    if (this.disposed || !this.live.has(name)) throw new UserError(`layer "${name}" is not adapted`);
    return tf.tidy(() => this.change(layerOf(this.model, name)));
  }

  merge(): void {
    if (this.before || this.disposed) return;
    const merged = new Map<string, Tensor>();
    try {
      for (const layer of this.targets) {
        const value = tf.tidy(() => tf.add(weightOf(this.model, layer), this.change(layer)));
        merged.set(layer.weight, value);
        // NaN and ±Infinity times 0 are NaN; every other sum is 0
        const probe = tf.tidy(() => tf.sum(tf.mul(value, 0)).dataSync()[0]);
        if (probe !== 0) {
          throw new UserError(`cannot merge ${this.method}: the weight of ${layer.name} would hold NaN or Infinity`);
        }
      }
      const stored = storedWeights(this.model);
      this.before = new Map();
      for (const [name, value] of merged) {
        const compact = stored.get(name);
        if (compact) {
          this.before.set(name, compact);
          stored.delete(name);
          this.model.params.set(name, variable(tf.clone(value)));
          continue;
        }
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
      const weight = param(this.model, name);
      if (value instanceof tf.Tensor) {
        weight.assign(value);
        value.dispose();
        continue;
      }
      weight.dispose();
      this.model.params.delete(name);
      storedWeights(this.model).set(name, value);
    }
    this.before = null;
  }

  async state(): Promise<AdapterState> {
    const { rankStabilised = false, config } = this.facts;
    const layers = Array.from(this.live.values(), (layer) => this.hostLayer(layer));
    return { form: this.form, rankStabilised, config, layers: await Promise.all(layers) };
  }

  /** Host copies of everything that a saved layer holds. */
  protected async hostLayer({ A, B, extra, ...rest }: LiveLayer): Promise<AdaptedLayer> {
    const more = Object.entries(extra ?? {}).map(async ([part, value]) => [part, await hostMatrix(value)] as const);
    const values = Object.fromEntries(await Promise.all(more));
    return {
      ...rest,
      A: await hostMatrix(A),
      B: await hostMatrix(B),
      ...(Object.keys(values).length > 0 && { extra: values }),
    };
  }

  dispose(): void {
    if (this.disposed) return;
    this.unmerge();
    this.disposed = true;
    this.release();
    for (const { A, B, extra } of this.live.values()) tf.dispose([A, B, ...Object.values(extra ?? {})]);
    this.live.clear();
  }
}

/**
 * AdamW (Loshchilov & Hutter 2019) keyed by parameter name, with parameter groups.
 *
 * tfjs's own Adam keeps moments by position and mixes them up when the list of variables changes.
 * What changes from step to step (learning rate, bias corrections) arrives as tensors, so one step is a pure
 * function of parameters, state, batch and scalars.
 *
 * In a graph the update is TensorFlow's own fused Adam, one operation a parameter, given scalars that make it AdamW's:
 * its 1 − β is rounded to float32, so moments are kept times k = (1 − β)₃₂/(1 − β) there, and
 *   lr·m̂/(√v̂ + ε) = α·m/(√v + ε′),  α = lr·(c₁/k₁)/√(c₂/k₂),  ε′ = ε/√(c₂/k₂),  cᵢ = 1/(1 − βᵢᵗ).
 */

import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Group, Parameter } from '../methods/method';
import type { StateVariable } from '../tensor/jit/jit';
import { isTracing } from '../tensor/jit/trace';
import { fusedAdam } from '../tensor/jit/update';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Learning rate over the base rate, by group (LoRA+: B = 16). Missing groups take 1. */
  readonly rates?: Partial<Record<Group, number>>;
}

/** Scalars that change every step. */
export interface StepScalars {
  readonly lr: Scalar;
  /** 1/(1 − β₁ᵗ). */
  readonly correction1: Scalar;
  /** 1/(1 − β₂ᵗ). */
  readonly correction2: Scalar;
  /** α, ε′ and lr·decay of the fused update. */
  readonly alpha: Scalar;
  readonly small: Scalar;
  readonly decay: Scalar;
}

/** (1 − β) as float32 arithmetic gives it, over 1 − β. */
const drift = (beta: number) => Math.fround(1 - Math.fround(beta)) / (1 - beta);

interface State {
  readonly m: Variable;
  readonly v: Variable;
}

export class AdamW {
  private readonly state = new Map<string, State>();

  constructor(
    readonly parameters: readonly Parameter[],
    readonly options: AdamWOptions,
  ) {
    const zeros = (like: Variable) => tf.tidy(() => tf.variable(tf.zerosLike(like), false));
    for (const { name, value } of parameters) {
      if (this.state.has(name)) throw new Error(`two parameters are named "${name}"`);
      this.state.set(name, { m: zeros(value), v: zeros(value) });
    }
  }

  /** The scalars of step t = 1, 2, … Caller disposes. */
  scalars(step: number, lr: number): StepScalars {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const [c1, c2] = [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)];
    const root = Math.sqrt(c2 / drift(beta2));
    return {
      lr: tf.scalar(lr),
      correction1: tf.scalar(c1),
      correction2: tf.scalar(c2),
      alpha: tf.scalar((lr * (c1 / drift(beta1))) / root),
      small: tf.scalar(epsilon / root),
      decay: tf.scalar(lr * weightDecay),
    };
  }

  /** What an update writes. */
  get variables(): StateVariable[] {
    const { beta1, beta2 } = this.options;
    return this.parameters.flatMap(({ name, value }): StateVariable[] => {
      const { m, v } = this.moments(name);
      return [
        { variable: value },
        { variable: m, scale: drift(beta1), hidden: true },
        { variable: v, scale: drift(beta2), hidden: true },
      ];
    });
  }

  /** Moments of a parameter, to be read or assigned. */
  moments(name: string): { readonly m: Variable; readonly v: Variable } {
    const state = this.state.get(name);
    if (!state) throw new Error(`no parameter is named "${name}"`);
    return state;
  }

  /** Learning rate of a group over the base rate. */
  rateOf(group: Group): number {
    return this.options.rates?.[group] ?? 1;
  }

  /** One update. `gradients` are keyed by parameter name; parameters without one stay as they are. */
  apply(gradients: Readonly<Record<string, Tensor>>, scalars: StepScalars): void {
    if (isTracing()) {
      this.applyFused(gradients, scalars);
      return;
    }
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    for (const { name, group, value } of this.parameters) {
      const gradient = gradients[name];
      if (!gradient) continue;
      const { m, v } = this.moments(name);
      tf.tidy(() => {
        m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
        v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
        const root = tf.add(tf.sqrt(tf.mul(v, scalars.correction2)), epsilon);
        const rate = tf.mul(scalars.lr, this.rateOf(group));
        let change = tf.div(tf.mul(m, scalars.correction1), root);
        if (weightDecay > 0) change = tf.add(change, tf.mul(value, weightDecay));
        value.assign(tf.sub(value, tf.mul(change, rate)));
      });
    }
  }

  private applyFused(gradients: Readonly<Record<string, Tensor>>, { alpha, small, decay }: StepScalars): void {
    const [beta1, beta2] = [tf.scalar(this.options.beta1), tf.scalar(this.options.beta2)];
    for (const { name, group, value } of this.parameters) {
      const gradient = gradients[name];
      if (!gradient) continue;
      const rate = this.rateOf(group);
      const times = (x: Scalar): Scalar => (rate === 1 ? x : tf.mul(x, rate));
      if (this.options.weightDecay > 0) value.assign(tf.mul(value, tf.sub(1, times(decay))));
      fusedAdam({ value, ...this.moments(name) }, gradient, { alpha: times(alpha), epsilon: small, beta1, beta2 });
    }
  }

  dispose(): void {
    for (const { m, v } of this.state.values()) tf.dispose([m, v]);
    this.state.clear();
  }
}

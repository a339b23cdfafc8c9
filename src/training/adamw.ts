/**
 * AdamW (Loshchilov & Hutter 2019) keyed by parameter name, with parameter groups.
 *
 * tfjs's own Adam keeps moments by position and mixes them up when the list of variables changes.
 * What changes from step to step (learning rate, bias corrections) arrives as tensors, so one step is a pure
 * function of parameters, state, batch and scalars.
 */

import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Group, Parameter } from '../methods/method';

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
}

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
    const { beta1, beta2 } = this.options;
    return {
      lr: tf.scalar(lr),
      correction1: tf.scalar(1 / (1 - beta1 ** step)),
      correction2: tf.scalar(1 / (1 - beta2 ** step)),
    };
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

  dispose(): void {
    for (const { m, v } of this.state.values()) tf.dispose([m, v]);
    this.state.clear();
  }
}

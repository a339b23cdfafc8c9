/**
 * The update of a step as a chain of links: each takes gradients by parameter name and gives gradients, and may write
 * variables of its own. What changes from step to step goes in as scalars, so that the links can stand in a graph.
 */
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Adapters } from '../methods/method';
import type { StateVariable } from '../tensor/jit/jit';
import type { AdamW, StepScalars } from './adamw';

export type Gradients = Record<string, Tensor>;

/** What a link is told besides gradients, and where it leaves what the loop wants to know. */
export interface StepFacts {
  readonly step: number;
  readonly scalars: Readonly<Record<string, Scalar>>;
  readonly report: Record<string, Scalar>;
}

export interface Link {
  /** Looks at values in JavaScript: it, and all that follows, stand outside the graph. */
  readonly inJavaScript?: boolean;
  /** Variables that it assigns. */
  readonly state?: readonly StateVariable[];
  /** Scalars of step t = 1, 2, … Caller disposes. */
  scalars?(step: number, lr: number): Readonly<Record<string, Scalar>>;
  /** Gradients belong to the link: what it does not pass on it frees. */
  apply(gradients: Gradients, facts: StepFacts): Gradients;
}

/** The method's own gradients in place of the loss's (LoRA-Pro). */
export const rewrite = (own: NonNullable<Adapters['rewriteGradients']>): Link => ({
  inJavaScript: true,
  apply: (gradients) => {
    const rewritten = own(gradients);
    const passed = new Set(Object.values(rewritten));
    tf.dispose(Object.values(gradients).filter((gradient) => !passed.has(gradient)));
    return rewritten;
  },
});

/** Scales all gradients so that their joint norm is at most `most` (Pascanu et al. 2013); 0 = only measures. */
export const clip = (most: number): Link => ({
  apply: (gradients, { report }) => {
    report.norm = clipGradients(gradients, most);
    return gradients;
  },
});

/** Clips in place. Returns the norm before. */
export function clipGradients(gradients: Gradients, most: number): Scalar {
  return tf.tidy(() => {
    const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
    // one sum, not addN: WebGPU binds at most eight buffers to a kernel
    const norm = tf.sqrt(tf.sum(tf.stack(squares))) as Scalar;
    if (most > 0) {
      const factor = tf.minimum(1, tf.div(most, tf.add(norm, 1e-6)));
      for (const [name, gradient] of Object.entries(gradients)) {
        gradients[name] = tf.keep(tf.mul(gradient, factor));
        gradient.dispose();
      }
    }
    return norm;
  });
}

/** Decoupled decay and AdamW, each group at its own rate. */
export const adamw = (optimiser: AdamW): Link => ({
  state: optimiser.variables,
  scalars: (step, lr) => ({ ...optimiser.scalars(step, lr) }),
  apply: (gradients, { scalars }) => {
    optimiser.apply(gradients, scalars as unknown as StepScalars);
    return gradients;
  },
});

/** The method looks at the parameters that have moved (AdaLoRA's allocation). */
export const look = (own: NonNullable<Adapters['afterStep']>): Link => ({
  inJavaScript: true,
  apply: (gradients, { step }) => {
    own(step, gradients);
    return gradients;
  },
});

/** What happens to the gradients of a step, in order. */
export function updateOf(adapters: Adapters, optimiser: AdamW, largestNorm: number): Link[] {
  return [
    ...(adapters.rewriteGradients ? [rewrite((gradients) => adapters.rewriteGradients!(gradients))] : []),
    clip(largestNorm),
    adamw(optimiser),
    ...(adapters.afterStep ? [look((step, gradients) => adapters.afterStep!(step, gradients))] : []),
  ];
}

export const applyLinks = (links: readonly Link[], gradients: Gradients, facts: StepFacts): Gradients =>
  links.reduce((passed, link) => link.apply(passed, facts), gradients);

/** All links' scalars; their names must differ. Caller disposes. */
export const scalarsOf = (links: readonly Link[], step: number, lr: number): Record<string, Scalar> =>
  Object.assign({}, ...links.map((link) => link.scalars?.(step, lr) ?? {}));

/**
 * Options of training, with the papers' defaults (AdamW, warm-up 3 %, cosine, no decay). Values under which a step would
 * be no step are refused, each with its rule.
 */
import { z } from 'zod';
import { positiveFloat } from '../methods/options';
import { SCHEDULES } from './schedule';

/** Decay of a moving average. At 1 the average stays 0, and its bias correction 1/(1 − βᵗ) divides by 0. */
const beta = z.number().min(0).lt(1, 'β must be below 1: at 1 the bias correction 1/(1 − βᵗ) divides by 0');

const fields = z.strictObject({
  targets: z.string().default('all').describe('layers to adapt: all, attention, types, /pattern/'),
  base: z.enum(['float32', 'nf4']).default('float32').describe('storage of frozen weights; nf4 makes QLoRA, QGoRA'),
  steps: z.int().nonnegative().default(200).describe('optimiser steps; 0 measures the model as it starts'),
  batch: z.int().positive().default(32).describe('examples a step'),
  lr: positiveFloat.default(1e-3).describe('peak learning rate'),
  loraPlusRatio: positiveFloat.default(1).describe('learning rate of B over that of A (LoRA+)'),
  headLr: positiveFloat.or(z.literal(0)).optional().describe('learning rate of a new head; default lr'),
  weightDecay: z.number().nonnegative().default(0).describe('decoupled weight decay'),
  warmup: z.number().min(0).max(1).default(0.03).describe('share of steps with rising rate'),
  minLr: z.number().min(0).max(1).default(0).describe('last rate as a share of the peak'),
  clip: z.number().nonnegative().default(1).describe('largest gradient norm, 0 = off'),
  beta1: beta.default(0.9).describe('decay of the mean gradient'),
  beta2: beta.default(0.999).describe('decay of the mean squared gradient'),
  epsilon: positiveFloat.default(1e-8).describe('added to the root of the mean squared gradient'),
  evalEvery: z.int().nonnegative().default(0).describe('validate every so many steps, 0 = only at the end'),
  compile: z.boolean().default(true).describe('run steps as one TensorFlow graph where the backend can'),
  // no defaults from here on: a key with one would rename every record
  recompute: z.boolean().optional().describe('compute blocks again in the backward pass: less memory, more time'),
  schedule: z.enum(SCHEDULES).optional().describe('how the rate falls after the warm-up; default cosine'),
  epochs: z.number().positive().optional().describe('passes over the training set, in place of steps'),
  accumulate: z.int().positive().optional().describe('batches whose gradients make one step; default 1'),
  patience: z
    .int()
    .positive()
    .optional()
    .describe('stop after so many validations without a better one; keep the best'),
  labelSmoothing: z.number().min(0).lt(1).optional().describe('share of a label that goes to all classes alike'),
});

export const trainingSchema = fields.superRefine((o, context) => {
  const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const fastest = Math.max(o.lr * Math.max(1, o.loraPlusRatio), o.headLr ?? 0);
  if (fastest * o.weightDecay >= 1) {
    const product = (fastest * o.weightDecay).toPrecision(3);
    refuse(
      'weightDecay',
      `lr·weightDecay is ${product} and must be below 1: each step would take the whole weight away`,
    );
  }
  if (o.patience !== undefined && o.evalEvery === 0) {
    refuse('patience', 'counts validations during training: set evalEvery, in steps, as well');
  }
  if (o.clip > 0 && o.clip <= o.epsilon) {
    refuse('clip', `${o.clip} must be above epsilon ${o.epsilon}, in which gradients that small are lost`);
  }
});

export type TrainingOptions = z.infer<typeof trainingSchema>;

/**
 * The options with `steps` as a number of steps of this training set: those of `epochs` where it is given.
 * @param size examples of the training set.
 */
export function forSet(options: TrainingOptions, size: number): TrainingOptions {
  if (options.epochs === undefined) return options;
  const examples = options.batch * (options.accumulate ?? 1);
  return { ...options, steps: Math.max(1, Math.ceil((options.epochs * size) / examples)) };
}

/** Options of training, with the papers' defaults (AdamW, warm-up 3 %, cosine, no decay). */
import { z } from 'zod';
import { UserError } from '../errors';
import { SCHEDULES } from './schedule';

export const trainingSchema = z.strictObject({
  targets: z.string().default('all').describe('layers to adapt: all, attention, types, /pattern/'),
  base: z.enum(['float32', 'nf4']).default('float32').describe('storage of frozen weights; nf4 makes QLoRA, QGoRA'),
  steps: z.int().nonnegative().default(200).describe('optimiser steps; 0 measures the model as it starts'),
  batch: z.int().positive().default(32).describe('examples a step'),
  lr: z.number().positive().default(1e-3).describe('peak learning rate'),
  loraPlusRatio: z.number().positive().default(1).describe('learning rate of B over that of A (LoRA+)'),
  headLr: z.number().nonnegative().optional().describe('learning rate of a new head; default lr'),
  weightDecay: z.number().nonnegative().default(0).describe('decoupled weight decay'),
  warmup: z.number().min(0).max(1).default(0.03).describe('share of steps with rising rate'),
  minLr: z.number().min(0).max(1).default(0).describe('last rate as a share of the peak'),
  clip: z.number().nonnegative().default(1).describe('largest gradient norm, 0 = off'),
  beta1: z.number().min(0).max(1).default(0.9),
  beta2: z.number().min(0).max(1).default(0.999),
  epsilon: z.number().positive().default(1e-8),
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

export type TrainingOptions = z.infer<typeof trainingSchema>;

/**
 * The options with `steps` as a number of steps of this training set: those of `epochs` where it is given.
 * @param size examples of the training set.
 * @throws UserError when options need each other.
 */
export function forSet(options: TrainingOptions, size: number): TrainingOptions {
  if (options.patience !== undefined && options.evalEvery === 0) {
    throw new UserError('patience counts validations during training: set evalEvery, in steps, as well');
  }
  if (options.epochs === undefined) return options;
  const examples = options.batch * (options.accumulate ?? 1);
  return { ...options, steps: Math.max(1, Math.ceil((options.epochs * size) / examples)) };
}

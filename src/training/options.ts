/** Options of training, with the papers' defaults (AdamW, warm-up 3 %, cosine, no decay). */
import { z } from 'zod';

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
  // no default: a key with one would rename every record
  recompute: z.boolean().optional().describe('compute blocks again in the backward pass: less memory, more time'),
});

export type TrainingOptions = z.infer<typeof trainingSchema>;

/** What a task is: data, a base model, and a way to score. */
import type { z } from 'zod';
import type { Model, Net } from '../models/model';
import type { Random } from '../tensor/random';
import type { Dataset } from './dataset';

export type Metrics = Record<string, number>;

/** A task with its data and its base model in memory. */
export interface LoadedTask {
  readonly model: Model;
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
  evaluate(net: Net, data: Dataset): Promise<Metrics>;
  /** Facts for the record: sizes, checksum of the data, how the head was made. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export interface TaskContext {
  /** Folder of downloaded or user-supplied data. */
  readonly dataDir: string;
  readonly model: string;
  readonly random: Random;
}

export interface Task<O = unknown> {
  readonly name: string;
  readonly title: string;
  /** Base models that fit; the first is the default. */
  readonly models: readonly string[];
  readonly options: z.ZodType<O>;
  readonly primary: { readonly metric: string; readonly title: string; readonly higherIsBetter: boolean };
  /** Training options that suit the task; a run's own settings win. */
  readonly training: Readonly<Record<string, unknown>>;
  /** Peak learning rates chosen on validation data, by method; they win over `training`. */
  readonly learningRates?: Readonly<Record<string, number>>;
  load(options: O, context: TaskContext): Promise<LoadedTask>;
}

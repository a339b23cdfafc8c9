/** What a task is: data, what a model must end in, and a way to score. It names models that fit; it loads none. */
import type { z } from 'zod';
import { UserError } from '../errors';
import type { HeadRequest, Model, ModelKind, Net } from '../models/model';
import type { Random } from '../tensor/random';
import type { ChatTemplate, Tokenizer } from '../tokenizers';
import type { Dataset } from './dataset';

export type Metrics = Record<string, number>;

/** A task's data as a model takes it. */
export interface LoadedTask {
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
  readonly random: Random;
}

/** The model that a task is bound to. */
export interface TaskModel {
  readonly model: Model;
  /** Null where the folder has none. */
  readonly tokenizer: Tokenizer | null;
  /** Null where the model is not one for conversations. */
  readonly template: ChatTemplate | null;
  /** Folder that may hold a preprocessor's configuration. */
  readonly folder: string;
}

/** A task whose data were read, before there is a model. */
export interface OpenTask {
  /** The head that the data want; none: the model's own. */
  readonly head?: HeadRequest;
  /** Side of its pictures, where it is not the model's. */
  readonly imageSize?: number;
  /** Turns the data into what the model takes. @throws UserError when the model does not fit. */
  bind(chosen: TaskModel): Promise<LoadedTask>;
}

export interface Task<O = unknown> {
  readonly name: string;
  readonly title: string;
  /** Kinds of models that fit. */
  readonly kinds: readonly ModelKind[];
  /** Names of models that are known to fit; the first is the default. */
  readonly models: readonly string[];
  readonly options: z.ZodType<O>;
  readonly primary: { readonly metric: string; readonly title: string; readonly higherIsBetter: boolean };
  /** Training options that suit the task; a run's own settings win. */
  readonly training: Readonly<Record<string, unknown>>;
  /** Peak learning rates chosen on validation data, by method; they win over `training`. */
  readonly learningRates?: Readonly<Record<string, number>>;
  /** Reads the data. @throws UserError naming the file that is missing or wrong. */
  open(options: O, context: TaskContext): Promise<OpenTask>;
}

/** A name as records and their files can have it. */
export const taskName = (text: string): string => text.replace(/[^\w.-]+/g, '-').replace(/^-+|-+$/g, '') || 'own';

/** The tokenizer of a model of texts. @throws UserError when the model's folder has none. */
export function textModel(model: Model, tokenizer: Tokenizer | null): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new UserError(
    `model ${model.name} has no tokenizer beside its weights: put its tokenizer.json (or vocabulary.json) into its folder`,
  );
}

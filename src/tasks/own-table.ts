/**
 * A person's table as a task: classes or numbers of texts and pairs, prompts with completions, conversations, plain
 * text. What the rows are decides which models fit and what the score is.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { z } from 'zod';
import { type ScoreName, scores } from '../data/metrics';
import { namesOf, type OwnData, type OwnFiles, type OwnOptions, readOwn } from '../data/own';
import { UserError } from '../errors';
import type { ModelKind } from '../models/model';
import { bindLabelled } from './kinds/labelled';
import { bindChats, bindCompletions, bindTexts } from './kinds/written';
import { scoreTitle } from './score';
import { type LoadedTask, type OpenTask, type Task, type TaskModel, taskName } from './task';

export interface TableTaskOptions extends OwnOptions {
  /** Default: the training file's name. */
  readonly name?: string;
  /** The score that tables show; default accuracy, Pearson's correlation, or the loss. */
  readonly metric?: ScoreName | 'loss' | 'perplexity';
}

const runOptions = (checksum: string, labels: boolean) =>
  z.strictObject({
    length: z
      .int()
      .min(4)
      .default(256)
      .describe("most tokens of a text, and no more than the model's positions; longer ones are cut and counted"),
    template: z
      .enum(['auto', 'none'])
      .default('auto')
      .describe('the chat template of a model that has one, for prompts and conversations'),
    ...(labels && {
      prompt: z.string().default('\nLabel:').describe('what asks a decoder or a T5 for the label, behind the text'),
    }),
    data: z.literal(checksum).default(checksum).describe('checksum of the files'),
  });
type RunOptions = { length: number; template: 'auto' | 'none'; prompt?: string; data: string };

/** What a task needs of a model, and what its score is called. */
interface Kind {
  readonly kinds: readonly ModelKind[];
  readonly metrics: readonly ScoreName[];
  readonly primary: Task['primary'];
}

/** @throws UserError when the data have no such score. */
function kindOf(data: OwnData, name: string, metric: string | undefined): Kind {
  const of = (kinds: readonly ModelKind[], metrics: readonly ScoreName[], others: readonly string[]): Kind => {
    const known = [...metrics, ...others];
    const chosen = metric ?? known[0];
    if (!known.includes(chosen)) {
      throw new UserError(`${name}: no score "${chosen}" for ${data.kind}. Scores: ${known.join(', ')}`);
    }
    const lower = chosen === 'loss' || chosen === 'perplexity';
    return { kinds, metrics, primary: { metric: chosen, title: scoreTitle(chosen, name), higherIsBetter: !lower } };
  };
  switch (data.kind) {
    case 'classify': {
      const binary: ScoreName[] = data.labels.length === 2 ? ['f1'] : [];
      return of(['text', 'causal', 'seq2seq'], ['accuracy', ...binary, 'macroF1', 'matthews'], ['loss']);
    }
    case 'regress':
      return of(['text'], ['pearson', 'spearman'], ['loss']);
    case 'completion':
      return of(['causal', 'seq2seq'], [], ['loss', 'perplexity']);
    default:
      return of(['causal'], [], ['loss', 'perplexity']);
  }
}

/**
 * A person's table as a task. The files are read at once, so that what is wrong with them is said before any work.
 * @param files .csv, .tsv, .jsonl, .json, .parquet or .txt, also .gz; missing parts are split off the training file.
 * @param options columns, kind and score, where they are not to be guessed.
 * @throws UserError naming file, line and remedy.
 */
export async function tableTask(files: OwnFiles, options: TableTaskOptions = {}): Promise<Task<RunOptions>> {
  const { metric, ...reading } = options;
  const name = taskName(options.name ?? basename([files.train].flat()[0]).replace(/(\.\w+)(\.gz)?$/, ''));
  const data = await readOwn(files, reading);
  const kind = kindOf(data, name, metric);
  const checksum = createHash('sha256')
    .update(JSON.stringify([data.notes.sha256, data.notes.columns, data.notes.validation, data.notes.test]))
    .digest('hex');
  const labels = data.kind === 'classify';
  const load = (chosen: TaskModel, o: RunOptions): LoadedTask => {
    switch (data.kind) {
      case 'classify':
        return bindLabelled({ ...data, metrics: kind.metrics }, chosen, o);
      case 'regress':
        return bindLabelled({ ...data, labels: null, metrics: kind.metrics }, chosen, o);
      case 'completion':
        return bindCompletions(data, chosen, o);
      case 'chat':
        return bindChats(data, chosen, o);
      case 'text':
        return bindTexts(data, chosen, o);
    }
  };
  return {
    name,
    title: `${namesOf(files.train)}: ${data.kind}`,
    kinds: kind.kinds,
    models: [],
    options: runOptions(checksum.slice(0, 12), labels) as unknown as z.ZodType<RunOptions>,
    primary: kind.primary,
    training: { steps: 200, batch: data.kind === 'classify' || data.kind === 'regress' ? 16 : 8 },
    open: async (o): Promise<OpenTask> => ({
      ...(data.kind === 'classify' && { head: { labels: data.labels } }),
      ...(data.kind === 'regress' && { head: { labels: 'regress' as const } }),
      bind: async (chosen) => {
        const loaded = load(chosen, o);
        const names = data.kind === 'classify' ? { labels: data.labels } : {};
        return { ...loaded, notes: { data: data.notes, ...names, ...loaded.notes } };
      },
    }),
  };
}

/** Conversations as a task: `tableTask` that takes the rows for nothing else. */
export const chatTask = (files: OwnFiles, options: TableTaskOptions = {}): Promise<Task<RunOptions>> =>
  tableTask(files, { ...options, kind: 'chat' });

/** The names of scores that `--metric` takes. */
export const scoreNames: readonly string[] = [...Object.keys(scores), 'loss', 'perplexity'];

/**
 * A person's table as a task: classes or numbers of texts and pairs, prompts with completions, conversations, plain
 * text. What the rows are decides which models fit and what the score is.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import type { ChatExample, CompletionExample } from '../data/conversations';
import type { LabelledExample } from '../data/labelled';
import { type ScoreName, scores } from '../data/metrics';
import { type OwnData, type OwnFiles, type OwnOptions, readOwn } from '../data/own';
import type { Parts } from '../data/split';
import type { EncoderDecoder, Model, ModelKind } from '../models/model';
import { type ChatTemplate, chatTemplateOf, encodeChat, padOf, type Tokenizer } from '../tokenizers';
import { bucketedTexts, type TextExample } from './batching/text';
import { bucketLengths } from './batching/buckets';
import type { Dataset } from './dataset';
import { type EncodedText, encodedSets, evaluateEncoded } from './kinds/encoded';
import { evaluateTokens, windowSet } from './kinds/language';
import { evaluatePrompted, labelTokens, promptedSet } from './kinds/prompted';
import { evaluateLabels, type SequencePair, sequenceSet } from './kinds/sequences';
import { type LoadedTask, type Metrics, type OpenTask, type Task, type TaskModel, textModel } from './task';

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

type Split = 'train' | 'validation' | 'test';
const SPLITS: readonly Split[] = ['train', 'validation', 'test'];

/** Applies `make` to every part. */
function eachPart<E, R>(parts: Parts<E>, make: (examples: readonly E[]) => R): Record<Split, R> {
  return { train: make(parts.train), validation: make(parts.validation), test: make(parts.test) };
}

/** What a task needs of a model, and what its score is called. */
interface Kind {
  readonly kinds: readonly ModelKind[];
  readonly metrics: readonly ScoreName[];
  readonly primary: Task['primary'];
}

const TITLES: Readonly<Record<string, string>> = {
  accuracy: 'accuracy (%)',
  f1: 'F1 (%)',
  macroF1: 'macro F1 (%)',
  matthews: "Matthews' correlation (×100)",
  pearson: "Pearson's correlation (×100)",
  spearman: "Spearman's correlation (×100)",
  loss: 'loss (nats a token)',
  perplexity: 'perplexity',
};

/** @throws UserError when the data have no such score. */
function kindOf(data: OwnData, name: string, metric: string | undefined): Kind {
  const of = (kinds: readonly ModelKind[], metrics: readonly ScoreName[], others: readonly string[]): Kind => {
    const known = [...metrics, ...others];
    const chosen = metric ?? known[0];
    if (!known.includes(chosen)) {
      throw new UserError(`${name}: no score "${chosen}" for ${data.kind}. Scores: ${known.join(', ')}`);
    }
    const lower = chosen === 'loss' || chosen === 'perplexity';
    return { kinds, metrics, primary: { metric: chosen, title: `Test ${TITLES[chosen]}, ${name}`, higherIsBetter: !lower } };
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

/** Texts with their classes or numbers, for an encoder. */
function forEncoder(
  data: Extract<OwnData, { kind: 'classify' | 'regress' }>,
  { model, tokenizer }: TaskModel,
  o: RunOptions,
  metrics: readonly ScoreName[],
): LoadedTask {
  const own = textModel(model, tokenizer);
  const maxLength = Math.min(o.length, model.context ?? o.length);
  let cutTexts = 0;
  const encode = ({ text, text2, label }: LabelledExample): EncodedText => {
    const { ids, typeIds, cut } = own.encodeModel(text, text2, { maxLength });
    if (cut > 0) cutTexts += 1;
    return { ids, typeIds, label };
  };
  const regress = data.kind === 'regress';
  const sets = encodedSets(
    eachPart<LabelledExample, EncodedText[]>(data, (examples) => examples.map(encode)),
    { pad: padOf(own), regress },
  );
  return {
    ...sets,
    evaluate: (net, set) => evaluateEncoded(model, net, set, { regress, metrics }),
    notes: { head: model.head.length > 0 ? 'new' : "the checkpoint's", cutTexts, maxLength },
  };
}

const joined = ({ text, text2 }: LabelledExample) => (text2 === undefined ? text : `${text}\n${text2}`);

/** Texts whose answer is a label word: the next token of a decoder, the first one of an encoder–decoder. */
function forLabelWords(
  data: Extract<OwnData, { kind: 'classify' }>,
  { model, tokenizer }: TaskModel,
  o: RunOptions,
): LoadedTask {
  const own = textModel(model, tokenizer);
  const words = data.labels.map((label) => (model.kind === 'causal' ? ` ${label}` : label));
  const answers = labelTokens(own, words);
  const maxLength = Math.min(o.length, model.context ?? o.length);
  const tail = own.encode(o.prompt ?? '');
  let cutTexts = 0;
  if (model.kind === 'causal') {
    const encode = (example: LabelledExample) => {
      const { ids, cut } = own.encodeModel(joined(example), null, { maxLength: maxLength - tail.length });
      if (cut > 0) cutTexts += 1;
      return { tokens: [...ids, ...tail], label: example.label };
    };
    const encoded = eachPart<LabelledExample, ReturnType<typeof encode>[]>(data, (examples) => examples.map(encode));
    const longest = Math.max(...SPLITS.flatMap((split) => encoded[split].map(({ tokens }) => tokens.length)));
    const set = (split: Split) => promptedSet(encoded[split], answers, longest, padOf(own));
    return {
      ...{ train: set('train'), validation: set('validation'), test: set('test') },
      evaluate: (net, part) => evaluatePrompted(model, net, part, answers),
      notes: { labelWords: words, cutTexts, maxLength },
    };
  }
  const encode = (example: LabelledExample): SequencePair => {
    const { ids, cut } = own.encodeModel(`${joined(example)}${o.prompt ?? ''}`, null, { maxLength });
    if (cut > 0) cutTexts += 1;
    return { input: ids, target: own.encode(data.labels[example.label], { eos: true }) };
  };
  const pairs = eachPart<LabelledExample, SequencePair[]>(data, (examples) => examples.map(encode));
  const all = SPLITS.flatMap((split) => pairs[split]);
  const shape = {
    inputLength: Math.max(...all.map(({ input }) => input.length)),
    targetLength: Math.max(...all.map(({ target }) => target.length)),
    pad: padOf(own),
  };
  return {
    ...eachPart<SequencePair, Dataset>(pairs, (part) => sequenceSet(part, shape)),
    evaluate: (net, part) => evaluateLabels(model as EncoderDecoder, net, part, answers),
    notes: { labelWords: words, cutTexts, maxLength },
  };
}

/** Rows for a decoder: what is learnt is the answer. Longer ones lose their beginning, and the end stays. */
function forDecoder(rows: Record<Split, TextExample[]>, model: Model, own: Tokenizer, o: RunOptions): LoadedTask {
  const places = Math.min(o.length, model.context ?? o.length);
  let cutTexts = 0;
  const fit = (row: TextExample): TextExample => {
    const over = row.tokens.length - 1 - places;
    if (over <= 0) return row;
    cutTexts += 1;
    return { tokens: row.tokens.slice(over), learnt: row.learnt?.slice(over) };
  };
  const fitted = { train: rows.train.map(fit), validation: rows.validation.map(fit), test: rows.test.map(fit) };
  const learns = ({ learnt, tokens }: TextExample) => (learnt ?? tokens).slice(1).some((one) => one > 0);
  for (const split of SPLITS) {
    const mute = fitted[split].findIndex((row) => !learns(row));
    if (mute >= 0) throw new UserError(`${split} example ${mute + 1} has no token of an answer to learn`);
  }
  const all = SPLITS.flatMap((split) => fitted[split].map(({ tokens }) => tokens.length - 1));
  const lengths = bucketLengths(all, 4);
  const set = (split: Split) => bucketedTexts(fitted[split], lengths, padOf(own));
  return {
    ...{ train: set('train'), validation: set('validation'), test: set('test') },
    evaluate: (net, part) => evaluateTokens(model, net, part),
    notes: { cutTexts, maxLength: places },
  };
}

/** A prompt and its completion, joined as they stand; an end mark behind where the tokenizer has one. */
function completionRow(own: Tokenizer, { prompt, completion }: CompletionExample): TextExample {
  const glue = /\s$/.test(prompt) || /^\s/.test(completion) ? '' : '\n';
  const begin = own.encodeModel(prompt + glue).ids;
  const answer = own.encode(completion, { eos: own.eos !== null });
  return { tokens: [...begin, ...answer], learnt: [...begin.map(() => 0), ...answer.map(() => 1)] };
}

const asChat = ({ prompt, completion, line }: CompletionExample): ChatExample => ({
  messages: [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ],
  line,
});

function chatRow(own: Tokenizer, template: ChatTemplate, { messages }: ChatExample): TextExample {
  const { ids, mask } = encodeChat(own, template, messages);
  return { tokens: ids, learnt: mask };
}

/** Prompts with completions: as a conversation where the model has a template, else joined. */
function forCompletion(
  data: Extract<OwnData, { kind: 'completion' }>,
  { model, tokenizer, folder }: TaskModel,
  o: RunOptions,
): LoadedTask {
  const own = textModel(model, tokenizer);
  if (model.kind === 'seq2seq') {
    const places = o.length;
    let cutTexts = 0;
    const encode = ({ prompt, completion }: CompletionExample): SequencePair => {
      const { ids, cut } = own.encodeModel(prompt, null, { maxLength: places });
      if (cut > 0) cutTexts += 1;
      return { input: ids, target: own.encode(completion, { eos: true }).slice(0, places) };
    };
    const pairs = eachPart<CompletionExample, SequencePair[]>(data, (examples) => examples.map(encode));
    const all = SPLITS.flatMap((split) => pairs[split]);
    const shape = {
      inputLength: Math.max(...all.map(({ input }) => input.length)),
      targetLength: Math.max(...all.map(({ target }) => target.length)),
      pad: padOf(own),
    };
    return {
      ...eachPart<SequencePair, Dataset>(pairs, (part) => sequenceSet(part, shape)),
      evaluate: (net, part) => evaluateTokens(model, net, part),
      notes: { cutTexts, maxLength: places },
    };
  }
  const template = o.template === 'auto' ? chatTemplateOf(own, folder) : null;
  const row = (example: CompletionExample) =>
    template ? chatRow(own, template, asChat(example)) : completionRow(own, example);
  const rows = eachPart<CompletionExample, TextExample[]>(data, (examples) => examples.map(row));
  const loaded = forDecoder(rows, model, own, o);
  return { ...loaded, notes: { ...loaded.notes, template: template ? 'chat template of the model' : 'none' } };
}

function forChat(
  data: Extract<OwnData, { kind: 'chat' }>,
  { model, tokenizer, folder }: TaskModel,
  o: RunOptions,
): LoadedTask {
  const own = textModel(model, tokenizer);
  const template = chatTemplateOf(own, folder);
  if (!template) {
    throw new UserError(
      `model ${model.name} has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json), so conversations have no form. Take an instruct model`,
    );
  }
  const row = (example: ChatExample) => chatRow(own, template, example);
  return forDecoder(
    eachPart<ChatExample, TextExample[]>(data, (examples) => examples.map(row)),
    model,
    own,
    o,
  );
}

/** Plain text as windows of one stream a part; texts are parted by the end mark. */
function forText(data: Extract<OwnData, { kind: 'text' }>, { model, tokenizer }: TaskModel, o: RunOptions): LoadedTask {
  const own = textModel(model, tokenizer);
  const places = Math.min(o.length, model.context ?? o.length);
  const stream = (texts: readonly string[]) => {
    const tokens = texts.flatMap((text) => own.encode(text, { eos: own.eos !== null && texts.length > 1 }));
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (tokens.length <= places) {
      throw new UserError(`a part of the text has ${tokens.length} tokens, fewer than one window of ${places}. Lower length`);
    }
    return windowSet({ tokens: Int32Array.from(tokens), bytes }, places);
  };
  return {
    ...eachPart<string, Dataset>(data, stream),
    evaluate: (net, part): Promise<Metrics> => evaluateTokens(model, net, part),
    notes: { window: places },
  };
}

/**
 * A person's table as a task. The files are read at once, so that what is wrong with them is said before any work.
 * @param files .csv, .tsv, .jsonl, .json, .parquet or .txt, also .gz; missing parts are split off the training file.
 * @param options columns, kind and score, where they are not to be guessed.
 * @throws UserError naming file, line and remedy.
 */
export async function tableTask(files: OwnFiles, options: TableTaskOptions = {}): Promise<Task<RunOptions>> {
  const { name = basename(files.train).replace(/(\.\w+)(\.gz)?$/, ''), metric, ...reading } = options;
  const data = await readOwn(files, reading);
  const kind = kindOf(data, name, metric);
  const checksum = createHash('sha256').update(JSON.stringify([data.notes.sha256, data.notes.columns, data.notes.validation, data.notes.test])).digest('hex');
  const labels = data.kind === 'classify';
  const load = (chosen: TaskModel, o: RunOptions): LoadedTask => {
    switch (data.kind) {
      case 'classify':
        return chosen.model.kind === 'text' ? forEncoder(data, chosen, o, kind.metrics) : forLabelWords(data, chosen, o);
      case 'regress':
        return forEncoder(data, chosen, o, kind.metrics);
      case 'completion':
        return forCompletion(data, chosen, o);
      case 'chat':
        return forChat(data, chosen, o);
      case 'text':
        return forText(data, chosen, o);
    }
  };
  return {
    name,
    title: `${basename(files.train)}: ${data.kind}`,
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

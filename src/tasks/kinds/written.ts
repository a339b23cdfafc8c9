/**
 * What a model is to write: completions of prompts, the assistant's part of conversations, plain text. The loss is that
 * of the answer's tokens.
 */
import type { ChatExample, CompletionExample } from '../../data/conversations';
import type { SequencePair } from '../../data/sequence';
import type { Parts } from '../../data/split';
import { UserError } from '../../errors';
import type { EncoderDecoder, Model } from '../../models/model';
import { type ChatTemplate, encodeChat, padOf, type Tokenizer } from '../../tokenizers';
import { bucketLengths } from '../batching/buckets';
import { bucketedTexts, type TextExample } from '../batching/text';
import type { Dataset } from '../dataset';
import { eachPart, SPLITS, type Split } from '../parts';
import { type LoadedTask, type TaskModel, textModel } from '../task';
import { evaluateTokens, windowSet } from './language';
import { sequenceSets } from './sequences';

export interface WrittenOptions {
  /** Most tokens of a row, and no more than the model's positions. */
  readonly length: number;
  /** `auto`: the model's chat template, where it has one. */
  readonly template: 'auto' | 'none';
}

/** Rows for a decoder: what is learnt is the answer. Longer ones lose their beginning, and the end stays. */
function forDecoder(rows: Record<Split, TextExample[]>, model: Model, own: Tokenizer, o: WrittenOptions): LoadedTask {
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
  const { ids, mask } = encodeChat(
    own,
    template,
    messages.map((message) => ({ ...message })),
  );
  return { tokens: ids, learnt: mask };
}

/** Prompts with completions: as a conversation where the model has a template, else joined. */
export function bindCompletions(
  data: Parts<CompletionExample>,
  { model, tokenizer, template }: TaskModel,
  o: WrittenOptions,
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
    return {
      ...sequenceSets(pairs, own, model as EncoderDecoder),
      evaluate: (net, part) => evaluateTokens(model, net, part),
      notes: { cutTexts, maxLength: places },
    };
  }
  const used = o.template === 'auto' ? template : null;
  const row = (example: CompletionExample) =>
    used ? chatRow(own, used, asChat(example)) : completionRow(own, example);
  const rows = eachPart<CompletionExample, TextExample[]>(data, (examples) => examples.map(row));
  const loaded = forDecoder(rows, model, own, o);
  return { ...loaded, notes: { ...loaded.notes, template: used ? 'chat template of the model' : 'none' } };
}

export function bindChats(
  data: Parts<ChatExample>,
  { model, tokenizer, template }: TaskModel,
  o: WrittenOptions,
): LoadedTask {
  const own = textModel(model, tokenizer);
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
export function bindTexts(data: Parts<string>, { model, tokenizer }: TaskModel, o: WrittenOptions): LoadedTask {
  const own = textModel(model, tokenizer);
  const places = Math.min(o.length, model.context ?? o.length);
  const stream = (texts: readonly string[]) => {
    const tokens = texts.flatMap((text) => own.encode(text, { eos: own.eos !== null && texts.length > 1 }));
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (tokens.length <= places) {
      throw new UserError(
        `a part of the text has ${tokens.length} tokens, fewer than one window of ${places}. Lower length`,
      );
    }
    return windowSet({ tokens: Int32Array.from(tokens), bytes }, places);
  };
  return {
    ...eachPart<string, Dataset>(data, stream),
    evaluate: (net, part) => evaluateTokens(model, net, part),
    notes: { window: places },
  };
}

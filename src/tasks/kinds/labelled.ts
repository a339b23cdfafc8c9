/**
 * Texts and pairs with a class or a number, for any model of texts: an encoder with a head, or a decoder or T5 that
 * answers with the label's word.
 */
import type { LabelledExample } from '../../data/labelled';
import type { ScoreName } from '../../data/metrics';
import type { SequencePair } from '../../data/sequence';
import type { Parts } from '../../data/split';
import type { EncoderDecoder } from '../../models/model';
import { padOf } from '../../tokenizers';
import { eachPart, SPLITS, type Split } from '../parts';
import { type LoadedTask, type TaskModel, textModel } from '../task';
import { type EncodedText, encodedSets } from './encoded';
import { evaluatePrompted, labelTokens, promptedSet } from './prompted';
import { evaluateScores } from './scored';
import { evaluateLabels, sequenceSets } from './sequences';

export interface LabelledData extends Parts<LabelledExample> {
  /** Names of the classes in order; null for a number to predict. */
  readonly labels: readonly string[] | null;
  /** Scores of an encoder's predictions. */
  readonly metrics: readonly ScoreName[];
}

export interface LabelledOptions {
  /** Most tokens of a text, and no more than the model's positions; longer ones are cut and counted. */
  readonly length: number;
  /** What asks a decoder or T5 for the label, behind the text. */
  readonly prompt?: string;
}

/** The data as the model takes them. @throws UserError when the model has no tokenizer, or labels begin alike. */
export function bindLabelled(data: LabelledData, chosen: TaskModel, options: LabelledOptions): LoadedTask {
  const { labels } = data;
  return chosen.model.kind === 'text' || labels === null
    ? forEncoder(data, chosen, options)
    : forLabelWords({ ...data, labels }, chosen, options);
}

/** Texts with their classes or numbers, for an encoder. */
function forEncoder(data: LabelledData, { model, tokenizer }: TaskModel, o: LabelledOptions): LoadedTask {
  const own = textModel(model, tokenizer);
  const maxLength = Math.min(o.length, model.context ?? o.length);
  let cutTexts = 0;
  const encode = ({ text, text2, label }: LabelledExample): EncodedText => {
    const { ids, typeIds, cut } = own.encodeModel(text, text2, { maxLength });
    if (cut > 0) cutTexts += 1;
    return { ids, typeIds, label };
  };
  const regress = data.labels === null;
  const sets = encodedSets(
    eachPart<LabelledExample, EncodedText[]>(data, (examples) => examples.map(encode)),
    { pad: padOf(own), regress },
  );
  return {
    ...sets,
    evaluate: (net, set) => evaluateScores(model, net, set, { regress, metrics: data.metrics }),
    notes: { head: model.head.length > 0 ? 'new' : "the checkpoint's", cutTexts, maxLength },
  };
}

const joined = ({ text, text2 }: LabelledExample) => (text2 === undefined ? text : `${text}\n${text2}`);

/** Texts whose answer is a label word: the next token of a decoder, the first one of an encoder–decoder. */
function forLabelWords(
  data: LabelledData & { readonly labels: readonly string[] },
  { model, tokenizer }: TaskModel,
  o: LabelledOptions,
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
  return {
    ...sequenceSets(pairs, own, model as EncoderDecoder),
    evaluate: (net, part) => evaluateLabels(model as EncoderDecoder, net, part, answers),
    notes: { labelWords: words, cutTexts, maxLength },
  };
}

/** Text to token ids and back. */
import { UserError } from '../errors';

/** Which marks to put around the text; none by default. */
export interface EncodeOptions {
  /** Begin with the begin-of-sequence mark; a tokenizer that has none begins with the text. */
  readonly bos?: boolean;
  /** End with the end-of-sequence mark. @throws UserError when the tokenizer has none. */
  readonly eos?: boolean;
}

/** How `encodeModel` cuts texts that are too long. */
export interface ModelEncodeOptions {
  /** Most ids, special tokens included; by default nothing is cut. */
  readonly maxLength?: number;
}

/** A text, or a pair of texts, as a model takes it. */
export interface ModelEncoding {
  readonly ids: number[];
  /** Which text an id belongs to, as BERT's segment embedding counts them; 0 throughout where a model has none. */
  readonly typeIds: number[];
  /** How many tokens of the texts were cut off to keep within the longest length. */
  readonly cut: number;
}

/** Special tokens beside begin, end and padding. */
export type OtherSpecial = 'cls' | 'sep' | 'unk' | 'mask';

export interface Tokenizer {
  /** Number of ids, marks included; ids are 0 … vocabSize − 1. */
  readonly vocabSize: number;
  /** Id of the begin-of-sequence mark; null when there is none, as in BERT. */
  readonly bos: number | null;
  /** Id of the end-of-sequence mark; null when there is none. */
  readonly eos: number | null;
  /** Id that fills rows up; null when there is none. */
  readonly pad: number | null;
  /** Ids of further special tokens, of those that there are. */
  readonly special: Readonly<Partial<Record<OtherSpecial, number>>>;
  /** The ids of a text without special tokens, but those that stand in the text and those that are asked for. */
  encode(text: string, options?: EncodeOptions): number[];
  /**
   * A text or a pair of texts with the special tokens that models of this tokenizer expect around them, as
   * transformers' `tokenizer(text, pair)` gives it.
   * @throws UserError when the tokenizer has no form for a pair, or the length leaves no room for a text.
   */
  encodeModel(text: string, pair?: string | null, options?: ModelEncodeOptions): ModelEncoding;
  /** The text of ids, special tokens left out. @throws UserError on an id outside the vocabulary. */
  decode(ids: Iterable<number>): string;
}

/** Id that fills rows up: padding, else the end mark; where there is neither, 0, which carries no loss. */
export const padOf = (tokenizer: Tokenizer): number => tokenizer.pad ?? tokenizer.eos ?? 0;

/** Id of the end mark. @throws UserError when the tokenizer has none. */
export function endOf(tokenizer: Tokenizer): number {
  if (tokenizer.eos !== null) return tokenizer.eos;
  throw new UserError(
    'the tokenizer has no end-of-sequence token, so a generated answer would never end. Name one as eos_token in tokenizer_config.json, or take a model that generates text',
  );
}

/** @throws UserError when an id is not in the vocabulary. */
export function checkId(id: number, vocabSize: number): void {
  if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
    throw new UserError(`token ${id} is not in 0 … ${vocabSize - 1}`);
  }
}

/** `encodeModel` of tokenizers without pairs: the text between the marks that are asked for. */
export function encodeAlone(
  tokenizer: Tokenizer,
  text: string,
  pair: string | null | undefined,
  marks: EncodeOptions,
  { maxLength = Number.POSITIVE_INFINITY }: ModelEncodeOptions = {},
): ModelEncoding {
  if (pair !== undefined && pair !== null) {
    throw new UserError('this tokenizer has no form for a pair of texts; join them to one');
  }
  const begin = tokenizer.encode('', { bos: marks.bos });
  const end = tokenizer.encode('', { eos: marks.eos });
  const room = roomFor(maxLength, begin.length + end.length);
  const words = tokenizer.encode(text);
  const kept = words.slice(0, room);
  const ids = [...begin, ...kept, ...end];
  return { ids, typeIds: ids.map(() => 0), cut: words.length - kept.length };
}

/** Tokens that the texts may have. @param added special tokens. @throws UserError when there is no room for them. */
export function roomFor(maxLength: number, added: number): number {
  if (maxLength >= added) return maxLength - added;
  throw new UserError(`a length of ${maxLength} has no room for the ${added} special tokens. Raise the length`);
}

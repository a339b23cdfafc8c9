/** Text to token ids and back. */

/** Which marks to put around the text; none by default. */
export interface EncodeOptions {
  /** Begin with the begin-of-sequence mark. */
  readonly bos?: boolean;
  /** End with the end-of-sequence mark. */
  readonly eos?: boolean;
}

export interface Tokenizer {
  /** Number of ids, marks included; ids are 0 … vocabSize − 1. */
  readonly vocabSize: number;
  /** Id of the begin-of-sequence mark. */
  readonly bos: number;
  /** Id of the end-of-sequence mark. */
  readonly eos: number;
  /** Id that fills rows up; none: any id serves, it carries no loss. */
  readonly pad?: number | null;
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of ids, marks left out. @throws UserError on an id outside the vocabulary. */
  decode(ids: Iterable<number>): string;
}

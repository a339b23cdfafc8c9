/**
 * A closed vocabulary given as a list, for generated tasks: characters, or words set off by single spaces.
 * Ids 0, 1 and 2 are the pad, begin and end marks; the list begins at 3.
 */
import { UserError } from '../errors';
import {
  checkId,
  type EncodeOptions,
  encodeAlone,
  type ModelEncodeOptions,
  type ModelEncoding,
  type Tokenizer,
} from './tokenizer';

const [PAD, BOS, EOS, FIRST] = [0, 1, 2, 3];

/** What `toJSON` gives and `fromJSON` takes. */
export interface ListTokenizerJson {
  readonly unit: 'character' | 'word';
  readonly vocabulary: readonly string[];
}

abstract class ListTokenizer implements Tokenizer {
  readonly pad = PAD;
  readonly bos = BOS;
  readonly eos = EOS;
  readonly special = {};
  readonly vocabSize: number;
  protected abstract readonly unit: ListTokenizerJson['unit'];
  private readonly ids: ReadonlyMap<string, number>;

  /** @throws UserError on an empty vocabulary or one with an item twice. */
  constructor(readonly vocabulary: readonly string[]) {
    if (vocabulary.length === 0) throw new UserError('the vocabulary is empty');
    this.ids = new Map(vocabulary.map((item, i) => [item, FIRST + i]));
    if (this.ids.size !== vocabulary.length) throw new UserError('the vocabulary has an item twice');
    this.vocabSize = FIRST + vocabulary.length;
  }

  protected abstract split(text: string): string[];
  protected abstract join(items: string[]): string;

  /** @throws UserError naming an item that is not in the vocabulary. */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids = this.split(text).map((item) => {
      const id = this.ids.get(item);
      if (id === undefined) throw new UserError(`the ${this.unit} ${JSON.stringify(item)} is not in the vocabulary`);
      return id;
    });
    return [...(options.bos ? [BOS] : []), ...ids, ...(options.eos ? [EOS] : [])];
  }

  /** The text alone: which marks stand around it is the task's own choice. @throws UserError on a pair. */
  encodeModel(text: string, pair?: string | null, options?: ModelEncodeOptions): ModelEncoding {
    return encodeAlone(this, text, pair, {}, options);
  }

  decode(ids: Iterable<number>): string {
    const items: string[] = [];
    for (const id of ids) {
      checkId(id, this.vocabSize);
      if (id >= FIRST) items.push(this.vocabulary[id - FIRST]);
    }
    return this.join(items);
  }

  toJSON(): ListTokenizerJson {
    return { unit: this.unit, vocabulary: this.vocabulary };
  }
}

/** One id a character (code point). */
export class CharTokenizer extends ListTokenizer {
  protected readonly unit = 'character';

  /** @throws UserError when an item is not a single character. */
  constructor(vocabulary: readonly string[]) {
    const long = vocabulary.find((item) => [...item].length !== 1);
    if (long !== undefined) throw new UserError(`${JSON.stringify(long)} is not a single character`);
    super(vocabulary);
  }

  protected split(text: string): string[] {
    return [...text];
  }

  protected join(items: string[]): string {
    return items.join('');
  }
}

/** One id a word; words are set off by single spaces. */
export class WordTokenizer extends ListTokenizer {
  protected readonly unit = 'word';

  /** @throws UserError when an item is empty or holds a space. */
  constructor(vocabulary: readonly string[]) {
    const bad = vocabulary.find((item) => item === '' || item.includes(' '));
    if (bad !== undefined) throw new UserError(`${JSON.stringify(bad)} is not a word: it is empty or holds a space`);
    super(vocabulary);
  }

  protected split(text: string): string[] {
    return text === '' ? [] : text.split(' ');
  }

  protected join(items: string[]): string {
    return items.join(' ');
  }
}

/** The tokenizer that `toJSON` described. @throws UserError when the value describes none. */
export function listTokenizerFromJson(value: unknown): CharTokenizer | WordTokenizer {
  const { unit, vocabulary } = (value ?? {}) as Partial<ListTokenizerJson>;
  const strings = Array.isArray(vocabulary) && vocabulary.every((item) => typeof item === 'string');
  if (!strings || (unit !== 'character' && unit !== 'word')) {
    throw new UserError('a tokenizer must have a unit, "character" or "word", and a vocabulary, a list of strings');
  }
  return unit === 'word' ? new WordTokenizer(vocabulary) : new CharTokenizer(vocabulary);
}

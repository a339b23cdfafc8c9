/**
 * A tokenizer of Hugging Face's format: `tokenizer.json` with `tokenizer_config.json` and `special_tokens_map.json`
 * beside it, computed by @huggingface/tokenizers. Special tokens around a text, and cutting, are done here. Truncation
 * and padding that the file asks for are ignored: they belong to whoever makes batches.
 */
import { Tokenizer as HuggingFace } from '@huggingface/tokenizers';
import { UserError } from '../errors';
import { mend } from './mend';
import { addedTokens, assemble, type PostProcessor, postProcessorOf } from './post-processor';
import {
  checkId,
  type EncodeOptions,
  type ModelEncodeOptions,
  type ModelEncoding,
  type OtherSpecial,
  roomFor,
  type Tokenizer,
} from './tokenizer';
import { type AddedToken, addedTokensOf, modelOf } from './tokenizer-json-model';
import { type PartError, sectionsOf } from './tokenizer-json-parts';
import { type TruncationSide, truncatePair } from './truncate';

/** A parsed JSON object. */
export type JsonRecord = Readonly<Record<string, unknown>>;

const NAMES = ['bos', 'eos', 'pad', 'cls', 'sep', 'unk', 'mask'] as const;
type Name = (typeof NAMES)[number];

/** A special token as configurations write it: its text, or an object with its text and how it is found. */
function contentOf(value: unknown): Partial<AddedToken> & { content?: string } {
  if (typeof value === 'string') return { content: value };
  return typeof value === 'object' && value !== null ? value : {};
}

export class JsonTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bos: number | null;
  readonly eos: number | null;
  readonly pad: number | null;
  readonly special: Readonly<Partial<Record<OtherSpecial, number>>>;
  private readonly inner: HuggingFace;
  private readonly postProcessor: PostProcessor;
  private readonly side: TruncationSide;
  private readonly cleanUp: boolean;
  /** Ids that `decode` leaves out. */
  private readonly skipped: ReadonlySet<number>;

  /**
   * @param json the parsed tokenizer.json. @param config the parsed tokenizer_config.json, or an object of its keys.
   * @param source path of the file, for error messages.
   * @throws UserError naming the part of the file that is broken or not supported.
   */
  constructor(
    json: unknown,
    config: JsonRecord,
    private readonly source: string,
  ) {
    const bad =
      (section: string): PartError =>
      (what) =>
        new UserError(`${source}: ${section}: ${what}.`);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw new UserError(`${source} is no tokenizer.json: it is not a JSON object.`);
    }
    const file = json as JsonRecord;
    const { model, vocabulary } = modelOf(file.model, bad('model'));
    const added = addedTokensOf(file.added_tokens, bad('added_tokens'));
    const idOf = new Map([...vocabulary, ...added.map(({ content, id }): [string, number] => [content, id])]);
    const named = namedTokens(config, idOf);
    const known = new Set(added.map(({ content }) => content));
    // transformers adds the tokens that the configuration names, so that they are found in a text
    const all = [...added, ...named.filter(({ content }) => !known.has(content))];
    try {
      this.inner = new HuggingFace(
        { ...sectionsOf(file, bad), model, added_tokens: all, post_processor: null },
        { clean_up_tokenization_spaces: false, unk_token: model.unk_token },
      );
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(`${source} cannot be used: ${error instanceof Error ? error.message : error}.`, {
        cause: error,
      });
    }
    mend(this.inner, bad);
    this.postProcessor = postProcessorOf(file.post_processor, bad('post_processor'));
    this.vocabSize = 1 + [...idOf.values()].reduce((most, id) => Math.max(most, id), 0);
    for (const { from } of [...this.postProcessor.single, ...this.postProcessor.pair]) {
      if (typeof from === 'string' || from.every((id) => id < this.vocabSize)) continue;
      throw bad('post_processor')(`it adds the id ${from}, which is not in 0 … ${this.vocabSize - 1}`);
    }
    this.skipped = new Set([...added.filter(({ special }) => special), ...named].map(({ id }) => id));
    this.side = config.truncation_side === 'left' ? 'left' : 'right';
    this.cleanUp = config.clean_up_tokenization_spaces === true && model.type !== 'BPE'; // as transformers 5
    const special: Partial<Record<Name, number>> = Object.fromEntries(named.map(({ name, id }) => [name, id]));
    const { bos = null, eos = null, pad = null, ...others } = special;
    this.bos = bos;
    this.eos = eos;
    this.pad = pad;
    this.special = others;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids: number[] = text === '' ? [] : this.inner.encode(text, { add_special_tokens: false }).ids;
    if (ids.some((id) => id === undefined)) {
      throw new UserError(
        `${this.source}: a part of the text is no piece of the vocabulary, and there is no unknown token.`,
      );
    }
    if (options.eos && this.eos === null) {
      throw new UserError(`${this.source}: no end-of-sequence token. Name it as eos_token in tokenizer_config.json`);
    }
    return [
      ...(options.bos && this.bos !== null ? [this.bos] : []),
      ...ids,
      ...(options.eos && this.eos !== null ? [this.eos] : []),
    ];
  }

  encodeModel(text: string, pair?: string | null, options: ModelEncodeOptions = {}): ModelEncoding {
    const alone = pair === undefined || pair === null;
    const items = alone ? this.postProcessor.single : this.postProcessor.pair;
    const room = roomFor(options.maxLength ?? Number.POSITIVE_INFINITY, addedTokens(items));
    const { first, second, cut } = truncatePair(this.encode(text), alone ? null : this.encode(pair), room, this.side);
    return { ...assemble(items, first, second ?? []), cut };
  }

  decode(ids: Iterable<number>): string {
    const kept: number[] = [];
    for (const id of ids) {
      checkId(id, this.vocabSize);
      if (!this.skipped.has(id)) kept.push(id);
    }
    if (kept.length === 0) return '';
    return this.inner.decode(kept, { skip_special_tokens: false, clean_up_tokenization_spaces: this.cleanUp });
  }
}

/** The tokens that a configuration names, of those that are in the vocabulary. */
function namedTokens(config: JsonRecord, idOf: ReadonlyMap<string, number>): (AddedToken & { name: Name })[] {
  return NAMES.flatMap((name) => {
    const token = contentOf(config[`${name}_token`]);
    const id = token.content === undefined ? undefined : idOf.get(token.content);
    if (token.content === undefined || id === undefined) return [];
    return [{ normalized: false, ...token, content: token.content, id, special: true, name }];
  });
}

/**
 * The tokenizer that a GGUF file carries in its metadata (`tokenizer.ggml.*`), put as a tokenizer.json: byte-level BPE
 * (`gpt2`), whose way of splitting text stands behind the name in `tokenizer.ggml.pre`, and SentencePiece's BPE
 * (`llama`), whose merges follow from the scores of its pieces.
 */
import { UserError } from '../errors';
import type { GgufValue } from '../formats/gguf';
import { JsonTokenizer } from './tokenizer-json';

/** Metadata of a GGUF file. */
type Metadata = ReadonlyMap<string, GgufValue>;

/** Kinds of pieces (llama.h, `llama_token_type`). */
const [UNKNOWN, CONTROL, USER_DEFINED, BYTE] = [2, 3, 4, 6];

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/** Llama 3's pattern. */
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

interface Splitting {
  readonly preTokenizer: object;
  /** Words that are pieces stay whole, whatever the merges say. */
  readonly wholeWords?: boolean;
  /** What holds where the file does not say whether the begin mark is added. */
  readonly bos?: boolean;
}

const PLAIN: Splitting = { preTokenizer: BYTE_LEVEL };
const SMOLLM: Splitting = {
  preTokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, BYTE_LEVEL] },
};
const LLAMA_BPE: Splitting = {
  preTokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: LLAMA3 }, behavior: 'Isolated', invert: false },
      { ...BYTE_LEVEL, use_regex: false },
    ],
  },
  wholeWords: true,
  bos: true,
};

/** Ways of splitting text by `tokenizer.ggml.pre` (llama-vocab.cpp). */
const SPLITTINGS: Readonly<Record<string, Splitting>> = {
  default: PLAIN,
  'gpt-2': PLAIN,
  smollm: SMOLLM,
  'llama-bpe': LLAMA_BPE,
  llama3: LLAMA_BPE,
};

class Reader {
  constructor(
    private readonly metadata: Metadata,
    readonly source: string,
  ) {}

  bad(what: string): UserError {
    return new UserError(`${this.source}: ${what}. Put the tokenizer.json of the model into a folder of its own.`);
  }

  get(key: string): GgufValue | undefined {
    return this.metadata.get(`tokenizer.ggml.${key}`);
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.bad(`tokenizer.ggml.${key} is no text`);
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.get(key) ?? otherwise;
    if (typeof value === 'boolean') return value;
    throw this.bad(`tokenizer.ggml.${key} is neither true nor false`);
  }

  list<T extends string | number>(key: string, kind: 'string' | 'number'): T[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === kind)) return value as T[];
    throw this.bad(`tokenizer.ggml.${key} is no list of ${kind}s`);
  }
}

/** Pieces with what is known of each. */
interface Pieces {
  readonly texts: readonly string[];
  readonly types: readonly number[];
}

function piecesOf(reader: Reader): Pieces {
  const texts = reader.list<string>('tokens', 'string');
  if (!texts || texts.length === 0) throw reader.bad('tokenizer.ggml.tokens is missing');
  const types = reader.list<number>('token_type', 'number') ?? texts.map(() => 1);
  if (types.length !== texts.length) throw reader.bad(`it has ${texts.length} tokens and ${types.length} token types`);
  return { texts, types };
}

/** Special tokens by the names of a tokenizer_config.json. */
function configOf(reader: Reader, { texts }: Pieces): Record<string, string> {
  const names = { bos: 'bos', eos: 'eos', pad: 'padding', unk: 'unknown', sep: 'seperator', cls: 'cls', mask: 'mask' };
  const config: Record<string, string> = {};
  for (const [name, theirs] of Object.entries(names)) {
    const id = reader.get(`${theirs}_token_id`);
    if (id === undefined) continue;
    if (typeof id !== 'number' || texts[id] === undefined) throw reader.bad(`${theirs}_token_id is ${String(id)}`);
    config[`${name}_token`] = texts[id];
  }
  return config;
}

/** Special and user-defined tokens, which are found in a text before anything else. */
const addedOf = ({ texts, types }: Pieces) =>
  texts.flatMap((content, id) =>
    types[id] === CONTROL || types[id] === USER_DEFINED
      ? [{ id, content, special: types[id] === CONTROL, normalized: false }]
      : [],
  );

/** The begin and end marks around a text, as far as the file adds them. */
function marksOf(reader: Reader, pieces: Pieces, addsBos: boolean): object | null {
  const item = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const marks = (['bos', 'eos'] as const).map((name) => {
    if (!reader.flag(`add_${name}_token`, name === 'bos' && addsBos)) return [];
    const id = reader.get(`${name}_token_id`);
    if (typeof id !== 'number') throw reader.bad(`it adds the ${name} token and does not name it`);
    return [{ token: pieces.texts[id], id }];
  });
  const [begin, end] = marks.map((mark) => mark.map(({ token }) => item(token)));
  if (marks.flat().length === 0) return null;
  const text = (id: 'A' | 'B', typeId: number) => ({ Sequence: { id, type_id: typeId } });
  return {
    type: 'TemplateProcessing',
    single: [...begin, text('A', 0), ...end],
    pair: [...begin, text('A', 0), ...end, ...begin, text('B', 1), ...end],
    special_tokens: Object.fromEntries(marks.flat().map(({ token, id }) => [token, { id: token, ids: [id] }])),
  };
}

function vocabularyOf(reader: Reader, { texts }: Pieces): Record<string, number> {
  const ids = new Map(texts.map((text, id) => [text, id]));
  if (ids.size === texts.length) return Object.fromEntries(ids);
  const twice = texts.find((text, id) => ids.get(text) !== id);
  throw reader.bad(`the token ${JSON.stringify(twice)} is there twice`);
}

function byteLevel(reader: Reader, pieces: Pieces): JsonTokenizer {
  const pre = reader.text('pre') ?? 'default';
  const splitting = Object.hasOwn(SPLITTINGS, pre) ? SPLITTINGS[pre] : undefined;
  if (!splitting) {
    const known = Object.keys(SPLITTINGS).join(', ');
    throw reader.bad(`tokenizer.ggml.pre "${pre}" is not supported (only ${known})`);
  }
  const merges = reader.list<string>('merges', 'string');
  if (!merges) throw reader.bad('tokenizer.ggml.merges is missing');
  const json = {
    added_tokens: addedOf(pieces),
    pre_tokenizer: splitting.preTokenizer,
    post_processor: marksOf(reader, pieces, splitting.bos ?? false),
    decoder: BYTE_LEVEL,
    model: {
      type: 'BPE',
      vocab: vocabularyOf(reader, pieces),
      merges,
      ignore_merges: splitting.wholeWords ?? false,
    },
  };
  return new JsonTokenizer(json, configOf(reader, pieces), reader.source);
}

/** The merges that follow from scores: every way to make a piece of two others, the best-scored pieces first. */
function mergesOf({ texts, types }: Pieces, scores: readonly number[]): [string, string][] {
  const usable = (id: number) => types[id] !== UNKNOWN && types[id] !== CONTROL && types[id] !== BYTE;
  const ids = new Map(texts.flatMap((text, id): [string, number][] => (usable(id) ? [[text, id]] : [])));
  const merges: { left: number; right: number; score: number }[] = [];
  for (const [text, id] of ids) {
    const characters = [...text];
    for (let at = 1, left = ''; at < characters.length; at++) {
      left += characters[at - 1];
      const [l, r] = [ids.get(left), ids.get(text.slice(left.length))];
      if (l !== undefined && r !== undefined) merges.push({ left: l, right: r, score: scores[id] });
    }
  }
  merges.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right);
  return merges.map(({ left, right }) => [texts[left], texts[right]]);
}

const SPACE = '\u2581';

function sentencePiece(reader: Reader, pieces: Pieces): JsonTokenizer {
  const scores = reader.list<number>('scores', 'number');
  if (scores?.length !== pieces.texts.length) throw reader.bad('tokenizer.ggml.scores has no score for every token');
  const unknown = pieces.types.indexOf(UNKNOWN);
  const replace = (from: string, to: string) => ({ type: 'Replace', pattern: { String: from }, content: to });
  const prefix = reader.flag('add_space_prefix', true);
  const json = {
    added_tokens: addedOf(pieces),
    normalizer: {
      type: 'Sequence',
      normalizers: [...(prefix ? [{ type: 'Prepend', prepend: SPACE }] : []), replace(' ', SPACE)],
    },
    post_processor: marksOf(reader, pieces, true),
    decoder: {
      type: 'Sequence',
      decoders: [
        replace(SPACE, ' '),
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      vocab: vocabularyOf(reader, pieces),
      merges: mergesOf(pieces, scores),
      unk_token: unknown < 0 ? null : pieces.texts[unknown],
      fuse_unk: true,
      byte_fallback: true,
    },
  };
  return new JsonTokenizer(json, configOf(reader, pieces), reader.source);
}

/**
 * The tokenizer in a GGUF file's metadata. @param source path of the file, for error messages.
 * @throws UserError naming the kind or key that is missing or not supported.
 */
export function tokenizerFromGguf(metadata: Metadata, source: string): JsonTokenizer {
  const reader = new Reader(metadata, source);
  const model = reader.text('model');
  if (model === undefined) throw reader.bad('the GGUF carries no tokenizer (tokenizer.ggml.model is missing)');
  if (model === 'gpt2') return byteLevel(reader, piecesOf(reader));
  if (model === 'llama') return sentencePiece(reader, piecesOf(reader));
  throw reader.bad(`tokenizer.ggml.model "${model}" is not supported (only gpt2 and llama)`);
}

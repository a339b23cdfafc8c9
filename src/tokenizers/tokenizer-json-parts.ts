/**
 * The parts of a tokenizer.json, checked and put so that the JavaScript library computes what Hugging Face's Rust
 * library does. The two differ in places, most of them outside plain English: JavaScript's `\w` and `\d` are ASCII, its
 * `\s` has a byte order mark and lacks U+0085, its lower case knows the final sigma, and some of the library's parts
 * ignore an option. Where a part can be said in other parts that agree, it is; where not, it is refused by name.
 * One difference is left: an added token with `lstrip` or `rstrip` takes along a byte order mark and leaves U+0085.
 */
import type { UserError } from '../errors';

/** A normaliser, pre-tokenizer, decoder, post-processor or model as JSON. */
export type Part = Readonly<Record<string, unknown>> & { readonly type: string };

/** Makes the error about one section of the file. */
export type PartError = (what: string) => UserError;

/** A section's value as a part. @throws UserError when it is no object with a type. */
export function typeOf(value: unknown, bad: PartError): Part {
  const part = value as Part | null;
  if (typeof part === 'object' && part !== null && typeof part.type === 'string') return part;
  throw bad(`${JSON.stringify(value)?.slice(0, 60)} is no object with a "type"`);
}

/** The parts of a `Sequence`. */
export function partsOf(part: Part, key: string, bad: PartError): Part[] {
  const items = part[key];
  if (!Array.isArray(items)) throw bad(`its Sequence has no list "${key}"`);
  return items.map((item) => typeOf(item, bad));
}

const text = (part: Part, key: string, bad: PartError): string => {
  const value = part[key];
  if (typeof value === 'string') return value;
  throw bad(`${part.type} has no text "${key}"`);
};

const replace = (pattern: { Regex: string } | { String: string }, content: string): Part => ({
  type: 'Replace',
  pattern,
  content: content.replaceAll('$', '$$$$'), // the library hands it to String.replaceAll, where $ is special
});

/** Splits at what a pattern matches; the matches go. */
const splitAt = (regex: string): Part => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Removed',
  invert: false,
});

/** Keeps what a pattern matches; what stands between goes. */
const keep = (regex: string): Part => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Removed', invert: true });

const sequence = (key: string, ...parts: Part[]): Part =>
  parts.length === 1 ? parts[0] : { type: 'Sequence', [key]: parts };

/** Literal characters as a regular expression. */
const literal = (characters: string): string => characters.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** Ideographs beyond U+FFFF, which the library does not see as such (BERT's `_is_chinese_char`). */
const FAR_IDEOGRAPHS =
  '[\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B73F}\\x{2B740}-\\x{2B81F}\\x{2B820}-\\x{2CEAF}\\x{2F800}-\\x{2FA1F}]';
/** Rust lowers a character at a time, so that every capital sigma becomes the same. */
const SIGMA = replace({ String: 'Σ' }, 'σ');

function normalizer(value: unknown, bad: PartError): Part {
  const part = typeOf(value, bad);
  switch (part.type) {
    case 'Sequence':
      return { type: 'Sequence', normalizers: partsOf(part, 'normalizers', bad).map((item) => normalizer(item, bad)) };
    case 'BertNormalizer':
      return sequence(
        'normalizers',
        ...(part.handle_chinese_chars
          ? [replace({ Regex: `(?=${FAR_IDEOGRAPHS})` }, ' '), replace({ Regex: `(?<=${FAR_IDEOGRAPHS})` }, ' ')]
          : []),
        ...(part.lowercase ? [SIGMA] : []),
        part,
      );
    case 'Lowercase':
      return sequence('normalizers', SIGMA, part);
    case 'Strip':
      return sequence(
        'normalizers',
        ...(part.strip_left ? [replace({ Regex: '\\A\\s+' }, '')] : []),
        ...(part.strip_right ? [replace({ Regex: '\\s+\\z' }, '')] : []),
      );
    case 'Replace':
      return replace(pattern(part, bad), text(part, 'content', bad));
    case 'Prepend':
    case 'StripAccents':
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
    case 'Precompiled':
      return part;
    default:
      throw bad(`the kind ${JSON.stringify(part.type)} is not supported`);
  }
}

function pattern(part: Part, bad: PartError): { Regex: string } | { String: string } {
  const value = part.pattern as { Regex?: unknown; String?: unknown } | null | undefined;
  if (typeof value?.Regex === 'string') return { Regex: value.Regex };
  if (typeof value?.String === 'string') return { String: value.String };
  throw bad(`${part.type} has the pattern ${JSON.stringify(value)}`);
}

/** GPT-2's pattern, as byte-level tokenizers split before they look at bytes. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** What Rust's `Punctuation` splits at: Unicode's punctuation and ASCII's. */
const PUNCTUATION = '\\p{P}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E';

/** What Rust's `\w` is: it counts the joiners, which its regular expressions of tokenizer.json do not. */
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}';

const SPACE = '\u2581';

/** @param first whether the text comes to this part as it is, not split by another before. */
function preTokenizer(value: unknown, bad: PartError, first = true): Part {
  const part = typeOf(value, bad);
  const split = (...parts: Part[]) => sequence('pretokenizers', ...parts);
  switch (part.type) {
    case 'Sequence': {
      const parts = partsOf(part, 'pretokenizers', bad).map((item, i) => preTokenizer(item, bad, first && i === 0));
      return { type: 'Sequence', pretokenizers: parts };
    }
    case 'BertPreTokenizer':
      return keep(`[^\\s${PUNCTUATION}]+|[${PUNCTUATION}]`);
    case 'ByteLevel':
      return split(
        ...(part.add_prefix_space === true ? [replace({ Regex: '\\A(?=[^ ])' }, ' ')] : []),
        ...(part.use_regex === false ? [] : [{ ...keep(GPT2), behavior: 'Isolated', invert: false }]),
        { ...part, add_prefix_space: false, use_regex: false },
      );
    case 'Whitespace':
      return keep(`[${WORD}]+|[^\\s${WORD}]+`);
    case 'WhitespaceSplit':
      return splitAt('\\s+');
    case 'CharDelimiterSplit':
      return splitAt(literal(text(part, 'delimiter', bad)));
    case 'Digits':
      return keep(part.individual_digits ? '[^\\p{N}]+|\\p{N}' : '[^\\p{N}]+|\\p{N}+');
    case 'Punctuation':
      return punctuation(part, bad);
    case 'Metaspace':
      return split(...metaspace(part, bad, first));
    case 'Split':
      return plainSplit(part, bad);
    default:
      throw bad(`the kind ${JSON.stringify(part.type)} is not supported`);
  }
}

function punctuation(part: Part, bad: PartError): Part {
  const [word, mark] = [`[^${PUNCTUATION}]+`, `[${PUNCTUATION}]`];
  switch (part.behavior ?? 'Isolated') {
    case 'Isolated':
      return keep(`${word}|${mark}`);
    case 'Contiguous':
      return keep(`${word}|${mark}+`);
    case 'Removed':
      return keep(word);
    default:
      throw bad(`Punctuation of the behaviour ${JSON.stringify(part.behavior)} is not supported`);
  }
}

/** Spaces become the replacement, one is put before, and every replacement begins a new piece unless `split` is off. */
function metaspace(part: Part, bad: PartError, first: boolean): Part[] {
  const replacement = part.replacement ?? SPACE;
  if (typeof replacement !== 'string' || [...replacement].length !== 1)
    throw bad('Metaspace has no single replacement');
  const scheme = part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always');
  if (scheme !== 'always' && scheme !== 'never' && scheme !== 'first') {
    throw bad(`Metaspace has the prepend_scheme ${JSON.stringify(scheme)}`);
  }
  if (scheme === 'first' && !first) throw bad('Metaspace with the prepend_scheme "first" after another split');
  const own: Part = { type: 'Metaspace', replacement, prepend_scheme: scheme };
  return part.split === false ? [own] : [own, splitAt(`(?=${literal(replacement)})`)];
}

function plainSplit(part: Part, bad: PartError): Part {
  const own = pattern(part, bad);
  const regex = 'Regex' in own ? own.Regex : literal(own.String);
  const invert = part.invert === true;
  switch (part.behavior) {
    case 'Removed':
      return invert ? keep(regex) : splitAt(regex);
    case 'Isolated': // pieces and what stands between them are the same from either side
      return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
    case 'MergedWithPrevious':
    case 'MergedWithNext':
      // an end of a piece at every match of one character
      if (!invert && 'String' in own && [...own.String].length === 1) {
        return splitAt(part.behavior === 'MergedWithNext' ? `(?=${regex})` : `(?<=${regex})`);
      }
  }
  const how = `${JSON.stringify(part.behavior)}${invert ? ', inverted' : ''}`;
  throw bad(`Split of the behaviour ${how}, at ${JSON.stringify(own)} is not supported`);
}

const DECODERS = ['ByteLevel', 'WordPiece', 'BPEDecoder', 'CTC', 'Fuse', 'Strip', 'ByteFallback'];

function decoder(value: unknown, bad: PartError): Part {
  const part = typeOf(value, bad);
  if (part.type === 'Sequence') {
    return { type: 'Sequence', decoders: partsOf(part, 'decoders', bad).map((item) => decoder(item, bad)) };
  }
  if (part.type === 'Replace') return replace(pattern(part, bad), text(part, 'content', bad));
  if (part.type === 'Metaspace') {
    const scheme = part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always');
    // the library takes a space off the first piece whatever the scheme
    return scheme === 'never' ? replace({ String: String(part.replacement ?? SPACE) }, ' ') : part;
  }
  if (!DECODERS.includes(part.type)) throw bad(`the kind ${JSON.stringify(part.type)} is not supported`);
  return part;
}

/** A section that may be missing. */
const optional = <T>(value: unknown, of: (value: unknown) => T): T | null =>
  value === null || value === undefined ? null : of(value);

/** The sections of a tokenizer.json but its model, as the library takes them. @throws UserError naming section and part. */
export function sectionsOf(
  json: Readonly<Record<string, unknown>>,
  bad: (section: string) => PartError,
): Record<'normalizer' | 'pre_tokenizer' | 'decoder', Part | null> {
  return {
    normalizer: optional(json.normalizer, (value) => normalizer(value, bad('normalizer'))),
    pre_tokenizer: optional(json.pre_tokenizer, (value) => preTokenizer(value, bad('pre_tokenizer'))),
    decoder: optional(json.decoder, (value) => decoder(value, bad('decoder'))),
  };
}

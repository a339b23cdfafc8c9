/**
 * Character vocabulary of a SentencePiece model (`.vocab`: piece, tab, score) such as tok105 of the babyllama
 * checkpoint. As SentencePiece does it: spaces are `▁`, one stands before the text, runs of spaces count once, spaces
 * at both ends go, and a run of unknown characters (line breaks among them) is one `<unk>`.
 */
import { UserError } from '../errors';
import { readText } from '../formats/read';
import {
  type EncodeOptions,
  encodeAlone,
  type ModelEncodeOptions,
  type ModelEncoding,
  type Tokenizer,
} from './tokenizer';

const SPACE = '\u2581';
const MARKS = ['<unk>', '<s>', '</s>'];
const [UNK, BOS, EOS] = [0, 1, 2];
/** What SentencePiece shows for an unknown character. */
const UNKNOWN_SURFACE = ' \u2047 ';

export class SentencePieceChars implements Tokenizer {
  readonly bos = BOS;
  readonly eos = EOS;
  readonly pad = null;
  readonly special = { unk: UNK };
  readonly vocabSize: number;
  private readonly ids: ReadonlyMap<string, number>;

  /** @param pieces `<unk>`, `<s>`, `</s>`, then single characters. */
  constructor(private readonly pieces: readonly string[]) {
    this.vocabSize = pieces.length;
    this.ids = new Map(pieces.map((piece, id) => [piece, id]));
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids = options.bos ? [BOS] : [];
    const clean = text.replace(/ +/g, ' ').replace(/^ | $/g, '');
    let unknown = false;
    for (const character of clean === '' ? '' : ` ${clean}`) {
      const id = this.ids.get(character === ' ' ? SPACE : character) ?? UNK;
      if (id !== UNK || !unknown) ids.push(id);
      unknown = id === UNK;
    }
    if (options.eos) ids.push(EOS);
    return ids;
  }

  /** The begin mark and the text, as Llama takes it. @throws UserError on a pair. */
  encodeModel(text: string, pair?: string | null, options?: ModelEncodeOptions): ModelEncoding {
    return encodeAlone(this, text, pair, { bos: true }, options);
  }

  decode(ids: Iterable<number>): string {
    let text = '';
    for (const id of ids) {
      const piece = this.pieces[id];
      if (piece === undefined) throw new UserError(`token ${id} is not in 0 … ${this.vocabSize - 1}`);
      if (id !== BOS && id !== EOS) text += id === UNK ? UNKNOWN_SURFACE : piece === SPACE ? ' ' : piece;
    }
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}

/** Reads a `.vocab` file of single characters. @throws UserError when it is missing or of another kind. */
export function loadCharTokenizer105(path: string): SentencePieceChars {
  const bad = (line: number, what: string) => new UserError(`${path}:${line}: ${what}`);
  const lines = readText(path, 'SentencePiece vocabulary').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const pieces = lines.map((line, i) => {
    const [piece, score, ...rest] = line.split('\t');
    if (score === undefined || rest.length || !/^-?\d/.test(score)) {
      throw bad(i + 1, 'expected a piece, a tab and a score');
    }
    if (i < MARKS.length ? piece !== MARKS[i] : [...piece].length !== 1) {
      throw bad(i + 1, `expected ${MARKS[i] ?? 'a single character'}, found ${JSON.stringify(piece)}`);
    }
    return piece;
  });
  if (pieces.length <= MARKS.length) throw bad(lines.length + 1, 'the vocabulary has no characters');
  if (new Set(pieces).size !== pieces.length) throw new UserError(`${path}: a character appears twice`);
  return new SentencePieceChars(pieces);
}

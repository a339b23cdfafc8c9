/**
 * The tokenizer of llama2.c (`tokenizer.bin`, run.c `encode` and `decode`): int32 longest piece, then for each piece
 * float32 score, int32 length, bytes. Id 0 is `<unk>`, 1 and 2 are the marks, ids 3 … 258 the raw bytes `<0x00>` … `<0xFF>`.
 */
import { UserError } from '../errors';
import { readBytes } from '../formats/read';
import { mergePairs } from './bpe';
import {
  type EncodeOptions,
  encodeAlone,
  type ModelEncodeOptions,
  type ModelEncoding,
  type Tokenizer,
} from './tokenizer';

const UNK = 0;
const BOS = 1;
const EOS = 2;
const FIRST_BYTE = 3;
const LAST_BYTE = FIRST_BYTE + 255;
/** Words kept with their ids; text has far fewer different words than words. */
const CACHE_SIZE = 50_000;

interface Piece {
  readonly bytes: Buffer;
  readonly score: number;
}

function readPieces(path: string): Piece[] {
  const bytes = Buffer.from(readBytes(path, 'llama2.c tokenizer'));
  const bad = (what: string) => new UserError(`${path} is not a llama2.c tokenizer: ${what}.`);
  if (bytes.length < 4) throw bad('it has no header');
  const longest = bytes.readInt32LE(0);
  if (longest < 1 || longest > 4096) throw bad(`its header says the longest piece has ${longest} bytes`);
  const pieces: Piece[] = [];
  for (let at = 4; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw bad(`it ends inside piece ${pieces.length}`);
    const score = bytes.readFloatLE(at);
    const length = bytes.readInt32LE(at + 4);
    at += 8;
    if (length < 0 || at + length > bytes.length) throw bad(`piece ${pieces.length} has ${length} bytes past the end`);
    pieces.push({ score, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  if (pieces.length <= LAST_BYTE) throw bad(`it has ${pieces.length} pieces, fewer than marks and bytes`);
  for (const id of [FIRST_BYTE, LAST_BYTE]) {
    const name = `<0x${(id - FIRST_BYTE).toString(16).toUpperCase().padStart(2, '0')}>`;
    if (pieces[id].bytes.toString() !== name) throw bad(`piece ${id} must be ${name}`);
  }
  return pieces;
}

/** Byte-pair tokenizer with byte fallback and a space before the text. */
export class Llama2cTokenizer implements Tokenizer {
  readonly bos = BOS;
  readonly eos = EOS;
  readonly pad = null;
  readonly special = { unk: UNK };
  readonly vocabSize: number;
  private readonly byText = new Map<string, { id: number; score: number }>();
  private readonly cache = new Map<string, number[]>();
  /** No piece has a space after its first character, so words can be merged one by one. */
  private readonly wordwise: boolean;

  constructor(private readonly pieces: readonly Piece[]) {
    this.vocabSize = pieces.length;
    pieces.forEach(({ bytes, score }, id) => {
      const text = bytes.toString();
      if (id > LAST_BYTE && !text.includes('\0') && !this.byText.has(text)) this.byText.set(text, { id, score });
    });
    this.wordwise = ![...this.byText.keys()].some((text) => text.includes(' ', 1));
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids = options.bos ? [BOS] : [];
    // llama2.c puts a space before every text, so that the first word is tokenised as any other
    const words = text === '' ? [] : this.wordwise ? (` ${text}`.match(/ ?[^ ]+| /g) ?? []) : [` ${text}`];
    for (const word of words) for (const id of this.word(word)) ids.push(id);
    if (options.eos) ids.push(EOS);
    return ids;
  }

  private word(word: string): number[] {
    const known = this.cache.get(word);
    if (known) return known;
    const ids: number[] = [];
    const texts: string[] = [];
    for (const character of word) {
      const piece = this.byText.get(character);
      if (piece) {
        ids.push(piece.id);
        texts.push(character);
        continue;
      }
      for (const byte of Buffer.from(character)) {
        ids.push(FIRST_BYTE + byte);
        texts.push('\0'); // a text in no piece: bytes are never merged
      }
    }
    const merged = mergePairs(ids, texts, this.byText);
    if (this.cache.size >= CACHE_SIZE) this.cache.clear();
    this.cache.set(word, merged);
    return merged;
  }

  /** The begin mark and the text, as Llama takes it. @throws UserError on a pair. */
  encodeModel(text: string, pair?: string | null, options?: ModelEncodeOptions): ModelEncoding {
    return encodeAlone(this, text, pair, { bos: true }, options);
  }

  decode(ids: Iterable<number>): string {
    const chunks: Buffer[] = [];
    let start = true; // the space that encode puts before a text goes
    for (const id of ids) {
      const piece = this.pieces[id];
      if (!piece) throw new UserError(`token ${id} is not in 0 … ${this.vocabSize - 1}`);
      if (id === BOS) start = true;
      if (id === BOS || id === EOS) continue;
      if (id >= FIRST_BYTE && id <= LAST_BYTE) chunks.push(Buffer.of(id - FIRST_BYTE));
      else chunks.push(start && piece.bytes[0] === 0x20 ? piece.bytes.subarray(1) : piece.bytes);
      start = false;
    }
    return Buffer.concat(chunks).toString();
  }
}

/** Reads a `tokenizer.bin`. @throws UserError when the file is missing, cut, or of another kind. */
export function loadLlama2cTokenizer(path: string): Llama2cTokenizer {
  return new Llama2cTokenizer(readPieces(path));
}

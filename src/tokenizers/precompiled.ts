/**
 * SentencePiece's normalisation table (`Precompiled` in a tokenizer.json): a trie of byte strings and what each becomes.
 * As Hugging Face's Rust library applies it: by grapheme where one has fewer than six bytes, else by character, taking
 * the shortest entry that begins it (spm_precompiled, and tokenizers' normalizers/precompiled.rs). The JavaScript
 * library does not read the table, and lets tables that fold case fold nothing.
 */
import type { PartError } from './tokenizer-json-parts';

const encoder = new TextEncoder();
/** Longest grapheme that is looked up whole, in bytes, and one more. */
const WHOLE_GRAPHEME = 6;

/** The fields of a unit of the double-array trie (darts-clone). */
const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1;
const label = (unit: number): number => (unit & 0x800000ff) >>> 0;
const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);

export class CharsMap {
  private readonly trie: Uint32Array;
  private readonly texts: Uint8Array;
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private readonly segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  /** What each ASCII character becomes, since most texts need no more. */
  private readonly ascii: readonly string[];

  /** @param bytes size of the trie, its units, then texts that end with a zero byte. */
  constructor(bytes: Uint8Array, bad: PartError) {
    const size = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    if (size === 0 || size % 4 !== 0 || 4 + size > bytes.length) throw bad('its precompiled_charsmap is broken');
    this.trie = new Uint32Array(new Uint8Array(bytes.subarray(4, 4 + size)).buffer);
    this.texts = bytes.subarray(4 + size);
    this.ascii = Array.from({ length: 128 }, (_, code) => {
      const character = String.fromCharCode(code);
      return this.lookUp(character) ?? character;
    });
  }

  /** What the shortest entry that begins a text becomes; null when there is none. */
  private lookUp(text: string): string | null {
    let node = offset(this.trie[0]);
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return null;
      node ^= byte;
      const unit = this.trie[node];
      if (unit === undefined || label(unit) !== byte) return null;
      node ^= offset(unit);
      if (!hasLeaf(unit)) continue;
      const begin = (this.trie[node] ?? 0) & 0x7fffffff;
      const end = this.texts.indexOf(0, begin);
      return this.decoder.decode(this.texts.subarray(begin, end < 0 ? undefined : end));
    }
    return null;
  }

  normalize(text: string): string {
    let out = '';
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII whole, but the one grapheme of two characters
    if (/^[\0-\x0c\x0e-\x7f]*$/.test(text)) {
      for (let i = 0; i < text.length; i++) out += this.ascii[text.charCodeAt(i)];
      return out;
    }
    for (const { segment } of this.segmenter.segment(text)) {
      const whole = Buffer.byteLength(segment) < WHOLE_GRAPHEME ? this.lookUp(segment) : null;
      if (whole !== null) out += whole;
      else for (const character of segment) out += this.lookUp(character) ?? character;
    }
    return out;
  }
}

/** Where @huggingface/tokenizers computes otherwise than the Rust library and no other way of saying a part helps. */
import {
  ByteFallbackDecoder,
  type Decoder,
  type Tokenizer as HuggingFace,
  type Normalizer,
  PrecompiledNormalizer,
  SequenceDecoder,
  SequenceNormalizer,
} from '@huggingface/tokenizers';
import { CharsMap } from './precompiled';
import type { PartError } from './tokenizer-json-parts';

/** Unknown pieces are joined within a word only, not with those of the next. */
function fuseWithinWords({ model }: HuggingFace): void {
  if (!model?.fuse_unk) return;
  const whole = model._call.bind(model);
  model._call = (words) => words.flatMap((word) => whole([word]));
}

/** `Precompiled` normalisers follow their table, not NFKC. */
function useTables(normalizer: Normalizer | null, bad: PartError): void {
  if (normalizer instanceof SequenceNormalizer) for (const part of normalizer.normalizers) useTables(part, bad);
  if (!(normalizer instanceof PrecompiledNormalizer)) return;
  const map = new CharsMap(Buffer.from(String(normalizer.charsmap ?? ''), 'base64'), bad);
  normalizer.normalize = (text) => map.normalize(text);
}

/** Bytes that are no UTF-8 become one mark each, and a byte order mark stays. */
class BytesOrMarks extends TextDecoder {
  constructor() {
    super('utf-8', { fatal: true, ignoreBOM: true });
  }

  override decode(bytes: Uint8Array): string {
    try {
      return super.decode(bytes);
    } catch {
      return '\ufffd'.repeat(bytes.length);
    }
  }
}

function keepBytes(decoder: Decoder | null): void {
  if (decoder instanceof SequenceDecoder) for (const part of decoder.decoders) keepBytes(part);
  if (decoder instanceof ByteFallbackDecoder) decoder.text_decoder = new BytesOrMarks();
}

/** Mends a tokenizer in place. @throws UserError when a table is broken. */
export function mend(tokenizer: HuggingFace, bad: (section: string) => PartError): void {
  fuseWithinWords(tokenizer);
  useTables(tokenizer.normalizer, bad('normalizer'));
  keepBytes(tokenizer.decoder);
}

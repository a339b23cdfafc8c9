/** Tokenizers, and the chat templates that stand beside them. */
export {
  type ChatMessage,
  type ChatTemplate,
  chatTemplate,
  chatTemplateFromGguf,
  type EncodedChat,
  encodeChat,
  parseChatTemplate,
  type RenderOptions,
} from './chat';
export { tokenizerFromGguf } from './gguf';
export { CharTokenizer, type ListTokenizerJson, listTokenizerFromJson, WordTokenizer } from './list';
export { Llama2cTokenizer, loadLlama2cTokenizer } from './llama2c';
export { loadTokenizer } from './load';
export { loadCharTokenizer105, SentencePieceChars } from './sentencepiece-chars';
export {
  type EncodeOptions,
  endOf,
  type ModelEncodeOptions,
  type ModelEncoding,
  padOf,
  type Tokenizer,
} from './tokenizer';
export { JsonTokenizer } from './tokenizer-json';
export { type TruncationSide, truncatePair } from './truncate';

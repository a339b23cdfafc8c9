/** The tokenizers of the kit. */
export { CharTokenizer, type ListTokenizerJson, listTokenizerFromJson, WordTokenizer } from './list';
export { Llama2cTokenizer, loadLlama2cTokenizer } from './llama2c';
export { loadCharTokenizer105, SentencePieceChars } from './sentencepiece-chars';
export type { EncodeOptions, Tokenizer } from './tokenizer';

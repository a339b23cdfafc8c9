/** The small T5 of the language-understanding tasks. */
import type { T5Config } from '../../models/t5-config';
import { grammarTokenizer } from './vocabulary';

/** v1.0 in small. */
export const GRAMMAR_T5: T5Config = {
  vocab: grammarTokenizer.vocabSize,
  dim: 64,
  headDim: 16,
  hidden: 192,
  heads: 4,
  encoderLayers: 3,
  decoderLayers: 3,
  buckets: 16,
  maxDistance: 48,
  epsilon: 1e-6,
  feedForward: 'relu',
  tied: true,
  scaled: true,
  pad: grammarTokenizer.pad,
  eos: grammarTokenizer.eos,
};

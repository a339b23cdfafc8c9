/** The small decoder of the generation tasks. */
import type { DecoderConfig } from '../../models/decoder';
import { reasoningTokenizer } from './vocabulary';

export const GRAMMAR_DECODER: DecoderConfig = {
  dim: 64,
  hidden: 176,
  layers: 4,
  heads: 4,
  kvHeads: 4,
  vocab: reasoningTokenizer.vocabSize,
  context: 128,
  tied: true,
  rope: 'interleaved',
};

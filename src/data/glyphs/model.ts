/** The small vision transformer of the glyph task. */
import type { EncoderConfig } from '../../models/encoder';
import { BASE_LETTERS, FEATURES, TOKENS } from '.';

/** Pre-norm ViT with 4 × 4 patches, 0.3 M weights, as pretrained on the base alphabet. */
export const GLYPHS_VIT: EncoderConfig = {
  tokens: TOKENS,
  features: FEATURES,
  dim: 64,
  depth: 6,
  heads: 4,
  mlp: 256,
  classes: BASE_LETTERS,
  norm: 'pre',
  qkvBias: true,
};

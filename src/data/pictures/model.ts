/** The small vision transformer of the picture tasks. */
import type { EncoderConfig } from '../../models/encoder';
import { FEATURES, TOKENS } from '.';

/** Pre-norm ViT with 4 × 4 patches of 7 × 7 pixels, 0.2 M weights. */
export const picturesVit = (classes: number): EncoderConfig => ({
  tokens: TOKENS,
  features: FEATURES,
  dim: 64,
  depth: 4,
  heads: 4,
  mlp: 256,
  classes,
  norm: 'pre',
  qkvBias: true,
});

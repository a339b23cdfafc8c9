/** The small vision transformer of the glyph task and where its checkpoint lies. */
import { join } from 'node:path';
import type { EncoderConfig } from '../../models/encoder';
import { projectRoot } from '../../tensor/native';
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

/** The committed checkpoint, found from `src/` and from `dist/`. */
export const checkpointPath = (): string => join(projectRoot(), 'data', 'glyphs-vit', 'glyphs-vit.safetensors');

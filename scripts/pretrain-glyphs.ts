/**
 * Pretrains the glyph task's base model and writes data/glyphs-vit/: checkpoint and facts for its card.
 *
 *   npx tsx scripts/pretrain-glyphs.ts [--steps 2500] [--batch 64] [--lr 0.001] [--seed 1] [--out data/glyphs-vit]
 *
 * Every image is drawn once and never seen again; accuracy is on images no step has seen.
 */

import { BASE_LETTERS, baseAlphabet, drawGlyphs, FEATURES, firstGlyphs, TOKENS } from '../src/data/glyphs';
import { PLAIN } from '../src/data/glyphs/style';
import { classificationSet } from '../src/tasks/kinds/classify';
import { pretrainEncoder } from './pretrain-encoder';
import { runScript, settingsOf } from './pretraining';

const settings = settingsOf({ steps: 2500, batch: 64, lr: 0.001, seed: 1, out: 'data/glyphs-vit' });

/** Norms first, 4 × 4 patches, 0.3 M weights. */
const config = {
  ...{ num_tokens: TOKENS, num_features: FEATURES, num_labels: BASE_LETTERS },
  ...{ hidden_size: 64, num_hidden_layers: 6, num_attention_heads: 4, intermediate_size: 256 },
  ...{ norm_first: true, qkv_bias: true },
};

runScript(
  pretrainEncoder('glyphs-vit', config, settings, (random) => {
    const alphabet = baseAlphabet();
    const stream = random.fork('train');
    const held = firstGlyphs(alphabet, PLAIN, random.fork('test'), 3000);
    return {
      data: {
        size: settings.steps * settings.batch,
        batch: (indices) => {
          const { features, labels } = drawGlyphs(alphabet, PLAIN, stream, indices);
          return classificationSet(features, [TOKENS, FEATURES], labels).batch([...indices.keys()]);
        },
      },
      test: classificationSet(held.features, [TOKENS, FEATURES], held.labels),
    };
  }),
);

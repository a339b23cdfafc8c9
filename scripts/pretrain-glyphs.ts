/**
 * Pretrains the glyph task's base model and writes data/glyphs-vit/: checkpoint and facts for its card.
 *
 *   npx tsx scripts/pretrain-glyphs.ts [--steps 2500] [--batch 64] [--lr 0.001] [--seed 1] [--out data/glyphs-vit]
 *
 * Every image is drawn once and never seen again; accuracy is on images no step has seen.
 */
import { classificationSet } from '../src/tasks/kinds/classify';
import { baseAlphabet, drawGlyphs, FEATURES, firstGlyphs, TOKENS } from '../src/data/glyphs';
import { GLYPHS_VIT } from '../src/data/glyphs/model';
import { PLAIN } from '../src/data/glyphs/style';
import { pretrainEncoder } from './pretrain-encoder';
import { runScript, settingsOf } from './pretraining';

const settings = settingsOf({ steps: 2500, batch: 64, lr: 0.001, seed: 1, out: 'data/glyphs-vit' });

runScript(
  pretrainEncoder('glyphs-vit', GLYPHS_VIT, settings, (random) => {
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

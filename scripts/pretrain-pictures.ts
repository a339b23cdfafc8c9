/**
 * Pretrains the base model of the picture tasks and writes data/pictures-vit/: checkpoint and facts for its card.
 *
 *   npx tsx scripts/pretrain-pictures.ts [--steps 5000] [--batch 64] [--lr 0.001] [--seed 1] [--out data/pictures-vit]
 *
 * Every picture is drawn once and never seen again; accuracy is on pictures no step has seen.
 */

import { drawPictures, FEATURES, firstPictures, TOKENS } from '../src/data/pictures';
import { primitives } from '../src/data/pictures/sets/primitives';
import { classificationSet } from '../src/tasks/kinds/classify';
import { picturesVit, pretrainEncoder } from './pretrain-encoder';
import { runScript, settingsOf } from './pretraining';

const settings = settingsOf({ steps: 5000, batch: 64, lr: 0.001, seed: 1, out: 'data/pictures-vit' });
const config = picturesVit(Object.keys(primitives.classes).length);

runScript(
  pretrainEncoder('pictures-vit', config, settings, (random) => {
    const stream = random.fork('train');
    const held = firstPictures(primitives, random.fork('test'), 2000);
    return {
      data: {
        size: settings.steps * settings.batch,
        batch: (indices) => {
          const { features, labels } = drawPictures(primitives, stream, indices);
          return classificationSet(features, [TOKENS, FEATURES], labels).batch([...indices.keys()]);
        },
      },
      test: classificationSet(held.features, [TOKENS, FEATURES], held.labels),
    };
  }),
);

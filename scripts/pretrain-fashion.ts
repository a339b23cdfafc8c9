/**
 * Pretrains the base model of the task `mnist` on Fashion-MNIST and writes data/fashion-vit/: checkpoint and facts for
 * its card.
 *
 *   npx tsx scripts/pretrain-fashion.ts --data DIR [--steps 2000] [--batch 64] [--lr 0.001] [--seed 1] [--out data/fashion-vit]
 *
 * DIR (or GORA_DATA) holds fashion-mnist/. Accuracy is on Fashion-MNIST's 10,000 test images.
 */
import { join } from 'node:path';
import { MNIST_CLASSES, readMnist } from '../src/data/mnist';
import { FEATURES, TOKENS } from '../src/data/pictures';
import { dataFolder } from '../src/project';
import { classificationSet } from '../src/tasks/kinds/classify';
import { picturesVit, pretrainEncoder } from './pretrain-encoder';
import { runScript, settingsOf } from './pretraining';

const settings = settingsOf({
  steps: 2000,
  batch: 64,
  lr: 0.001,
  seed: 1,
  out: 'data/fashion-vit',
  data: dataFolder(),
});

runScript(
  pretrainEncoder('fashion-vit', picturesVit(MNIST_CLASSES), settings, () => {
    const folder = join(settings.data, 'fashion-mnist');
    const set = (part: 'train' | 't10k') => {
      const { features, labels } = readMnist(folder, part);
      return classificationSet(features, [TOKENS, FEATURES], labels);
    };
    return { data: set('train'), test: set('t10k') };
  }),
);

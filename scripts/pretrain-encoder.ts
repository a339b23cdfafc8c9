/** Pretraining of the small vision transformers. */

import { FEATURES, TOKENS } from '../src/data/pictures';
import { randomModel } from '../src/models/auto';
import type { KwtConfig } from '../src/models/kwt';
import type { Dataset } from '../src/tasks/dataset';
import { evaluateClassifier } from '../src/tasks/kinds/classify';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { pretrain, type Settings, writeBase } from './pretraining';

/**
 * Trains from random weights with weight decay 0.05 and writes config.json, model.safetensors and pretraining.json
 * (settings and curve) to the folder `out`.
 * @param sets makes the training set and the set that accuracy is measured on.
 */
export async function pretrainEncoder(
  name: string,
  sizes: Omit<KwtConfig, 'model_type'>,
  settings: Settings,
  sets: (random: Random) => { readonly data: Dataset; readonly test: Dataset },
): Promise<void> {
  await startBackend();
  const random = new Random(settings.seed, `pretrain-${name.replace(/-vit$/, '')}`);
  const config = { model_type: 'kwt', ...sizes };
  const model = randomModel(name, config, random.fork('weights'));
  const { data, test } = sets(random);
  const facts = await pretrain(settings, {
    ...{ model, data, random, weightDecay: 0.05, evalEvery: 500 },
    measure: async (net) => evaluateClassifier(model, net, test),
    describe: ({ accuracy, loss }) => `accuracy ${accuracy.toFixed(2)} %, loss ${loss.toFixed(4)}`,
  });
  await writeBase(settings, model, { 'pretraining.json': facts });
}

/** Norms first, 4 × 4 patches of 7 × 7 pixels, 0.2 M weights. */
export const picturesVit = (classes: number) => ({
  ...{ num_tokens: TOKENS, num_features: FEATURES, num_labels: classes },
  ...{ hidden_size: 64, num_hidden_layers: 4, num_attention_heads: 4, intermediate_size: 256 },
  ...{ norm_first: true, qkv_bias: true },
});

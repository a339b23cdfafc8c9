/** Pretraining of the small vision transformers. */
import { evaluateClassifier } from '../src/tasks/kinds/classify';
import type { Dataset } from '../src/tasks/dataset';
import { type EncoderConfig, encoderInit, makeEncoder } from '../src/models/encoder';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { pretrain, type Settings, writeBase } from './pretraining';

/**
 * Trains from random weights with weight decay 0.05 and writes NAME.safetensors and pretraining.json (settings and
 * curve) to the folder `out`.
 * @param sets makes the training set and the set that accuracy is measured on.
 */
export async function pretrainEncoder(
  name: string,
  config: EncoderConfig,
  settings: Settings,
  sets: (random: Random) => { readonly data: Dataset; readonly test: Dataset },
): Promise<void> {
  await startBackend();
  const random = new Random(settings.seed, `pretrain-${name.replace(/-vit$/, '')}`);
  const model = makeEncoder(name, config, encoderInit(config, random.fork('weights')), 'random start');
  const { data, test } = sets(random);
  const facts = await pretrain(settings, {
    ...{ model, data, random, weightDecay: 0.05, evalEvery: 500 },
    measure: async (net) => evaluateClassifier(model, net, test),
    describe: ({ accuracy, loss }) => `accuracy ${accuracy.toFixed(2)} %, loss ${loss.toFixed(4)}`,
  });
  await writeBase(settings, model, `${name}.safetensors`, { 'pretraining.json': facts });
}

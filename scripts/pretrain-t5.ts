/**
 * Pretrains the base model of the language-understanding tasks by span corruption and writes data/grammar-t5/: the
 * model as a Hugging Face folder, its vocabulary, and facts for its card.
 *
 *   npx tsx scripts/pretrain-t5.ts [--steps 8000] [--batch 32] [--lr 0.003] [--seed 1] [--out data/grammar-t5]
 *
 * Every text is written once and never seen again; the loss reported is on texts no step has seen.
 */

import { pretrainingShape, pretrainingText } from '../src/data/grammar/pretraining';
import { grammarTokenizer } from '../src/data/grammar/vocabulary';
import { randomModel } from '../src/models/auto';
import type { Dataset } from '../src/tasks/dataset';
import { sequenceBatch, sequenceSet } from '../src/tasks/kinds/sequences';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { meanLoss, pretrain, runScript, sayLoss, settingsOf, writeBase } from './pretraining';

const settings = settingsOf({ steps: 8000, batch: 32, lr: 0.003, seed: 1, out: 'data/grammar-t5' });
/** v1.0 in small. */
const config = {
  ...{ architectures: ['T5ForConditionalGeneration'], model_type: 't5', is_encoder_decoder: true },
  ...{ vocab_size: grammarTokenizer.vocabSize, d_model: 64, d_kv: 16, d_ff: 192, num_heads: 4 },
  ...{ num_layers: 3, num_decoder_layers: 3, relative_attention_num_buckets: 16, relative_attention_max_distance: 48 },
  ...{ layer_norm_epsilon: 1e-6, feed_forward_proj: 'relu', dropout_rate: 0, tie_word_embeddings: true },
  ...{ pad_token_id: 0, eos_token_id: 2, decoder_start_token_id: 0 },
};
const HELD_OUT = 256;

async function main(): Promise<void> {
  await startBackend();
  const random = new Random(settings.seed, 'pretrain-t5');
  const model = randomModel('grammar-t5', config, random.fork('weights'));
  const stream = random.fork('train');
  const data: Dataset = {
    size: settings.steps * settings.batch,
    batch: (indices) =>
      sequenceBatch(
        indices.map((i) => pretrainingText(stream.fork(String(i)))),
        pretrainingShape,
      ),
  };
  const held = Array.from({ length: HELD_OUT }, (_, i) => pretrainingText(random.fork(`test/${i}`)));
  const test = sequenceSet(held, pretrainingShape);
  const facts = await pretrain(settings, {
    ...{ model, data, random, weightDecay: 0, evalEvery: 250 },
    measure: (net) => meanLoss(model, net, test),
    describe: sayLoss,
  });
  await writeBase(settings, model, {
    'vocabulary.json': grammarTokenizer.toJSON(),
    'pretraining.json': facts,
  });
}

runScript(main());

/**
 * Pretrains the base model of the language-understanding tasks by span corruption and writes data/grammar-t5/: the
 * model as a Hugging Face folder, its vocabulary, and facts for its card.
 *
 *   npx tsx scripts/pretrain-t5.ts [--steps 8000] [--batch 32] [--lr 0.003] [--seed 1] [--out data/grammar-t5]
 *
 * Every text is written once and never seen again; the loss reported is on texts no step has seen.
 */
import type { Dataset } from '../src/tasks/dataset';
import { GRAMMAR_T5 } from '../src/data/grammar/model';
import { pretrainingShape, pretrainingText } from '../src/data/grammar/pretraining';
import { sequenceBatch, sequenceSet } from '../src/tasks/kinds/sequences';
import { grammarTokenizer } from '../src/data/grammar/vocabulary';
import { makeT5 } from '../src/models/t5';
import { t5ConfigJson } from '../src/models/t5-config';
import { t5Init } from '../src/models/t5-layout';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { meanLoss, pretrain, runScript, sayLoss, settingsOf, writeBase } from './pretraining';

const settings = settingsOf({ steps: 8000, batch: 32, lr: 0.003, seed: 1, out: 'data/grammar-t5' });
const HELD_OUT = 256;

async function main(): Promise<void> {
  await startBackend();
  const random = new Random(settings.seed, 'pretrain-t5');
  const model = makeT5('grammar-t5', GRAMMAR_T5, t5Init(GRAMMAR_T5, random.fork('weights')), 'random start');
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
  await writeBase(settings, model, 'model.safetensors', {
    'config.json': t5ConfigJson(GRAMMAR_T5),
    'vocabulary.json': grammarTokenizer.toJSON(),
    'pretraining.json': facts,
  });
}

runScript(main());

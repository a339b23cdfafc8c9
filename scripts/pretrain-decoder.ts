/**
 * Pretrains the decoder of the generation tasks and writes data/grammar-decoder/: the model as a Hugging Face folder,
 * its vocabulary, and facts for its card.
 *
 *   npx tsx scripts/pretrain-decoder.ts [--steps 6000] [--batch 32] [--lr 0.004] [--seed 1] [--out data/grammar-decoder]
 *
 * Every text is written once and never seen again; the loss reported is on texts no step has seen.
 */

import { pretrainingBatch, pretrainingWindow } from '../src/data/reasoning/pretraining';
import { reasoningTokenizer } from '../src/data/reasoning/vocabulary';
import { randomModel } from '../src/models/auto';
import type { Dataset } from '../src/tasks/dataset';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { meanLoss, pretrain, runScript, sayLoss, settingsOf, writeBase } from './pretraining';

const settings = settingsOf({ steps: 6000, batch: 32, lr: 0.004, seed: 1, out: 'data/grammar-decoder' });
const config = {
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', vocab_size: reasoningTokenizer.vocabSize },
  ...{ hidden_size: 64, intermediate_size: 176, num_hidden_layers: 4, num_attention_heads: 4, num_key_value_heads: 4 },
  ...{ max_position_embeddings: 128, rms_norm_eps: 1e-5, rope_theta: 10000, rope_interleaved: true },
  ...{ tie_word_embeddings: true, bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 },
};
const CONTEXT = 64;
const HELD_OUT = 256;

async function main(): Promise<void> {
  await startBackend();
  const { steps, batch, seed } = settings;
  const random = new Random(seed, 'pretrain-decoder');
  const model = randomModel('grammar-decoder', config, random.fork('weights'));
  const windows = (stream: Random, size: number): Dataset => ({
    size,
    batch: (indices) => pretrainingBatch(indices.map((i) => pretrainingWindow(stream.fork(String(i)), CONTEXT))),
  });
  const test = windows(random.fork('test'), HELD_OUT);
  const facts = await pretrain(settings, {
    ...{ model, data: windows(random.fork('train'), steps * batch), random },
    ...{ weightDecay: 0.01, evalEvery: Math.max(100, Math.floor(steps / 10)) },
    measure: (net) => meanLoss(model, net, test),
    describe: sayLoss,
  });
  await writeBase(settings, model, {
    'vocabulary.json': reasoningTokenizer.toJSON(),
    'pretraining.json': { ...facts, context: CONTEXT },
  });
}

runScript(main());

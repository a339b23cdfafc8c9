/**
 * Pretrains the base model of the language-understanding tasks by span corruption and writes data/grammar-t5/: the
 * model as a Hugging Face folder, its vocabulary, and facts for its card.
 *
 *   npx tsx scripts/pretrain-t5.ts [--steps 8000] [--batch 32] [--lr 0.003] [--seed 1] [--out data/grammar-t5]
 *
 * Every text is written once and never seen again; the loss reported is on texts no step has seen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { type Dataset, inOrder } from '../src/data/dataset';
import { GRAMMAR_T5 } from '../src/data/grammar/model';
import { pretrainingShape, pretrainingText } from '../src/data/grammar/pretraining';
import { sequenceBatch, sequenceSet } from '../src/data/grammar/sequences';
import { grammarTokenizer } from '../src/data/grammar/vocabulary';
import { writeSafetensors } from '../src/formats/safetensors-write';
import { full } from '../src/methods/full';
import { exportWeights } from '../src/models/params';
import { makeT5 } from '../src/models/t5';
import { t5ConfigJson } from '../src/models/t5-config';
import { t5Init } from '../src/models/t5-layout';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { trainingSchema } from '../src/training/options';
import { train } from '../src/training/train';

const { values: flags } = parseArgs({
  options: {
    steps: { type: 'string', default: '8000' },
    batch: { type: 'string', default: '32' },
    lr: { type: 'string', default: '0.003' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'data/grammar-t5' },
  },
});

const HELD_OUT = 256;

async function main(): Promise<void> {
  const [steps, batch, lr, seed] = [flags.steps, flags.batch, flags.lr, flags.seed].map(Number);
  const backend = await startBackend();
  const random = new Random(seed, 'pretrain-t5');
  const model = makeT5('grammar-t5', GRAMMAR_T5, t5Init(GRAMMAR_T5, random.fork('weights')), 'random start');
  const stream = random.fork('train');
  const data: Dataset = {
    size: steps * batch,
    batch: (indices) =>
      sequenceBatch(
        indices.map((i) => pretrainingText(stream.fork(String(i)))),
        pretrainingShape,
      ),
  };
  const held = Array.from({ length: HELD_OUT }, (_, i) => pretrainingText(random.fork(`test/${i}`)));
  const test = sequenceSet(held, pretrainingShape);
  const options = trainingSchema.parse({ steps, batch, lr, warmup: 0.05, weightDecay: 0, evalEvery: 250 });
  const adapters = full.attach(model, model.linears, {}, {}, random);
  const started = performance.now();
  const curve: { step: number; loss: number }[] = [];
  const evaluate = async (step: number) => {
    let sum = 0;
    for (const part of inOrder(test, 64)) {
      const loss = tf.tidy(() => model.loss(adapters.net, part));
      sum += (await loss.data())[0] * part.tokens.shape[0];
      tf.dispose([loss, ...Object.values(part)]);
    }
    curve.push({ step, loss: sum / HELD_OUT });
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`step ${step}: loss ${(sum / HELD_OUT).toFixed(4)} nats a token, ${seconds} s`);
  };
  await train({ model, adapters, data, options, random, onEvaluate: evaluate });
  if (curve.at(-1)?.step !== steps) await evaluate(steps);
  const minutes = (performance.now() - started) / 60000;

  mkdirSync(flags.out, { recursive: true });
  const weights = await exportWeights(model);
  const stored = new Map(Array.from(weights, ([name, tensor]) => [name, { ...tensor, dtype: 'BF16' as const }]));
  writeSafetensors(join(flags.out, 'model.safetensors'), stored, { format: 'pt', seed: String(seed) });
  const write = (file: string, value: unknown) =>
    writeFileSync(join(flags.out, file), `${JSON.stringify(value, null, 2)}\n`);
  write('config.json', t5ConfigJson(GRAMMAR_T5));
  write('vocabulary.json', grammarTokenizer.toJSON());
  write('pretraining.json', {
    steps,
    batch,
    lr,
    seed,
    minutes,
    backend: backend.name,
    versions: backend.versions,
    curve,
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

/**
 * Pretrains the decoder of the generation tasks and writes data/grammar-decoder/: the model as a Hugging Face folder,
 * its vocabulary, and facts for its card.
 *
 *   npx tsx scripts/pretrain-decoder.ts [--steps 6000] [--batch 32] [--lr 0.003] [--seed 1] [--out data/grammar-decoder]
 *     [--from FOLDER]   goes on from an earlier model of the same vocabulary
 *
 * Every text is written once and never seen again; the loss reported is on texts no step has seen.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { type Dataset, inOrder } from '../src/data/dataset';
import { GRAMMAR_DECODER } from '../src/data/reasoning/model';
import { pretrainingBatch, pretrainingWindow } from '../src/data/reasoning/pretraining';
import { reasoningTokenizer } from '../src/data/reasoning/vocabulary';
import { writeSafetensors } from '../src/formats/safetensors-write';
import { full } from '../src/methods/full';
import { decoderInit, makeDecoder } from '../src/models/decoder';
import { loadDecoder } from '../src/models/load';
import { exportWeights } from '../src/models/params';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { trainingSchema } from '../src/training/options';
import { train } from '../src/training/train';

const { values: flags } = parseArgs({
  options: {
    steps: { type: 'string', default: '6000' },
    batch: { type: 'string', default: '32' },
    lr: { type: 'string', default: '0.003' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'data/grammar-decoder' },
    from: { type: 'string' },
  },
});

const CONTEXT = 64;
const HELD_OUT = 256;

async function main(): Promise<void> {
  const [steps, batch, lr, seed] = [flags.steps, flags.batch, flags.lr, flags.seed].map(Number);
  const backend = await startBackend();
  const random = new Random(seed, 'pretrain-decoder');
  const model = flags.from
    ? loadDecoder('grammar-decoder', GRAMMAR_DECODER, join(flags.from, 'model.safetensors'))
    : makeDecoder('grammar-decoder', GRAMMAR_DECODER, decoderInit(GRAMMAR_DECODER, random.fork('weights')), 'a start');
  const before = flags.from ? JSON.parse(readFileSync(join(flags.from, 'pretraining.json'), 'utf8')) : undefined;
  const windows = (stream: Random, size: number): Dataset => ({
    size,
    batch: (indices) => pretrainingBatch(indices.map((i) => pretrainingWindow(stream.fork(String(i)), CONTEXT))),
  });
  const data = windows(random.fork('train'), steps * batch);
  const test = windows(random.fork('test'), HELD_OUT);
  const evalEvery = Math.max(100, Math.floor(steps / 10));
  const options = trainingSchema.parse({ steps, batch, lr, warmup: 0.05, weightDecay: 0.01, evalEvery });
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
  write('config.json', GRAMMAR_DECODER);
  write('vocabulary.json', reasoningTokenizer.toJSON());
  write('pretraining.json', {
    steps,
    batch,
    context: CONTEXT,
    lr,
    seed,
    minutes,
    backend: backend.name,
    versions: backend.versions,
    curve,
    before,
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

/**
 * Pretrains the glyph task's base model and writes data/glyphs-vit/: checkpoint and facts for its card.
 *
 *   npx tsx scripts/pretrain-glyphs.ts [--steps 2500] [--batch 64] [--lr 0.001] [--seed 1] [--out data/glyphs-vit]
 *
 * Every image is drawn once and never seen again; accuracy is on images no step has seen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { classificationSet, evaluateClassifier } from '../src/data/classification';
import type { Dataset } from '../src/data/dataset';
import { baseAlphabet, drawGlyphs, FEATURES, firstGlyphs, TOKENS } from '../src/data/glyphs';
import { GLYPHS_VIT } from '../src/data/glyphs/model';
import { PLAIN } from '../src/data/glyphs/style';
import { writeSafetensors } from '../src/formats/safetensors-write';
import { full } from '../src/methods/full';
import { encoderInit, makeEncoder } from '../src/models/encoder';
import { exportWeights } from '../src/models/params';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { trainingSchema } from '../src/training/options';
import { train } from '../src/training/train';

const { values: flags } = parseArgs({
  options: {
    steps: { type: 'string', default: '2500' },
    batch: { type: 'string', default: '64' },
    lr: { type: 'string', default: '0.001' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'data/glyphs-vit' },
  },
});

async function main(): Promise<void> {
  const [steps, batch, lr, seed] = [flags.steps, flags.batch, flags.lr, flags.seed].map(Number);
  const backend = await startBackend();
  const random = new Random(seed, 'pretrain-glyphs');
  const alphabet = baseAlphabet();
  const model = makeEncoder('glyphs-vit', GLYPHS_VIT, encoderInit(GLYPHS_VIT, random.fork('weights')), 'random start');
  const stream = random.fork('train');
  const data: Dataset = {
    size: steps * batch,
    batch: (indices) => {
      const { features, labels } = drawGlyphs(alphabet, PLAIN, stream, indices);
      return classificationSet(features, [TOKENS, FEATURES], labels).batch([...indices.keys()]);
    },
  };
  const held = firstGlyphs(alphabet, PLAIN, random.fork('test'), 3000);
  const test = classificationSet(held.features, [TOKENS, FEATURES], held.labels);
  const options = trainingSchema.parse({ steps, batch, lr, warmup: 0.05, weightDecay: 0.05, evalEvery: 500 });
  const adapters = full.attach(model, model.linears, {}, {}, random);
  const started = performance.now();
  const curve: { step: number; accuracy: number; loss: number }[] = [];
  const evaluate = async (step: number) => {
    const { accuracy, loss } = await evaluateClassifier(model, adapters.net, test);
    curve.push({ step, accuracy, loss });
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`step ${step}: accuracy ${accuracy.toFixed(2)} %, loss ${loss.toFixed(4)}, ${seconds} s`);
  };
  await train({ model, adapters, data, options, random, onEvaluate: evaluate });
  if (curve.at(-1)?.step !== steps) await evaluate(steps);
  const minutes = (performance.now() - started) / 60000;

  mkdirSync(flags.out, { recursive: true });
  const weights = await exportWeights(model);
  const stored = new Map(Array.from(weights, ([name, tensor]) => [name, { ...tensor, dtype: 'BF16' as const }]));
  writeSafetensors(join(flags.out, 'glyphs-vit.safetensors'), stored, { format: 'pt', seed: String(seed) });
  const facts = { steps, batch, lr, seed, minutes, backend: backend.name, versions: backend.versions, curve };
  writeFileSync(join(flags.out, 'pretraining.json'), `${JSON.stringify(facts, null, 2)}\n`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

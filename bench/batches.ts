/**
 * What preparing batches on the host costs beside the step that uses them, for the kit's own kinds of data, and what
 * padding costs without buckets and packing. Writes results/bench/batches.{json,md}.
 *
 * Run: npm run bench -- batches [--rounds 20] [--out FOLDER]
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { understandingSets, writeExamples } from '../src/data/grammar/sets';
import { adapt } from '../src/methods/adapt';
import { findMethod } from '../src/methods/registry';
import type { Model } from '../src/models/model';
import { bucketLengths } from '../src/tasks/batching/buckets';
import { bucketedTexts, packed, paddedTexts, type TextExample } from '../src/tasks/batching/text';
import { batchesOf, type Dataset, paddingWaste } from '../src/tasks/dataset';
import { classificationSet } from '../src/tasks/kinds/classify';
import { windowSet } from '../src/tasks/kinds/language';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { AdamW } from '../src/training/adamw';
import { trainableOf } from '../src/training/step';
import { TrainStep } from '../src/training/train-step';
import { MODELS, makeModel, TRAINING } from './cases';
import { markdown, median, RESULTS, report } from './facts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, out: { type: 'string', default: RESULTS } },
});

interface Sample {
  readonly name: string;
  readonly prepare: number[];
  readonly step: number[];
  readonly waste: number | null;
  /** Tokens of text a step. */
  readonly tokens: number;
}

/** Milliseconds of making a batch and of the compiled LoRA step on it. */
async function measure(name: string, model: Model, data: Dataset, batch: number): Promise<Sample> {
  const method = findMethod('lora');
  const adapters = adapt(model, method, {}, {}, { random: new Random(1) });
  const optimiser = new AdamW(trainableOf(model, adapters), TRAINING);
  const options = { clip: 1, compile: true, steps: Number.POSITIVE_INFINITY };
  const stepper = new TrainStep(model, adapters, optimiser, options);
  const stream = batchesOf(data, batch, new Random(2));
  const sample: Sample & { tokens: number } = { name, prepare: [], step: [], waste: paddingWaste(data), tokens: 0 };
  // every shape builds a graph at its first step
  const warmUp = 12;
  for (let step = 1; step <= Number(flags.rounds) + warmUp; step++) {
    const started = performance.now();
    const made = stream.next().value;
    const prepared = performance.now();
    const { loss, norm } = stepper.run(made, step, 1e-4);
    await loss.data();
    if (step > warmUp) {
      sample.prepare.push(prepared - started);
      sample.step.push(performance.now() - prepared);
      if (made.weights) sample.tokens += tf.tidy(() => tf.sum(made.weights).dataSync()[0]) / Number(flags.rounds);
    }
    tf.dispose([loss, norm, Object.values(made)] as unknown as tf.TensorContainer);
  }
  stepper.dispose();
  optimiser.dispose();
  adapters.dispose();
  console.log(`${name}: ${median(sample.prepare).toFixed(2)} of ${median(sample.step).toFixed(1)} ms`);
  return sample;
}

/** Texts of all five generated sets: 10 to 50 words. */
function generatedTexts(): TextExample[] {
  const random = new Random(3, 'texts');
  const words = new Map<string, number>();
  const token = (word: string) => words.get(word) ?? (words.set(word, 1 + (words.size % 511)).get(word) as number);
  const all = understandingSets.flatMap((set) =>
    writeExamples(set, random.fork(set.name), 60).map(({ text, label }) => `${set.prompt(text)} ${label} \n`),
  );
  return all.map((text) => ({ tokens: text.split(' ').map(token) }));
}

async function main(): Promise<void> {
  console.log('expect about 2 minutes');
  await startBackend();
  const random = new Random(4, 'data');
  const { time } = MODELS.kwt1;
  const clips = classificationSet(
    random.normals(200 * time * 40),
    [time, 40],
    Int32Array.from({ length: 200 }, () => random.int(10)),
  );
  const stream = { tokens: Int32Array.from({ length: 40000 }, () => random.int(512)), bytes: 40000 };
  const texts = generatedTexts();
  const needs = texts.map(({ tokens }) => tokens.length - 1);
  const longest = Math.max(...needs);
  const { model: keyword } = makeModel('kwt1');
  const { model: decoder } = makeModel('decoder256');
  const samples = [
    await measure('digits, KWT-1, 32 clips', keyword, clips, 32),
    await measure('windows, decoder256, 16 × 128', decoder, windowSet(stream, 128), 16),
    await measure('texts padded, 16 a batch', decoder, paddedTexts(texts, { length: longest, pad: 0 }), 16),
    await measure('texts in 3 buckets, 16 a batch', decoder, bucketedTexts(texts, bucketLengths(needs, 3), 0), 16),
    await measure('texts packed, 4 windows of 128', decoder, packed(texts, { length: 128, pad: 0 }), 4),
  ];
  const rows = samples.map(({ name, prepare, step, waste, tokens }) => [
    name,
    median(prepare).toFixed(2),
    median(step).toFixed(1),
    `${((100 * median(prepare)) / median(step)).toFixed(1)} %`,
    waste === null ? '–' : `${(100 * waste).toFixed(1)} %`,
    tokens > 0 ? ((1000 * tokens) / (step.reduce((a, b) => a + b, 0) / step.length)).toFixed(0) : '–',
  ]);
  const columns = ['Data', 'preparing ms', 'step ms', 'share', 'padding', 'text tokens a second'];
  await report(flags.out, 'batches', { rounds: Number(flags.rounds), samples }, [
    `Medians of ${flags.rounds} compiled LoRA steps; tokens a second over the mean step, changes of shape among them.`,
    '',
    ...markdown(columns, rows),
  ]);
  process.exit(0);
}

void main();

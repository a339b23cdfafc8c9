/** What the pretraining scripts share: settings, training of all weights with measurements on the way, the files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '../src/formats/safetensors-write';
import { adapt } from '../src/methods/adapt';
import { full } from '../src/methods/full';
import type { Model, Net } from '../src/models/model';
import { exportWeights } from '../src/models/params';
import { type Dataset, inOrder } from '../src/tasks/dataset';
import { startBackend } from '../src/tensor/backend';
import type { Random } from '../src/tensor/random';
import { trainingSchema } from '../src/training/options';
import { train } from '../src/training/train';

/** Settings of the command line. */
export interface Settings {
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly seed: number;
  readonly out: string;
  /** Folder of real data, for the script that needs it. */
  readonly data: string;
}

/** Reads --steps, --batch, --lr, --seed and --out; --data where the defaults name a folder. */
export function settingsOf(defaults: Omit<Settings, 'data'> & { readonly data?: string }): Settings {
  const text = (v: string | number) => ({ type: 'string', default: String(v) }) as const;
  const { steps, batch, lr, seed, out } = defaults;
  const options = {
    steps: text(steps),
    batch: text(batch),
    lr: text(lr),
    seed: text(seed),
    out: text(out),
    ...(defaults.data === undefined ? {} : { data: text(defaults.data) }),
  };
  const { values } = parseArgs({ options });
  const [s, b, l, d] = [values.steps, values.batch, values.lr, values.seed].map(Number);
  return { steps: s, batch: b, lr: l, seed: d, out: values.out, data: String(values.data ?? '') };
}

/** One pretraining. `M` is what is measured on data that no step sees. */
export interface Pretraining<M> {
  readonly model: Model;
  readonly data: Dataset;
  readonly random: Random;
  readonly weightDecay: number;
  readonly evalEvery: number;
  measure(net: Net): Promise<M>;
  /** The measurement in words. */
  describe(measured: M): string;
}

/** Trains all weights with AdamW (warm-up 5 %, cosine) and returns the settings, the time and the curve, for a card. */
export async function pretrain<M>(
  { steps, batch, lr, seed }: Settings,
  { model, data, random, weightDecay, evalEvery, measure, describe }: Pretraining<M>,
) {
  const backend = await startBackend();
  const options = trainingSchema.parse({ steps, batch, lr, warmup: 0.05, weightDecay, evalEvery });
  const adapters = adapt(model, full, {}, {}, { random });
  const started = performance.now();
  const curve: ({ step: number } & M)[] = [];
  const evaluate = async (step: number) => {
    const measured = await measure(adapters.net);
    curve.push({ step, ...measured });
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`step ${step}: ${describe(measured)}, ${seconds} s`);
  };
  await train({ model, adapters, data, options, random, onEvaluate: evaluate });
  if (curve.at(-1)?.step !== steps) await evaluate(steps);
  const minutes = (performance.now() - started) / 60000;
  return { steps, batch, lr, seed, minutes, backend: backend.name, versions: backend.versions, curve };
}

/** Measures the mean loss of batches of texts, in nats a token; every text counts alike. */
export async function meanLoss(model: Model, net: Net, texts: Dataset): Promise<{ loss: number }> {
  let sum = 0;
  for (const part of inOrder(texts, 64)) {
    const loss = tf.tidy(() => model.loss(net, part));
    sum += (await loss.data())[0] * part.tokens.shape[0];
    tf.dispose([loss, ...Object.values(part)]);
  }
  return { loss: sum / texts.size };
}

/** A loss in words. */
export const sayLoss = ({ loss }: { loss: number }): string => `loss ${loss.toFixed(4)} nats a token`;

/** Writes the model's folder: its weights in BF16, its configuration, and every other file as JSON. */
export async function writeBase(
  { out, seed }: Settings,
  model: Model,
  files: Readonly<Record<string, unknown>>,
): Promise<void> {
  mkdirSync(out, { recursive: true });
  const weights = await exportWeights(model);
  const stored = new Map(Array.from(weights, ([name, tensor]) => [name, { ...tensor, dtype: 'BF16' as const }]));
  writeSafetensors(join(out, 'model.safetensors'), stored, { format: 'pt', seed: String(seed) });
  for (const [file, value] of Object.entries({ 'config.json': model.config, ...files })) {
    writeFileSync(join(out, file), `${JSON.stringify(value, null, 2)}\n`);
  }
}

/** Runs a script's work; a failure is printed and sets the exit code. */
export function runScript(work: Promise<void>): void {
  work.catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}

/** What the pretraining scripts of the small vision transformers share: train, measure, write checkpoint and facts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateClassifier } from '../src/data/classification';
import type { Dataset } from '../src/data/dataset';
import { writeSafetensors } from '../src/formats/safetensors-write';
import { full } from '../src/methods/full';
import { type EncoderConfig, encoderInit, makeEncoder } from '../src/models/encoder';
import { exportWeights } from '../src/models/params';
import { startBackend } from '../src/tensor/backend';
import { Random } from '../src/tensor/random';
import { trainingSchema } from '../src/training/options';
import { train } from '../src/training/train';

/** Settings of the command line. */
export interface Settings {
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly seed: number;
  readonly out: string;
  /** Folder of real data. */
  readonly data: string;
}

/** Reads --steps, --batch, --lr, --seed, --out and --data (else GORA_DATA). */
export function settingsOf(defaults: Omit<Settings, 'data'>): Settings {
  const text = (v: string | number) => ({ type: 'string', default: String(v) }) as const;
  const { steps, batch, lr, seed, out } = defaults;
  const data = text(process.env.GORA_DATA ?? 'data');
  const options = { steps: text(steps), batch: text(batch), lr: text(lr), seed: text(seed), out: text(out), data };
  const { values } = parseArgs({ options });
  const [s, b, l, d] = [values.steps, values.batch, values.lr, values.seed].map(Number);
  return { steps: s, batch: b, lr: l, seed: d, out: values.out, data: values.data };
}

/**
 * Trains from random weights with AdamW (decay 0.05, warm-up 5 %, cosine) and writes NAME.safetensors (BF16) and
 * pretraining.json (settings and curve) to the folder `out`.
 * @param sets makes the training set and the set that accuracy is measured on.
 */
export async function pretrain(
  name: string,
  config: EncoderConfig,
  settings: Settings,
  sets: (random: Random) => { readonly data: Dataset; readonly test: Dataset },
): Promise<void> {
  const { steps, batch, lr, seed, out } = settings;
  const backend = await startBackend();
  const random = new Random(seed, `pretrain-${name.replace(/-vit$/, '')}`);
  const model = makeEncoder(name, config, encoderInit(config, random.fork('weights')), 'random start');
  const { data, test } = sets(random);
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

  mkdirSync(out, { recursive: true });
  const weights = await exportWeights(model);
  const stored = new Map(Array.from(weights, ([key, tensor]) => [key, { ...tensor, dtype: 'BF16' as const }]));
  writeSafetensors(join(out, `${name}.safetensors`), stored, { format: 'pt', seed: String(seed) });
  const facts = { steps, batch, lr, seed, minutes, backend: backend.name, versions: backend.versions, curve };
  writeFileSync(join(out, 'pretraining.json'), `${JSON.stringify(facts, null, 2)}\n`);
}

/** Runs a script's work; a failure is printed and sets the exit code. */
export function runScript(work: Promise<void>): void {
  work.catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}

/**
 * How far a compiled step is from the hardware: its GFLOP/s over the best matrix product of the same library in the
 * same run. Writes results/bench/limits.{json,md}.
 *
 * Run: npm run bench -- limits [--model decoder512] [--methods lora,full] [--rounds 10] [--out FOLDER]
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Model } from '../src/models/model';
import { disposeModel } from '../src/models/params';
import { startBackend } from '../src/tensor/backend';
import { attach, type BenchModel, MODELS, makeModel, RECORDING, stepperOf, TRAINING } from './cases';
import { markdown, median, RESULTS, report } from './facts';

/** Shapes [n, k, m] of the products that the best rate is taken from. */
const PRODUCTS = [
  [1024, 1024, 1024],
  [2048, 2048, 2048],
  [2048, 512, 512],
  [2048, 512, 1408],
  [2048, 1408, 512],
] as const;

/**
 * Operations that the step cannot do without, in 1e9: products with weights and in attention. A frozen weight costs
 * two products (forward and towards the input), a trained one three; what is below the first trained layer is not
 * needed backwards. Norms, activations, loss and update are left out, so the share is a lower bound.
 */
function gigaflops(model: Model, { batch, time, decoder }: BenchModel, method: string, ranks: Map<string, number>) {
  if (!decoder) throw new Error('only decoders are counted');
  const tokens = batch * time;
  let products = 0;
  for (const layer of model.linears) {
    const atBottom = layer.block === 0 && /[qkv]_proj/.test(layer.type);
    const size = layer.in * layer.out;
    const weights = method === 'full' ? 3 * size : (atBottom ? 1 : 2) * size;
    products += weights + 3 * (ranks.get(layer.name) ?? 0) * (layer.in + layer.out);
  }
  products += (method === 'full' ? 3 : 2) * decoder.hidden_size * decoder.vocab_size;
  // scores and mixing, forward once and backward twice
  const attention = 3 * 2 * decoder.num_hidden_layers * batch * time * time * decoder.hidden_size;
  return (2 * tokens * products + 2 * attention) / 1e9;
}

async function productRate([n, k, m]: (typeof PRODUCTS)[number]): Promise<number> {
  const [a, b] = [tf.ones([n, k]) as Tensor2D, tf.ones([k, m]) as Tensor2D];
  const started = performance.now();
  const c = tf.matMul(a, b);
  await c.slice([0, 0], [1, 1]).data();
  const ms = performance.now() - started;
  tf.dispose([a, b, c]);
  return (2 * n * k * m) / ms / 1e6;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      model: { type: 'string', default: 'decoder512' },
      methods: { type: 'string', default: 'lora,full' },
      rounds: { type: 'string', default: '10' },
      threads: { type: 'string', default: String(availableParallelism()) },
      out: { type: 'string', default: RESULTS },
    },
  });
  process.env.TF_NUM_INTRAOP_THREADS = flags.threads;
  console.log('expect about 2 minutes');
  await startBackend();
  const samples: object[] = [];
  const rows: string[][] = [];
  for (const method of flags.methods.split(',')) {
    const { model, batch } = makeModel(flags.model);
    const adapters = attach(model, batch, method);
    const work = gigaflops(model, MODELS[flags.model], method, new Map(adapters.ranks ?? []));
    const { stepper, optimiser } = stepperOf(model, adapters);
    const times: number[] = [];
    const rates: number[] = [];
    for (let step = 1; step <= Number(flags.rounds) + RECORDING; step++) {
      const started = performance.now();
      const { loss, norm } = stepper.run(batch, step, TRAINING.lr);
      await loss.data();
      if (step > RECORDING) times.push(performance.now() - started);
      tf.dispose([loss, norm]);
      rates.push(await productRate(PRODUCTS[step % PRODUCTS.length]));
    }
    // medians: one lucky product is no rate
    const byShape = PRODUCTS.map((_, i) => rates.filter((_, k) => (k + 1) % PRODUCTS.length === i));
    const best = Math.max(...byShape.filter((own) => own.length > 0).map(median));
    const rate = (1000 * work) / median(times);
    const { mode } = stepper;
    samples.push({ method, mode, gigaflops: work, times, products: PRODUCTS, rates });
    const cells = [median(times).toFixed(1), work.toFixed(1), rate.toFixed(1), best.toFixed(1)];
    rows.push([`${method} (${mode})`, ...cells, `${((100 * rate) / best).toFixed(0)} %`]);
    stepper.dispose();
    optimiser.dispose();
    adapters.dispose();
    disposeModel(model);
  }
  const columns = ['Method', 'median ms', 'GFLOP', 'GFLOP/s', 'best product GFLOP/s', 'share'];
  await report(flags.out, 'limits', { model: flags.model, threads: Number(flags.threads), samples }, [
    `${MODELS[flags.model].title}; steps and products in turn, ${flags.rounds} rounds. Only matrix products are counted.`,
    '',
    ...markdown(columns, rows),
  ]);
  process.exit(0);
}

void main();

/**
 * Preparation of a set of layers with the shapes of a 7B decoder (224 matrices up to 4096×11008): GoRA's importance,
 * ranks and start, and LoRA-GA's randomised SVD and start. Weights and gradients are made one at a time, as they would
 * be read from a checkpoint. Writes results/bench/seven-b.{json,md}.
 *
 * Run: npm run bench -- seven-b [--matrices 224] [--sample 512] [--out FOLDER]
 */
import { parseArgs } from 'node:util';
import type { Tensor2D, Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { adapt } from '../src/methods/adapt';
import { gora } from '../src/methods/gora';
import { loraGa, loraGaInit } from '../src/methods/lora-ga';
import { topSingular } from '../src/methods/svd-init';
import type { LinearLayer, Model } from '../src/models/model';
import { startBackend } from '../src/tensor/backend';
import { matMul, transpose } from '../src/tensor/linalg';
import { peakResidentBytes } from '../src/tensor/memory';
import { Random } from '../src/tensor/random';
import { markdown, RESULTS, report } from './facts';

const [DIM, HIDDEN, BLOCKS, RANK] = [4096, 11008, 32, 8];
/** Directions that stand out of a gradient's noise. */
const SIGNAL = 48;

function layersOf(count: number): LinearLayer[] {
  const shapes: [string, number, number][] = [
    ...['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((type): [string, number, number] => [type, DIM, DIM]),
    ['gate_proj', DIM, HIDDEN],
    ['up_proj', DIM, HIDDEN],
    ['down_proj', HIDDEN, DIM],
  ];
  const all = Array.from({ length: BLOCKS }, (_, block) =>
    shapes.map(([type, fanIn, out]): LinearLayer => {
      const name = `model.layers.${block}.${type}`;
      return { name, type, block, in: fanIn, out, weight: `${name}.weight`, bias: null };
    }),
  ).flat();
  // the last block first, so that a short trial has every shape
  return all.reverse().slice(0, count).reverse();
}

/** U(−½, ½)·width by xorshift32, seeded from the stream: a `Random` a number would take longer than what is measured. */
function noise(size: number, width: number, random: Random): Float32Array {
  const values = new Float32Array(size);
  const unit = width * 2 ** -32;
  let state = 1 + random.int(2 ** 31 - 1);
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = state * unit;
  }
  return values;
}

/** A gradient: noise, and directions whose singular values fall as 1/k from 64 times the noise's largest. */
function gradientFor({ name, out, in: fanIn }: Pick<LinearLayer, 'name' | 'out' | 'in'>): Float32Array {
  const random = new Random(1, `gradient/${name}`);
  const entry = 1e-4; // standard deviation of the noise
  const strongest = (64 * entry * (Math.sqrt(out) + Math.sqrt(fanIn))) / Math.sqrt(out * fanIn);
  const made = tf.tidy(() => {
    const spectrum = Float32Array.from({ length: SIGNAL }, (_, k) => strongest / (k + 1));
    const left = tf.mul(tf.tensor2d(random.normals(out * SIGNAL), [out, SIGNAL]), spectrum);
    const right = tf.tensor2d(random.normals(fanIn * SIGNAL), [fanIn, SIGNAL]);
    const grain = tf.tensor2d(noise(out * fanIn, entry * Math.sqrt(12), random), [out, fanIn]);
    return tf.add(grain, tf.matMul(left as Tensor2D, right, false, true));
  });
  const values = made.dataSync() as Float32Array;
  made.dispose();
  return values;
}

/** Seconds of wall and processor that making weights and gradients took; they are not part of the preparation. */
let making = { wall: 0, processor: 0 };

const clock = () => {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now() / 1000, processor: (user + system) / 1e6 };
};

function outside<T>(work: () => T): T {
  const from = clock();
  const result = work();
  const to = clock();
  making = {
    wall: making.wall + to.wall - from.wall,
    processor: making.processor + to.processor - from.processor,
  };
  return result;
}

/** Weights that exist while they are looked at: asking for one frees the last. */
class StreamedWeights extends Map<string, Variable> {
  private last: Variable | null = null;

  constructor(private readonly layers: readonly LinearLayer[]) {
    super();
  }

  override get(name: string): Variable | undefined {
    return outside(() => {
      this.last?.dispose();
      const layer = this.layers.find(({ weight }) => weight === name);
      if (!layer) return undefined;
      const random = new Random(1, name);
      const value = tf.tensor2d(noise(layer.out * layer.in, 0.07, random), [layer.out, layer.in]);
      this.last = tf.variable(value, false);
      value.dispose();
      return this.last;
    });
  }
}

class StreamedGradients extends Map<string, Float32Array> {
  constructor(private readonly layers: readonly LinearLayer[]) {
    super();
  }

  override get(name: string): Float32Array | undefined {
    const layer = this.layers.find((one) => one.name === name);
    return layer && outside(() => gradientFor(layer));
  }
}

interface Cost {
  readonly method: string;
  readonly seconds: number;
  /** Seconds of all threads. */
  readonly processor: number;
  readonly peakGiB: number;
  readonly notes: Readonly<Record<string, unknown>>;
}

function timed(method: string, work: () => Readonly<Record<string, unknown>>): Cost {
  making = { wall: 0, processor: 0 };
  const from = clock();
  const notes = work();
  const to = clock();
  const seconds = to.wall - from.wall - making.wall;
  const processor = to.processor - from.processor - making.processor;
  console.log(`${method}: ${seconds.toFixed(1)} s (and ${making.wall.toFixed(1)} s to make the matrices)`);
  return { method, seconds, processor, peakGiB: peakResidentBytes() / 2 ** 30, notes: { ...notes, making } };
}

function prepareGora(model: Model): Cost {
  const means = { gradients: new StreamedGradients(model.linears), gradientBatches: 1, loss: Number.NaN };
  return timed('GoRA', () => {
    const random = new Random(2, 'attach');
    const adapters = adapt(model, gora, { rank: RANK }, { gradients: () => means }, { random });
    const ranks = [...(adapters.ranks?.values() ?? [])];
    const facts = { smallestRank: Math.min(...ranks), largestRank: Math.max(...ranks), ...adapters.notes };
    for (const { value } of adapters.trainable) value.dispose();
    return facts;
  });
}

/** The init of every layer and the shifted base weight, one after the other. */
function prepareLoraGa(model: Model): Cost {
  const options = loraGa.options.parse({ rank: RANK });
  const gradients = new StreamedGradients(model.linears);
  return timed('LoRA-GA', () => {
    for (const layer of model.linears) {
      const gradient = gradients.get(layer.name) as Float32Array;
      const { A, B, scale } = loraGaInit(model, layer, gradient, options, new Random(2, layer.name));
      const weight = model.params.get(layer.weight) as Variable;
      tf.tidy(() => {
        const change = tf.matMul(tf.tensor2d(B.data, [layer.out, RANK]), tf.tensor2d(A.data, [RANK, layer.in]));
        weight.assign(tf.sub(weight, tf.mul(change, scale)));
      });
    }
    return {};
  });
}

/** The randomised SVD against the exact one on a smaller gradient of the same kind. */
function accuracy(side: number) {
  const layer = { name: 'sample', type: 'sample', block: 0, in: Math.round((side * HIDDEN) / DIM), out: side };
  const whole: LinearLayer = { ...layer, weight: '', bias: null };
  const gradient = gradientFor(whole);
  const count = 2 * RANK;
  const exact = topSingular(gradient, whole, count, 'exact', new Random(3));
  const near = topSingular(gradient, whole, count, 'randomised', new Random(3));
  const values = Array.from(exact.s, (s, k) => Math.abs(near.s[k] - s) / s);
  // sine of the largest angle between the spaces ≤ ‖U − Ũ·ŨᵀU‖_F
  const inner = matMul(transpose(near.u.data, side, count), exact.u.data, count, side, count);
  const caught = matMul(near.u.data, inner, side, count, count);
  const lost = Math.sqrt(exact.u.data.reduce((sum, value, i) => sum + (value - caught[i]) ** 2, 0));
  return { rows: side, cols: layer.in, triplets: count, singularValues: Math.max(...values), space: lost };
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      matrices: { type: 'string', default: '224' },
      sample: { type: 'string', default: '512' },
      out: { type: 'string', default: RESULTS },
    },
  });
  await startBackend();
  const linears = layersOf(Number(flags.matrices));
  const weights = linears.reduce((sum, layer) => sum + layer.in * layer.out, 0);
  console.log(`${linears.length} matrices; expect about ${Math.ceil(linears.length / 25)} minutes`);
  const unused = () => {
    throw new Error('these layers make no network');
  };
  const model: Model = {
    ...{ name: '7B shapes', kind: 'causal', config: {}, head: [], logits: unused, loss: unused },
    params: new StreamedWeights(linears),
    linears,
  };
  const costs = [prepareGora(model), prepareLoraGa(model)];
  const error = accuracy(Number(flags.sample));
  const rows = costs.map(({ method, seconds, processor, peakGiB }) => [
    method,
    seconds.toFixed(1),
    processor.toFixed(1),
    peakGiB.toFixed(2),
  ]);
  await report(flags.out, 'seven-b', { matrices: linears.length, weights, rank: RANK, costs, error }, [
    `Preparation of ${linears.length} matrices with ${(weights / 1e9).toFixed(2)} G weights, rank ${RANK}; making the matrices is not counted.`,
    '',
    ...markdown(['Method', 'seconds', 'processor seconds', 'peak process GiB'], rows),
    '',
    `Randomised against exact SVD on [${error.rows}, ${error.cols}], ${error.triplets} triplets: singular values differ by at most`,
    `${error.singularValues.toExponential(1)} of themselves, the left space by ${error.space.toExponential(1)} (Frobenius norm of what it misses).`,
  ]);
}

void main();

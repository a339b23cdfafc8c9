/** What the step benchmark trains: random models and one fixed batch each, the same numbers in every process. */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { type TensorToWrite, writeSafetensors } from '../src/formats/safetensors-write';
import { adapt } from '../src/methods/adapt';
import type { Adapters } from '../src/methods/method';
import { findMethod } from '../src/methods/registry';
import { randomModel } from '../src/models/auto';
import { KWT1 } from '../src/models/cards';
import type { Model } from '../src/models/model';
import { exportWeights } from '../src/models/params';
import type { Batch } from '../src/tensor/batch';
import { Random } from '../src/tensor/random';
import { AdamW } from '../src/training/adamw';
import { trainableOf } from '../src/training/step';
import { TrainStep } from '../src/training/train-step';

export interface BenchModel {
  readonly title: string;
  readonly batch: number;
  readonly time: number;
  /** `config.json`, keys as Hugging Face spells them; the peer reads it too. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The same, of a decoder. */
  readonly decoder?: DecoderLayout;
}

/** A decoder with heads of 64 features. */
export const decoderLayout = (dim: number, layers: number, time: number) => ({
  model_type: 'llama',
  hidden_size: dim,
  intermediate_size: (dim / 4) * 11,
  num_hidden_layers: layers,
  num_attention_heads: dim / 64,
  num_key_value_heads: dim / 64,
  vocab_size: 512,
  max_position_embeddings: time,
  tie_word_embeddings: false,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
});

export type DecoderLayout = ReturnType<typeof decoderLayout>;

const decoderCase = (dim: number, layers: number, time: number, batch: number): BenchModel => {
  const decoder = decoderLayout(dim, layers, time);
  return { title: `Decoder d=${dim} L=${layers} T=${time} B=${batch}`, batch, time, config: decoder, decoder };
};

/** A third of T5-base's width and depth, with v1.1's gated feed-forward and v1.0's tied head. */
const T5 = {
  architectures: ['T5ForConditionalGeneration'],
  model_type: 't5',
  is_encoder_decoder: true,
  vocab_size: 512,
  d_model: 256,
  d_kv: 64,
  d_ff: 512,
  num_layers: 4,
  num_decoder_layers: 4,
  num_heads: 4,
  relative_attention_num_buckets: 32,
  relative_attention_max_distance: 128,
  layer_norm_epsilon: 1e-6,
  feed_forward_proj: 'gated-gelu',
  dropout_rate: 0,
  tie_word_embeddings: true,
  pad_token_id: 0,
  eos_token_id: 1,
  decoder_start_token_id: 0,
};

/** Lengths of the encoder–decoder's targets. */
const T5_TARGETS = 16;

const [FRAMES, COEFFICIENTS, WORDS] = [KWT1.num_tokens, KWT1.num_features, KWT1.num_labels].map(Number);

export const MODELS: Readonly<Record<string, BenchModel>> = {
  kwt1: { title: 'Keyword transformer, batch 64', batch: 64, time: FRAMES, config: KWT1 },
  decoder256: decoderCase(256, 4, 128, 16),
  decoder512: decoderCase(512, 8, 256, 8),
  t5: { title: 'T5 d=256 L=4+4 T=64+16 B=16', batch: 16, time: 64, config: T5 },
};

/** Layout of a model, for its peer. */
export const layoutOf = (name: string): object => MODELS[name].config;

export const METHODS = ['full', 'lora', 'gora', 'dora'] as const;

export const TRAINING = { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 };

function integers(random: Random, count: number, below: number): Int32Array {
  return Int32Array.from({ length: count }, () => random.int(below));
}

/** @throws Error on an unknown name. */
export function makeModel(name: string): { model: Model; batch: Batch } {
  const bench = MODELS[name];
  if (!bench) throw new Error(`unknown model "${name}"; choose one of ${Object.keys(MODELS).join(', ')}`);
  const random = new Random(1, 'bench');
  const own = random.fork('batch');
  const { batch, time, config } = bench;
  const model = randomModel(name, config, random);
  const tokens = (length: number) => tf.tensor2d(integers(own, batch * length, 512), [batch, length], 'int32');
  if (model.kind === 'seq2seq') {
    // a quarter of the places is padding
    const real = Float32Array.from({ length: batch * time }, (_, i) => (i % time < (3 * time) / 4 ? 1 : 0));
    return {
      model,
      batch: {
        tokens: tokens(time),
        tokenMask: tf.tensor2d(real, [batch, time]),
        decoderTokens: tokens(T5_TARGETS),
        targets: tokens(T5_TARGETS),
        weights: tf.ones([batch, T5_TARGETS]),
      },
    };
  }
  if (model.kind === 'features') {
    const features = tf.tensor3d(own.normals(batch * time * COEFFICIENTS), [batch, time, COEFFICIENTS]);
    const labels = tf.tensor1d(integers(own, batch, WORDS), 'int32');
    return { model, batch: { features, labels } };
  }
  return { model, batch: { tokens: tokens(time), targets: tokens(time), weights: tf.ones([batch, time]) } };
}

/** Rank 8 on every linear layer; GoRA spreads the same budget by its own importance, so its ranks are mixed. */
export function attach(model: Model, batch: Batch, name: string): Adapters {
  const method = findMethod(name);
  const options = name.startsWith('full') ? {} : { rank: 8, alpha: 16 };
  return adapt(model, method, options, [batch], { random: new Random(2, 'attach') });
}

/** Training with the benchmark's optimiser. The caller disposes both. */
export function stepperOf(model: Model, adapters: Adapters, compile = true): { stepper: TrainStep; optimiser: AdamW } {
  const optimiser = new AdamW(trainableOf(model, adapters), TRAINING);
  const options = { clip: TRAINING.clip, compile, steps: Number.POSITIVE_INFINITY };
  return { stepper: new TrainStep(model, adapters, optimiser, options), optimiser };
}

/** Steps before those that count: the first builds the graph. */
export const RECORDING = 3;

/** Milliseconds of each of `count` steps on one batch, after those that record. */
export async function timeSteps(stepper: TrainStep, batch: Batch, count: number, lr: number): Promise<number[]> {
  const times: number[] = [];
  for (let step = 1; step <= count + RECORDING; step++) {
    const started = performance.now();
    const { loss, norm } = stepper.run(batch, step, lr);
    await loss.data();
    if (step > RECORDING) times.push(performance.now() - started);
    tf.dispose([loss, norm]);
  }
  return times;
}

/** Writes weights and batch for a peer. */
export async function leave(model: Model, batch: Batch, folder: string): Promise<void> {
  const tensors = new Map<string, TensorToWrite>(await exportWeights(model));
  for (const [name, tensor] of Object.entries(batch)) {
    const data = (await tensor.data()) as Float32Array | Int32Array;
    tensors.set(`batch.${name}`, { shape: tensor.shape, data });
  }
  writeSafetensors(join(folder, 'weights.safetensors'), tensors);
}

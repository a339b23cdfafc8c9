/**
 * Compares a model folder with the `golden.json` beside it: outputs, the norm of the loss's gradient by weight, and
 * greedy tokens, as another implementation computed them. The file holds `inputs` and `outputs` under Hugging Face's
 * names, `grad_norms` by weight, and `image_size` where the pictures are not of the configuration's size.
 *
 * Without labels the loss is the sum of the squared outputs: of `image_embeds` where the file has them, else of
 * `last_hidden_state` over the places that are not padding. Greedy prompts may differ in length.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { readText } from '../formats/read';
import type { Batch } from '../tensor/batch';
import { generateAnswers, generateBatch } from './generate';
import { loadModel } from './load';
import type { Decoder, EncoderDecoder, Model } from './model';
import { baseNet, disposeModel } from './params';

type Numbers = number | Numbers[];

export interface Golden {
  readonly class: string;
  readonly inputs: Readonly<Record<string, Numbers>>;
  readonly outputs: Readonly<Record<string, Numbers>>;
  readonly grad_norms?: Readonly<Record<string, number>>;
  readonly image_size?: number;
}

/** What one folder's check found. Differences are relative to the largest value of the output. */
export interface Verification {
  readonly folder: string;
  readonly type: string;
  readonly class: string;
  readonly parameters: number;
  readonly outputs: Readonly<Record<string, number>>;
  /** Largest difference of a gradient's norm, relative to the largest norm. */
  readonly gradients: number | null;
  /** Greedy tokens that agree, of all; null where the file has none. */
  readonly greedy: { readonly equal: number; readonly of: number } | null;
  readonly loadSeconds: number;
  /** Growth of the process's peak memory while loading, MiB; right in a process that loads nothing else. */
  readonly loadMiB: number;
}

/** Largest difference of a verification's outputs. */
export const worstOutput = ({ outputs }: Verification): number => Math.max(...Object.values(outputs));

/** Whether outputs, gradients and tokens agree. */
export const verified = (v: Verification, tolerance = TOLERANCE): boolean =>
  worstOutput(v) <= tolerance &&
  (v.gradients ?? 0) <= tolerance &&
  (v.greedy === null || v.greedy.equal === v.greedy.of);

/** Most memory that the process ever held, MiB. */
const peakMiB = () => process.resourceUsage().maxRSS / 1024;

export const GOLDEN_FILE = 'golden.json';
/** Largest relative difference that passes. */
export const TOLERANCE = 1e-4;

const flat = (values: Numbers): number[] => (Array.isArray(values) ? values.flatMap(flat) : [values]);
const rowsOf = (values: Numbers): number[][] => values as number[][];

/** Labels of language models with −100 where there is no loss → targets and weights. */
function targetsOf(labels: number[][], shift: 0 | 1): { targets: Tensor; weights: Tensor } {
  const at = (row: number[], i: number) => row[i + shift] ?? -100;
  const rows = labels.map((row) => row.map((_, i) => at(row, i)));
  return {
    targets: tf.tensor2d(
      rows.map((row) => row.map((label) => Math.max(0, label))),
      undefined,
      'int32',
    ),
    weights: tf.tensor2d(rows.map((row) => row.map((label) => (label < 0 ? 0 : 1)))),
  };
}

/** The golden's inputs as the model takes them. Caller disposes. */
export function goldenBatch(model: Model, { inputs }: Pick<Golden, 'inputs'>): Batch {
  const ints = (values: Numbers) => tf.tensor2d(rowsOf(values), undefined, 'int32');
  /** One label an example; a text's may be a number. */
  const labelled = (): Batch => {
    if (inputs.labels === undefined) return {};
    const labels = flat(inputs.labels);
    const regress = labels.some((label) => !Number.isInteger(label));
    return { labels: tf.tensor1d(labels, regress ? 'float32' : 'int32') };
  };
  if (model.kind === 'image') return { pixels: tf.tensor4d(inputs.pixel_values as number[][][][]), ...labelled() };
  if (model.kind === 'features') return { features: tf.tensor3d(inputs.features as number[][][]), ...labelled() };
  const tokens = ints(inputs.input_ids);
  if (model.kind === 'causal') return { tokens, ...targetsOf(rowsOf(inputs.labels), 1) };
  const tokenMask = tf.tensor2d(rowsOf(inputs.attention_mask));
  if (model.kind === 'seq2seq') {
    const labels = rowsOf(inputs.labels);
    const { start } = model as EncoderDecoder;
    const shifted = labels.map((row) => [start, ...row.slice(0, -1).map((label) => (label < 0 ? start : label))]);
    return { tokens, tokenMask, decoderTokens: tf.tensor2d(shifted, undefined, 'int32'), ...targetsOf(labels, 0) };
  }
  return {
    tokens,
    tokenMask,
    ...(inputs.token_type_ids !== undefined && { tokenTypes: ints(inputs.token_type_ids) }),
    ...labelled(),
  };
}

/** Largest difference over the places that `keep` names, relative to the largest expected value. */
function difference(actual: ArrayLike<number>, expected: readonly number[], keep: (index: number) => boolean): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [most, worst] = [0, 0];
  expected.forEach((value, i) => {
    if (!keep(i)) return;
    most = Math.max(most, Math.abs(value));
    const off = Math.abs(actual[i] - value);
    worst = Math.max(worst, Number.isNaN(off) ? Number.POSITIVE_INFINITY : off);
  });
  return worst / Math.max(most, 1e-12);
}

/** Places [batch · time] whose outputs count; null: all. Those of padding hold whatever an implementation leaves there. */
function maskFor(golden: Golden, model: Model, output: string): readonly number[] | null {
  const mask = golden.inputs.attention_mask;
  if (mask === undefined) return null;
  return /hidden_state/.test(output) || (model.kind === 'causal' && output === 'logits') ? flat(mask) : null;
}

/** Largest difference of an output from the golden's, relative to the largest value there. */
export async function differenceFrom(golden: Golden, model: Model, output: string, actual: Tensor): Promise<number> {
  const expected = flat(golden.outputs[output]);
  const mask = maskFor(golden, model, output);
  const width = mask ? expected.length / mask.length : 1;
  return difference(await actual.data(), expected, (i) => !mask || mask[Math.floor(i / width)] === 1);
}

/** Whether the model gives what the golden calls an output; a picture classifier's golden keeps states before the last norm. */
function hasOutput(model: Model, batch: Batch, name: string): boolean {
  if (name === 'last_hidden_state') return model.states !== undefined && !(model.kind === 'image' && 'labels' in batch);
  return ['logits', 'image_embeds', 'encoder_last_hidden_state', 'loss'].includes(name);
}

function compute(model: Model, golden: Golden, batch: Batch, name: string): Tensor {
  const net = baseNet(model);
  if (model.states && /hidden_state/.test(name)) return model.states(net, batch);
  if (name !== 'loss') return model.logits(net, batch);
  if (golden.inputs.labels !== undefined) return model.loss(net, batch);
  if (golden.outputs.image_embeds !== undefined || !model.states) return tf.sum(tf.square(model.logits(net, batch)));
  const states = model.states(net, batch);
  const seen = batch.tokenMask ? tf.mul(states, tf.reshape(batch.tokenMask, [-1, 1])) : states;
  return tf.sum(tf.square(seen));
}

function gradientNorms(model: Model, golden: Golden, batch: Batch): Map<string, number> {
  const variables = [...model.params.values()];
  for (const one of variables) one.trainable = true;
  try {
    const byVariable = new Map([...model.params].map(([name, one]) => [one.name, name]));
    const { value, grads } = tf.variableGrads(() => compute(model, golden, batch, 'loss') as Scalar, variables);
    value.dispose();
    const norms = new Map<string, number>();
    for (const [key, grad] of Object.entries(grads)) {
      norms.set(
        byVariable.get(key) as string,
        tf.tidy(() => tf.norm(grad).dataSync()[0]),
      );
      grad.dispose();
    }
    return norms;
  } finally {
    for (const one of variables) one.trainable = false;
  }
}

async function greedy(model: Model, golden: Golden, batch: Batch): Promise<Verification['greedy']> {
  const expected = golden.outputs.greedy as number[][] | undefined;
  if (!expected) return null;
  const net = baseNet(model);
  const prompts = rowsOf(golden.inputs.greedy_prompt ?? []);
  const longest = Math.max(...expected.map((row) => row.length));
  const written =
    model.kind === 'causal'
      ? await generateBatch(model as Decoder, net, prompts, longest)
      : (await generateAnswers(model as EncoderDecoder, net, batch, expected[0].length - 1, -1)).map((row) => [
          (model as EncoderDecoder).start,
          ...row,
        ]);
  const pairs = expected.flatMap((row, i) => row.map((token, j) => token === written[i][j]));
  return { equal: pairs.filter(Boolean).length, of: pairs.length };
}

/** Compares one folder. @throws UserError when it has no golden.json, or the model does not load. */
export async function verifyFolder(folder: string): Promise<Verification> {
  const path = join(folder, GOLDEN_FILE);
  if (!existsSync(path)) throw new UserError(`${folder} has no ${GOLDEN_FILE} to compare with`);
  const golden = JSON.parse(readText(path, 'golden')) as Golden;
  const [began, before] = [performance.now(), peakMiB()];
  const { model, config } = await loadModel(folder, { imageSize: golden.image_size });
  const loadSeconds = (performance.now() - began) / 1000;
  const loadMiB = peakMiB() - before;
  const batch = goldenBatch(model, golden);
  try {
    const outputs: Record<string, number> = {};
    for (const name of Object.keys(golden.outputs)) {
      if (!hasOutput(model, batch, name)) continue;
      const actual = tf.tidy(() => compute(model, golden, batch, name));
      outputs[name] = await differenceFrom(golden, model, name, actual);
      actual.dispose();
    }
    const norms = golden.grad_norms && gradientNorms(model, golden, batch);
    const names = Object.keys(golden.grad_norms ?? {});
    const missing = names.filter((name) => !norms?.has(name));
    if (missing.length > 0) throw new UserError(`${path}: the model has no weight ${missing.slice(0, 3).join(', ')}`);
    return {
      folder,
      type: String(config.model_type),
      class: golden.class,
      parameters: [...model.params.values()].reduce((sum, { size }) => sum + size, 0),
      outputs,
      gradients: norms
        ? difference(
            names.map((name) => norms.get(name) as number),
            names.map((name) => (golden.grad_norms as Record<string, number>)[name]),
            () => true,
          )
        : null,
      greedy: await greedy(model, golden, batch),
      loadSeconds,
      loadMiB,
    };
  } finally {
    for (const tensor of Object.values(batch)) tensor.dispose();
    disposeModel(model);
  }
}

/**
 * T5 (Raffel et al. 2020): encoder–decoder with RMSNorm before every sub-layer, relative position biases that all
 * blocks of a stack share, no scaling and no biases in attention, ReLU feed-forward (v1.0) or gated GELU (v1.1).
 *
 * Weights carry Hugging Face's names. Deviation: no dropout.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../tensor/batch';
import { attention, crossEntropy, geluTanh, inBlock, mergeHeads, rmsNorm, splitHeads } from './layers';
import type { Model, Net } from './model';
import { makeParams, type Weights } from './params';
import { causalMask, paddingBias, perHead, positionBias } from './t5-bias';
import type { T5Config } from './t5-config';
import { type Stack, t5BiasName, t5Linears, t5Path, t5Shapes } from './t5-layout';

/** What the encoder made of a batch; the decoder reads it as often as it likes. */
export type EncoderStates = {
  /** [batch · time, dim] */
  readonly states: Tensor2D;
  /** [batch, time], 1 = real, 0 = padding. */
  readonly mask: Tensor2D;
};

/** An encoder–decoder and its two halves. */
export interface T5 extends Model {
  readonly config: T5Config & Record<string, unknown>;
  /** `tokens` int32 and `tokenMask` float32, both [batch, time]. */
  encode(net: Net, batch: Batch): EncoderStates;
  /** Logits [batch · time, vocab] after each of `tokens` [batch, time], which begin with the padding token. */
  decode(net: Net, encoded: EncoderStates, tokens: Tensor2D): Tensor2D;
}

/**
 * Builds the model. Batches hold `tokens` int32 and `tokenMask` float32 [batch, time] for the encoder, and
 * `decoderTokens` and `targets` int32 and `weights` float32 [batch, targetTime] (0 where the target carries no loss).
 * `decoderTokens` are the targets one place later, begun by the padding token.
 */
export function makeT5(name: string, c: T5Config, weights: Weights, source: string): T5 {
  const params = makeParams(weights, t5Shapes(c), source);

  const normed = (net: Net, x: Tensor2D, path: string) => rmsNorm(x, net.get(`${path}.weight`) as Tensor1D, c.epsilon);

  const embed = (net: Net, tokens: Tensor) =>
    tf.gather(net.get('shared.weight'), tf.reshape(tokens, [tokens.size])) as Tensor2D;

  /** Attention from x [batch · tq, dim] to memory [batch · tk, dim]. */
  function attend(net: Net, path: string, x: Tensor2D, memory: Tensor2D, batch: number, bias: Tensor3D): Tensor2D {
    const heads = (type: string, from: Tensor2D) =>
      splitHeads(net.linear(`${path}.${type}`, from), batch, from.shape[0] / batch, c.heads);
    const mixed = attention(heads('q', x), heads('k', memory), heads('v', memory), 1, bias);
    return net.linear(`${path}.o`, mergeHeads(mixed, batch, c.heads));
  }

  function feedForward(net: Net, path: string, x: Tensor2D): Tensor2D {
    const inner =
      c.feedForward === 'relu'
        ? tf.relu(net.linear(`${path}.wi`, x))
        : tf.mul(geluTanh(net.linear(`${path}.wi_0`, x)), net.linear(`${path}.wi_1`, x));
    return net.linear(`${path}.wo`, inner as Tensor2D);
  }

  /** Runs one stack over embedded tokens. `encoded` is what the decoder attends to. */
  function run(net: Net, stack: Stack, tokens: Tensor2D, own: Tensor, encoded: EncoderStates | null): Tensor2D {
    const [batch, time] = tokens.shape;
    const table = net.get(t5BiasName(stack)) as Tensor2D;
    const position = positionBias(table, time, stack === 'encoder', c.maxDistance);
    const bias = perHead(tf.add(position, own), batch, c.heads);
    const across = encoded && perHead(paddingBias(encoded.mask), batch, c.heads);
    const last = encoded ? 2 : 1;
    let x = embed(net, tokens);
    type Given = { x: Tensor2D; bias: Tensor3D; states?: Tensor2D; across?: Tensor3D };
    const block = ({ x, bias, states, across }: Given, b: number): Tensor2D => {
      const enter = (y: Tensor2D, layer: number) => normed(net, y, `${stack}.block.${b}.layer.${layer}.layer_norm`);
      const h = enter(x, 0);
      let y: Tensor2D = tf.add(x, attend(net, t5Path(stack, b, 0), h, h, batch, bias));
      if (states && across) y = tf.add(y, attend(net, t5Path(stack, b, 1), enter(y, 1), states, batch, across));
      return tf.add(y, feedForward(net, t5Path(stack, b, last), enter(y, last)));
    };
    for (let b = 0; b < (encoded ? c.decoderLayers : c.encoderLayers); b++) {
      const inputs = { x, bias, ...(encoded && { states: encoded.states }) };
      x = inBlock(net, `${stack}.block.${b}`, inputs, across ? { across } : {}, (given) => block(given, b));
    }
    return normed(net, x, `${stack}.final_layer_norm`);
  }

  const encode: T5['encode'] = (net, batch) => {
    const mask = batch.tokenMask as Tensor2D;
    return { states: run(net, 'encoder', batch.tokens as Tensor2D, paddingBias(mask), null), mask };
  };

  const decode: T5['decode'] = (net, encoded, tokens) => {
    const out = run(net, 'decoder', tokens, causalMask(tokens.shape[1]), encoded);
    const head = net.get(c.tied ? 'shared.weight' : 'lm_head.weight') as Tensor2D;
    return tf.matMul(c.scaled ? tf.mul(out, c.dim ** -0.5) : out, head, false, true);
  };

  const logits: Model['logits'] = (net, batch) => decode(net, encode(net, batch), batch.decoderTokens as Tensor2D);
  const flat = (x: Tensor) => tf.reshape(x, [x.size]) as Tensor1D;

  return {
    name,
    config: { ...c },
    params,
    linears: t5Linears(c),
    head: [],
    encode,
    decode,
    logits,
    loss: (net, batch) => crossEntropy(logits(net, batch), flat(batch.targets), flat(batch.weights)),
  };
}

/** Data for encoder–decoders: padded batches of inputs and targets, and accuracy over label words. */
import type { Tensor2D } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { SequencePair, SequenceShape } from '../../data/sequence';
import type { Parts } from '../../data/split';
import { UserError } from '../../errors';
import type { EncoderDecoder, Net } from '../../models/model';
import type { Batch } from '../../tensor/batch';
import { padOf, type Tokenizer } from '../../tokenizers';
import type { Dataset } from '../dataset';
import { eachPart, SPLITS, type Split } from '../parts';
import { scoreChoices } from './choice';

/** Tensors of one batch, as encoder–decoders take them. @throws UserError when a sequence is too long. */
export function sequenceBatch(pairs: readonly SequencePair[], shape: SequenceShape): Batch {
  const { inputLength, targetLength, pad, start = pad } = shape;
  const fill = (length: number, of: (pair: SequencePair) => readonly number[]) => {
    const values = new Int32Array(pairs.length * length).fill(pad);
    pairs.forEach((pair, row) => {
      const tokens = of(pair);
      if (tokens.length > length)
        throw new UserError(
          `text ${row} of a batch has ${tokens.length} tokens, more than ${length}. Raise the length`,
        );
      values.set(tokens, row * length);
    });
    return tf.tensor2d(values, [pairs.length, length], 'int32');
  };
  const real = (length: number, of: (pair: SequencePair) => readonly number[]) => {
    const values = new Float32Array(pairs.length * length);
    pairs.forEach((pair, row) => {
      values.fill(1, row * length, row * length + of(pair).length);
    });
    return tf.tensor2d(values, [pairs.length, length]);
  };
  const input = (pair: SequencePair) => pair.input;
  const target = (pair: SequencePair) => pair.target;
  return {
    tokens: fill(inputLength, input),
    tokenMask: real(inputLength, input),
    decoderTokens: fill(targetLength, (pair) => [start, ...pair.target.slice(0, -1)]),
    targets: fill(targetLength, target),
    weights: real(targetLength, target),
  };
}

/** Pairs whose batches all have one shape. */
export const sequenceSet = (pairs: readonly SequencePair[], shape: SequenceShape): Dataset => ({
  size: pairs.length,
  batch: (indices) =>
    sequenceBatch(
      indices.map((i) => pairs[i]),
      shape,
    ),
});

/** The three parts of a set as a model takes them, all batches of one shape. */
export function sequenceSets(
  pairs: Parts<SequencePair>,
  tokenizer: Tokenizer,
  { start }: EncoderDecoder,
): Record<Split, Dataset> {
  const all = SPLITS.flatMap((split) => pairs[split]);
  const longest = (of: (pair: SequencePair) => readonly number[]) => Math.max(...all.map((pair) => of(pair).length));
  const shape: SequenceShape = {
    inputLength: longest(({ input }) => input),
    targetLength: longest(({ target }) => target),
    pad: padOf(tokenizer),
    start,
  };
  return eachPart(pairs, (part) => sequenceSet(part, shape));
}

/**
 * Log-probabilities of label words as the first token of the answer (LoRA-GA's and GoRA's way to score GLUE).
 * @param labels first token of each label word.
 * @param among `labels`: probabilities sum to one over the labels; `vocabulary`: over all tokens.
 * @returns [batch, labels]. Caller disposes.
 */
export function labelLogProbabilities(
  model: EncoderDecoder,
  net: Net,
  batch: Batch,
  labels: readonly number[],
  among: 'labels' | 'vocabulary' = 'labels',
): Tensor2D {
  return tf.tidy(() => {
    const start = tf.fill([batch.tokens.shape[0], 1], model.start, 'int32') as Tensor2D;
    const logits = model.decode(net, model.encode(net, batch), start);
    const of = (x: Tensor2D) => tf.gather(x, tf.tensor1d(labels as number[], 'int32'), 1);
    return among === 'labels' ? tf.logSoftmax(of(logits)) : of(tf.logSoftmax(logits));
  });
}

/**
 * Accuracy in per cent: the label whose first token is likeliest among the labels' is the answer (LoRA-GA's protocol).
 * The loss is the cross-entropy of the right label among the labels, in nats.
 */
export function evaluateLabels(
  model: EncoderDecoder,
  net: Net,
  data: Dataset,
  labels: readonly number[],
  batchSize = 128,
): Promise<{ accuracy: number; loss: number }> {
  const compute = (batch: Batch) => labelLogProbabilities(model, net, batch, labels);
  return scoreChoices(data, batchSize, compute, labels.length, async ({ targets }) => {
    const [rows, length] = targets.shape as [number, number];
    const values = await targets.data();
    return Array.from({ length: rows }, (_, row) => labels.indexOf(values[row * length]));
  });
}

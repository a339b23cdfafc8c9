/** Data for encoder–decoders: padded batches of inputs and targets, and accuracy over label words. */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { Net } from '../../models/model';
import type { T5 } from '../../models/t5';
import { labelLogProbabilities } from '../../models/t5-generate';
import type { Batch } from '../../tensor/batch';
import { scoreChoices } from '../choice';
import { type Dataset, toEvaluate } from '../dataset';

/** Token ids, both with their end mark. */
export interface SequencePair {
  readonly input: readonly number[];
  readonly target: readonly number[];
}

/** Sizes that every batch of a set has, so that a step can be compiled once. */
export interface SequenceShape {
  readonly inputLength: number;
  readonly targetLength: number;
  readonly pad: number;
}

/** Tensors of one batch, as `makeT5` wants them. @throws UserError when a sequence is too long. */
export function sequenceBatch(pairs: readonly SequencePair[], shape: SequenceShape): Batch {
  const { inputLength, targetLength, pad } = shape;
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
    decoderTokens: fill(targetLength, (pair) => [pad, ...pair.target.slice(0, -1)]),
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

/**
 * Accuracy in per cent: the label whose first token is likeliest among the labels' is the answer (LoRA-GA's protocol).
 * The loss is the cross-entropy of the right label among the labels, in nats.
 */
export async function evaluateLabels(
  model: T5,
  net: Net,
  data: Dataset,
  labels: readonly number[],
  batchSize = 128,
): Promise<{ accuracy: number; loss: number }> {
  let correct = 0;
  let loss = 0;
  for (const batch of toEvaluate(data, batchSize)) {
    const scores = labelLogProbabilities(model, net, batch, labels);
    const values = (await scores.data()) as Float32Array;
    const targets = await batch.targets.data();
    const [rows, length] = batch.targets.shape as [number, number];
    const right = Array.from({ length: rows }, (_, row) => labels.indexOf(targets[row * length]));
    for (const { hit, nats } of scoreChoices(values, labels.length, right)) {
      if (hit) correct += 1;
      loss += nats;
    }
    tf.dispose([scores, ...Object.values(batch)]);
  }
  return { accuracy: (100 * correct) / data.size, loss: loss / data.size };
}

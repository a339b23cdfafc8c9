/** Texts for encoders: one class or one number a text or pair, in batches of like length. */
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../../tensor/batch';
import { bucketed, bucketLengths } from '../batching/buckets';
import type { Dataset } from '../dataset';

export interface EncodedText {
  readonly ids: readonly number[];
  /** Which text of a pair a token belongs to. */
  readonly typeIds: readonly number[];
  /** Number of its class, or the number to predict. */
  readonly label: number;
}

export interface EncodedShape {
  readonly pad: number;
  /** Labels are numbers to predict, not classes. */
  readonly regress: boolean;
  /** Batches are padded to one of so many lengths, each a graph of its own. */
  readonly buckets?: number;
}

/** Tensors of one batch, as encoders take them. */
function encodedBatch(texts: readonly EncodedText[], length: number, { pad, regress }: EncodedShape): Batch {
  const size = texts.length * length;
  const [tokens, types, mask] = [new Int32Array(size).fill(pad), new Int32Array(size), new Float32Array(size)];
  texts.forEach(({ ids, typeIds }, row) => {
    tokens.set(ids, row * length);
    types.set(typeIds, row * length);
    mask.fill(1, row * length, row * length + ids.length);
  });
  const shape: [number, number] = [texts.length, length];
  const labels = texts.map(({ label }) => label);
  return {
    tokens: tf.tensor2d(tokens, shape, 'int32'),
    tokenTypes: tf.tensor2d(types, shape, 'int32'),
    tokenMask: tf.tensor2d(mask, shape),
    labels: regress ? tf.tensor1d(labels, 'float32') : tf.tensor1d(labels, 'int32'),
  };
}

/** Training, validation and test sets that share their batch lengths. Batches hold `tokens`, `tokenTypes` int32, `tokenMask` float32 [batch, length] and `labels` [batch]. */
export function encodedSets(
  parts: Readonly<Record<'train' | 'validation' | 'test', readonly EncodedText[]>>,
  shape: EncodedShape,
): Record<'train' | 'validation' | 'test', Dataset> {
  const needs = Object.values(parts).flatMap((texts) => texts.map(({ ids }) => ids.length));
  const lengths = bucketLengths(needs, shape.buckets ?? 4);
  const of = (texts: readonly EncodedText[]): Dataset =>
    bucketed(texts, {
      lengthOf: ({ ids }) => ids.length,
      lengths,
      batch: (items, length) => encodedBatch(items, length, shape),
    });
  // scores do not depend on the order, and texts of like length side by side waste less padding
  const byLength = (texts: readonly EncodedText[]) => [...texts].sort((a, b) => a.ids.length - b.ids.length);
  return { train: of(parts.train), validation: of(byLength(parts.validation)), test: of(byLength(parts.test)) };
}

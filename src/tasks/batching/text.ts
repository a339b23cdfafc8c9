/**
 * Texts of different lengths for decoders: padded to one length, in length buckets, or packed into windows.
 *
 * A packed window holds several texts, one after the other. The batch then has `segments`, and the decoder lets a
 * token see its own text alone (a block-diagonal mask), so that losses and gradients are those of the texts one by
 * one. Positions need no reset: rotary attention depends on distances only.
 */
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors';
import type { Batch } from '../../tensor/batch';
import type { Dataset } from '../dataset';
import { bucketed } from './buckets';

/** A text as tokens, with its end token where it has one. */
export interface TextExample {
  readonly tokens: readonly number[];
  /** Tokens at the front that are given, not learnt: the prompt. Default 0. */
  readonly prompt?: number;
  /** 1 for every token that is learnt, 0 for the others (a conversation's questions); takes the place of `prompt`. */
  readonly learnt?: readonly number[];
}

/** Places a text takes: every token but the last predicts the next one. */
const placesOf = ({ tokens }: TextExample): number => tokens.length - 1;

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

function check(examples: readonly TextExample[], length: number): void {
  for (const [i, example] of examples.entries()) {
    if (placesOf(example) < 1)
      throw new UserError(`text ${i} has ${example.tokens.length} tokens: at least 2 are needed`);
    if (placesOf(example) <= length) continue;
    throw new UserError(
      `text ${i} has ${example.tokens.length} tokens, more than ${length} places hold. Raise the length`,
    );
  }
}

/** Rows of texts, each row [length]; `segments` counts the texts of a row from 1, padding is 0. */
export function rowsToBatch(
  rows: readonly (readonly TextExample[])[],
  length: number,
  pad: number,
  segments = false,
): Batch {
  const size = rows.length * length;
  const [tokens, targets] = [new Int32Array(size).fill(pad), new Int32Array(size).fill(pad)];
  const [weights, owner] = [new Float32Array(size), new Int32Array(size)];
  rows.forEach((row, r) => {
    let at = r * length;
    row.forEach((example, k) => {
      const places = placesOf(example);
      tokens.set(example.tokens.slice(0, -1), at);
      targets.set(example.tokens.slice(1), at);
      if (example.learnt) weights.set(example.learnt.slice(1), at);
      else weights.fill(1, at + Math.min(places, Math.max(0, (example.prompt ?? 0) - 1)), at + places);
      owner.fill(k + 1, at, at + places);
      at += places;
    });
  });
  const shape: [number, number] = [rows.length, length];
  return {
    tokens: tf.tensor2d(tokens, shape, 'int32'),
    targets: tf.tensor2d(targets, shape, 'int32'),
    weights: tf.tensor2d(weights, shape),
    ...(segments && { segments: tf.tensor2d(owner, shape, 'int32') }),
  };
}

export interface TextShape {
  /** Places a row. */
  readonly length: number;
  /** Token that fills a row up; it carries no loss. */
  readonly pad: number;
}

/** One text a row, all padded to one length. @throws UserError when a text is too short or too long. */
export function paddedTexts(examples: readonly TextExample[], { length, pad }: TextShape): Dataset {
  return bucketedTexts(examples, [length], pad);
}

/** One text a row, padded to the length of its bucket. @throws UserError when a text is too short or too long. */
export function bucketedTexts(examples: readonly TextExample[], lengths: readonly number[], pad: number): Dataset {
  check(examples, Math.max(...lengths));
  return bucketed(examples, {
    lengthOf: placesOf,
    lengths,
    batch: (items, length) =>
      rowsToBatch(
        items.map((item) => [item]),
        length,
        pad,
      ),
  });
}

/**
 * Several texts a row. An index of the set is a window, not a text: a batch of 8 windows holds more than 8 texts.
 * @param apart tokens see their own text alone; false leaves texts separated by their end tokens only.
 * @throws UserError when a text is too short or too long.
 */
export function packed(examples: readonly TextExample[], { length, pad }: TextShape, apart = true): Dataset {
  check(examples, length);
  const windows = firstFit(examples.map(placesOf), length).map((window) => window.map((i) => examples[i]));
  return {
    size: windows.length,
    fill: { tokens: sum(examples.map(placesOf)), places: windows.length * length },
    batch: (indices) =>
      rowsToBatch(
        indices.map((i) => windows[i]),
        length,
        pad,
        apart,
      ),
  };
}

/** First-fit decreasing: each piece, longest first, goes into the first window with room. @returns pieces a window. */
export function firstFit(pieces: readonly number[], room: number): number[][] {
  const order = pieces.map((_, i) => i).sort((i, j) => pieces[j] - pieces[i] || i - j);
  const windows: { room: number; held: number[] }[] = [];
  for (const i of order) {
    let window = windows.find((one) => one.room >= pieces[i]);
    if (!window) windows.push((window = { room, held: [] }));
    window.held.push(i);
    window.room -= pieces[i];
  }
  return windows.map(({ held }) => held);
}

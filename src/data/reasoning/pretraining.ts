/** Pretraining text of the decoder base: short documents one after the other, in windows. No task's format is in it. */
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../../tensor/batch';
import type { Random } from '../../tensor/random';
import { pickByShare } from '../grammar/clause';
import { passage } from '../grammar/text';
import { question, statement, sum } from './arithmetic';
import { remark } from './instructions';
import { glossary, snippet } from './programs';
import { reasoningTokenizer } from './vocabulary';

type Writer = (random: Random) => string;

const WRITERS: readonly (readonly [Writer, number])[] = [
  [passage, 0.1],
  [sum, 0.2],
  [statement, 0.2],
  [question, 0.1],
  [snippet, 0.1],
  [(random) => `${glossary(random)} .`, 0.15],
  [(random) => `${remark(random)} .`, 0.15],
];

/** One short text: a story, a sum, a statement, a program, a definition or a remark. */
export function pretrainingDocument(random: Random): string {
  const write = pickByShare(random, WRITERS);
  return write(random);
}

/** `context` + 1 tokens of documents, each between its marks. */
export function pretrainingWindow(random: Random, context: number): number[] {
  const tokens: number[] = [];
  while (tokens.length <= context) {
    tokens.push(...reasoningTokenizer.encode(pretrainingDocument(random), { bos: true, eos: true }));
  }
  return tokens.slice(0, context + 1);
}

/** Windows as a batch for a decoder. */
export function pretrainingBatch(windows: readonly (readonly number[])[]): Batch {
  const context = windows[0].length - 1;
  const part = (from: number) =>
    tf.tensor2d(
      Int32Array.from(windows.flatMap((w) => w.slice(from, from + context))),
      [windows.length, context],
      'int32',
    );
  return { tokens: part(0), targets: part(1), weights: tf.ones([windows.length, context]) };
}

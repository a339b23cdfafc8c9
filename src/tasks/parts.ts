/** The three parts of a set. */
import type { Parts } from '../data/split';

export type Split = 'train' | 'validation' | 'test';
export const SPLITS: readonly Split[] = ['train', 'validation', 'test'];

/** Applies `make` to every part. */
export function eachPart<E, R>(parts: Parts<E>, make: (examples: readonly E[]) => R): Record<Split, R> {
  return { train: make(parts.train), validation: make(parts.validation), test: make(parts.test) };
}

/** Sequences for encoder–decoders, as token ids. */

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

/** Pretraining examples: passages one after the other, cut to a fixed length, with gaps. */

import type { Random } from '../../tensor/random';
import type { SequencePair, SequenceShape } from '../sequence';
import { corruptSpans, type SpanOptions, spanCounts } from './spans';
import { passage } from './text';
import { grammarTokenizer, SENTINELS } from './vocabulary';

/** Tokens of a text before gaps are made. */
const LENGTH = 48;
/** T5 takes 15 % in gaps of 3; a quarter in gaps of 2 gives small models on short texts more to learn a step. */
const GAPS: SpanOptions = { density: 0.25, length: 2 };

const { noise, gaps } = spanCounts(LENGTH, GAPS);
const sentinels = grammarTokenizer.encode(SENTINELS.join(' '));

/** Every pretraining batch has this shape, without padding. */
export const pretrainingShape: SequenceShape = {
  inputLength: LENGTH - noise + gaps + 1,
  targetLength: noise + gaps + 2,
  pad: grammarTokenizer.pad,
};

/** One example; the same stream gives the same. */
export function pretrainingText(random: Random): SequencePair {
  const tokens: number[] = [];
  while (tokens.length < LENGTH) tokens.push(...grammarTokenizer.encode(passage(random)));
  return corruptSpans(tokens.slice(0, LENGTH), GAPS, sentinels, grammarTokenizer.eos, random);
}

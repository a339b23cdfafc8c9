/** Words of the decoder base: those of the generated world, digits, and what problems, programs and instructions add. */

import { WordTokenizer } from '../../tokenizers';
import { grammarTokenizer, SENTINELS } from '../grammar/vocabulary';
import { GAINING, LOSING } from './arithmetic';

const MORE =
  '0 1 2 3 4 5 6 7 8 9 + - * = < > == { } ( ) ; x y z n i if while return now how many what number boxes with each ' +
  'then answer program add take from to multiply by double square twice times sum minus plus less more than below ' +
  'above make use itself it is the and are of on end begin begins ends says say please yes stop first second last ' +
  'one two three four name list give write repeat reverse backwards turn round keep find choose';

/** The tokenizer of the decoder base and its three tasks; a number is its digits. */
export const reasoningTokenizer = new WordTokenizer([
  ...new Set([
    ...grammarTokenizer.vocabulary.filter((word) => !SENTINELS.includes(word)),
    ...MORE.split(' '),
    ...Object.values(GAINING).flat(),
    ...Object.values(LOSING).flat(),
  ]),
]);

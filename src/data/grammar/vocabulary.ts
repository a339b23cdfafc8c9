/** The closed vocabulary of the generated world, one token a word. */
import { WordTokenizer } from '../../tokenizers';
import {
  ADJECTIVES,
  ASPECTS,
  BAD,
  GOOD,
  INTRANSITIVE,
  KINDS,
  NAMES,
  PLACES,
  past,
  synonymOf,
  TRANSFERS,
  TRANSITIVE,
  WORKS,
  withS,
} from './lexicon';
import { LABEL_WORDS, PROMPT_NOUNS } from './text';

/** Marks of the gaps in span corruption, `<extra_id_0>` first. */
export const SENTINELS = Array.from({ length: 12 }, (_, i) => `<extra_id_${i}>`);

const GRAMMAR =
  '. , ? : \n a about also although an and any are blamed but by called classify did disliked enjoyed from hardly has ' +
  'hated have he herself himself in is it loved near never no not nothing of praised really right ' +
  'said semantic she so some that the these this to truly very was what where who wrong';

function build(): string[] {
  const nouns = [...Object.keys(KINDS), ...Object.values(KINDS).flat()];
  const adjectives = [...ADJECTIVES, ...ADJECTIVES.flatMap((word) => synonymOf(word) ?? []), ...GOOD, ...BAD];
  const verbs = [...TRANSITIVE, ...INTRANSITIVE];
  const all = [
    ...SENTINELS,
    ...GRAMMAR.split(' '),
    ...LABEL_WORDS,
    ...PROMPT_NOUNS,
    ...NAMES,
    ...nouns,
    ...nouns.map(withS),
    ...PLACES,
    ...WORKS,
    ...ASPECTS,
    ...adjectives,
    ...verbs,
    ...verbs.map(withS),
    ...verbs.map(past),
    ...TRANSFERS.flat(),
  ];
  return [...new Set(all)];
}

/** The tokenizer of the base model and its tasks. */
export const grammarTokenizer = new WordTokenizer(build());

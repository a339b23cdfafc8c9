/** Running text of the generated world, for pretraining. No task's labels are in it. */
import type { Random } from '../../tensor/random';
import { judgedSentence } from './agreement';
import { chance, clauseOf, placeOf, pronoun, sayClause, sayPhrase, transferOf } from './clause';
import { editClause, PARTS } from './inference';
import { ADJECTIVES, article, KINDS, NAMES, past, rivalsOf, synonymOf, withS } from './lexicon';
import { review, reviewWithEnd } from './opinion';
import { rephrased } from './paraphrase';
import { questionAndSentence } from './question';

type Writer = (random: Random) => string;

/** Events around one person. */
const story: Writer = (random) => {
  const { giver, receiver, thing } = transferOf(random);
  const clause = clauseOf(random);
  const event = sayClause(clause, random.pick(['active', 'passive', 'fronted']));
  const [again, state] = [past(random.pick(['watch', 'lift', 'push', 'fix'])), random.pick(ADJECTIVES)];
  if (chance(random, 0.4)) return `${event} . the ${clause.patient.noun} was ${state}`;
  return `${giver} gave ${sayPhrase(thing)} to ${receiver} . ${pronoun(receiver)} ${again} it ${placeOf(random)}`;
};

/** What is a kind of what, what excludes what, what means the same. */
const fact: Writer = (random) => {
  const kind = random.pick(Object.keys(KINDS));
  const noun = random.pick(KINDS[kind]);
  const adjective = random.pick(ADJECTIVES);
  const same = synonymOf(adjective);
  switch (random.int(4)) {
    case 0:
      return `${article(noun)} ${noun} is ${article(kind)} ${kind}`;
    case 1:
      return `${withS(noun)} are ${withS(kind)}`;
    case 2:
      return `what is ${adjective} is not ${random.pick(rivalsOf(adjective))}`;
    default:
      return same ? `what is ${adjective} is also ${same}` : `the ${noun} is ${adjective}`;
  }
};

/** A sentence, then what it comes down to. */
const restatement: Writer = (random) => {
  if (chance(random, 0.5)) {
    const { first, second } = rephrased(random, true);
    return `${first} . that is , ${second}`;
  }
  while (true) {
    const clause = clauseOf(random);
    const edit = editClause(random, clause, random.pick(PARTS));
    if (edit?.relation === 'general') return `${sayClause(clause)} . so ${sayClause(edit.clause)}`;
  }
};

const conversation: Writer = (random) => {
  const { question, sentence } = questionAndSentence(random, true);
  return `${question} ? ${sentence}`;
};

const opinion: Writer = (random) =>
  chance(random, 0.7) ? reviewWithEnd(random, chance(random, 0.5)) : review(random, chance(random, 0.5));

/** The words of prompts and labels, in sentences that say nothing about any task. */
const talk: Writer = (random) => {
  const person = random.pick(NAMES);
  const noun = random.pick(PROMPT_NOUNS);
  const label = random.pick(LABEL_WORDS);
  return chance(random, 0.5)
    ? `${person} called the ${noun} ${label}`
    : `classify the ${noun} of the ${random.pick(PROMPT_NOUNS)} : ${label}`;
};

/** What prompts speak of. */
export const PROMPT_NOUNS = ['text', 'sentence', 'question', 'sentiment', 'grammaticality', 'similarity', 'result'];
/** Words that label a task's classes, each one token. */
export const LABEL_WORDS = [
  'negative',
  'positive',
  'unacceptable',
  'acceptable',
  'different',
  'equivalent',
  'entailment',
  'neutral',
  'contradiction',
  'not_entailment',
];

const WRITERS: readonly (readonly [Writer, number])[] = [
  [story, 0.15],
  [fact, 0.1],
  [(random) => judgedSentence(random, true), 0.2],
  [opinion, 0.2],
  [restatement, 0.15],
  [conversation, 0.15],
  [talk, 0.05],
];

/** One short text, a few sentences, each ended by ` .`. */
export function passage(random: Random): string {
  let at = random.uniform();
  const [writer] = WRITERS.find(([, share]) => (at -= share) < 0) ?? WRITERS[0];
  return `${writer(random)} .`;
}

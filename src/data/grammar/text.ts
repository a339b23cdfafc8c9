/**
 * Running text of the generated world, for pretraining. No example with its label is in it; what a task asks shows only
 * in the words that join sentences (`so`, `but`, `that is`) and in what people do next, as in natural text.
 */
import type { Random } from '../../tensor/random';
import { judgedSentence } from './agreement';
import { chance, clauseOf, pickByShare, placeOf, pronoun, sayClause, sayPhrase, transferOf } from './clause';
import { inference, type Verdict } from './inference';
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

/** How a sentence goes on with what it entails, leaves open or excludes. */
const LINKS: Readonly<Record<Verdict, string>> = { entailment: 'so', neutral: 'also', contradiction: 'but' };

/** Two sentences and the words that say how they belong together. */
const continuation: Writer = (random) => {
  if (chance(random, 0.4)) {
    const same = chance(random, 0.5);
    const { first, second } = rephrased(random, same);
    return `${first} . ${same ? 'that is ,' : 'and'} ${second}`;
  }
  const wanted = random.pick(Object.keys(LINKS));
  while (true) {
    const { premise, hypothesis, verdict } = inference(random);
    if (verdict === wanted) return `${premise} . ${LINKS[verdict]} ${hypothesis}`;
  }
};

/** A question, and a sentence that answers it or not. */
const conversation: Writer = (random) => {
  const answers = chance(random, 0.6);
  const { question, sentence } = questionAndSentence(random, answers);
  return `${question} ? ${answers ? 'right' : 'no'} , ${sentence}`;
};

/** A review, mostly with what somebody then did. */
const opinion: Writer = (random) =>
  chance(random, 0.8) ? reviewWithEnd(random, chance(random, 0.5)) : review(random, chance(random, 0.5));

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
  [story, 0.08],
  [fact, 0.08],
  [(random) => judgedSentence(random, true), 0.22],
  [opinion, 0.17],
  [continuation, 0.28],
  [conversation, 0.12],
  [talk, 0.05],
];

/** One short text, a few sentences, each ended by ` .`. */
export function passage(random: Random): string {
  const write = pickByShare(random, WRITERS);
  return `${write(random)} .`;
}

/**
 * Present-tense sentences with agreement in number, across phrases that stand between subject and verb, and the
 * mistakes that make them unacceptable.
 */
import type { Random } from '../../tensor/random';
import { chance, nounOf } from './clause';
import {
  ACTORS,
  ADJECTIVES,
  article,
  INTRANSITIVE,
  isFemale,
  KINDS,
  NAMES,
  PLACES,
  past,
  TRANSITIVE,
  withS,
} from './lexicon';

type Number = 'one' | 'many';

const other = (number: Number): Number => (number === 'one' ? 'many' : 'one');
const noun = (word: string, number: Number) => (number === 'one' ? word : withS(word));
const verb = (word: string, number: Number) => (number === 'one' ? withS(word) : word);
const this_ = (number: Number) => (number === 'one' ? 'this' : 'these');
const has = (number: Number) => (number === 'one' ? 'has' : 'have');
const numberOf = (random: Random): Number => random.pick(['one', 'many']);

/** A sentence as it should be, and the same with one mistake. */
interface Pair {
  readonly right: string;
  readonly wrong: string;
}

type Template = (random: Random) => Pair;

const anyNoun = (random: Random) => nounOf(random, Object.keys(KINDS), 0.1);

/** `the dog near the horses waits`: the verb agrees with the first noun, not with the nearest. */
const verbAgreement: Template = (random) => {
  const number = numberOf(random);
  const subject = noun(nounOf(random, ACTORS, 0.1), number);
  const between = chance(random, 0.7) ? ` near the ${noun(anyNoun(random), numberOf(random))}` : '';
  const second = chance(random, 0.3) ? ` in the ${random.pick(PLACES)}` : '';
  const action = random.pick(INTRANSITIVE);
  const say = (n: Number) => `the ${subject}${between}${second} ${verb(action, n)}`;
  return { right: say(number), wrong: say(other(number)) };
};

/** `the dogs that the baker watches jump`: two verbs, each with its own subject. */
const relativeClause: Template = (random) => {
  const [outer, inner] = [numberOf(random), numberOf(random)];
  const [first, second] = [noun(nounOf(random, ACTORS, 0), outer), noun(nounOf(random, ACTORS, 0), inner)];
  const [watch, jump] = [random.pick(TRANSITIVE), random.pick(INTRANSITIVE)];
  const say = (a: Number, b: Number) => `the ${first} that the ${second} ${verb(watch, b)} ${verb(jump, a)}`;
  return {
    right: say(outer, inner),
    wrong: chance(random, 0.5) ? say(other(outer), inner) : say(outer, other(inner)),
  };
};

/** `these old cars`: the determiner agrees with a noun behind an adjective. */
const determiner: Template = (random) => {
  const number = numberOf(random);
  const adjective = chance(random, 0.6) ? `${random.pick(ADJECTIVES)} ` : '';
  const thing = noun(anyNoun(random), number);
  const [person, action] = [random.pick(NAMES), past(random.pick(TRANSITIVE))];
  const say = (n: Number) => `${person} ${action} ${this_(n)} ${adjective}${thing}`;
  return { right: say(number), wrong: say(other(number)) };
};

/** `anna helped herself`, and `himself` of a man. */
const reflexive: Template = (random) => {
  const [person, witness] = [random.pick(NAMES), random.pick(NAMES)];
  const action = past(random.pick(TRANSITIVE));
  const end = chance(random, 0.5) ? ` near ${witness}` : '';
  const say = (female: boolean) => `${person} ${action} ${female ? 'herself' : 'himself'}${end}`;
  return { right: say(isFemale(person)), wrong: say(!isFemale(person)) };
};

/** `has chased` and `did chase`: the auxiliary decides on the verb's form, its subject on the auxiliary's. */
const auxiliary: Template = (random) => {
  const number = numberOf(random);
  const subject = noun(nounOf(random, ACTORS, 0.1), number);
  const action = random.pick(TRANSITIVE);
  const thing = `the ${noun(anyNoun(random), numberOf(random))}`;
  const say = (help: string, form: string) => `the ${subject} ${help} ${form} ${thing}`;
  const mistakes = [say(has(number), action), say('did', past(action)), say(has(other(number)), past(action))];
  const right = chance(random, 0.5) ? say(has(number), past(action)) : say('did', action);
  return { right, wrong: random.pick(mistakes) };
};

/** Transitive verbs need an object, intransitive ones take none. */
const argument: Template = (random) => {
  const person = random.pick(NAMES);
  const what = anyNoun(random);
  const adjective = random.pick(ADJECTIVES);
  const place = `in the ${random.pick(PLACES)}`;
  const object = chance(random, 0.5) ? `the ${what}` : `${article(adjective)} ${adjective} ${what}`;
  const [takes, takesNone] = [past(random.pick(TRANSITIVE)), past(random.pick(INTRANSITIVE))];
  return chance(random, 0.5)
    ? { right: `${person} ${takes} ${object} ${place}`, wrong: `${person} ${takes} ${place}` }
    : { right: `${person} ${takesNone} ${place}`, wrong: `${person} ${takesNone} ${object} ${place}` };
};

/** `no dog chased any cat` against `some dog chased any cat`. */
const polarity: Template = (random) => {
  const [who, whom] = [nounOf(random, ACTORS, 0.1), anyNoun(random)];
  const action = past(random.pick(TRANSITIVE));
  const say = (det: string) => `${det} ${who} ${action} any ${whom}`;
  return { right: say('no'), wrong: say(random.pick(['some', 'the', 'this'])) };
};

/** Two neighbours change places. */
const order: Template = (random) => {
  const { right } = verbAgreement(random);
  const parts = right.split(' ');
  const at = random.int(parts.length - 1);
  const swapped = [...parts];
  [swapped[at], swapped[at + 1]] = [parts[at + 1], parts[at]];
  return { right, wrong: swapped.join(' ') };
};

const TEMPLATES = [
  verbAgreement,
  verbAgreement,
  relativeClause,
  relativeClause,
  determiner,
  reflexive,
  auxiliary,
  argument,
  polarity,
  order,
];

/** A sentence and whether it is well formed, without its full stop. */
export function judgedSentence(random: Random, acceptable: boolean): string {
  const { right, wrong } = random.pick(TEMPLATES)(random);
  return acceptable ? right : wrong;
}

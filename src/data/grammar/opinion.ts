/** Reviews: whose opinion counts at the end, through negation, contrast and other people's words. */
import type { Random } from '../../tensor/random';
import { chance, pronoun } from './clause';
import { ASPECTS, BAD, GOOD, NAMES, WORKS } from './lexicon';

const adjective = (random: Random, good: boolean) => random.pick(good ? GOOD : BAD);
const degree = (random: Random) => (chance(random, 0.4) ? `${random.pick(['very', 'really', 'truly', 'so'])} ` : '');

/** `the plot was not dull`: a clause of this polarity, negated or not. */
function remark(random: Random, subject: string, good: boolean): string {
  const kind = random.uniform();
  if (kind < 0.5) return `${subject} was ${degree(random)}${adjective(random, good)}`;
  if (kind < 0.8) return `${subject} was ${random.pick(['not', 'never', 'hardly'])} ${adjective(random, !good)}`;
  return `nothing about ${subject} was ${adjective(random, !good)}`;
}

const topic = (random: Random, list: readonly string[]) => `the ${random.pick(list)}`;

/** A review of this polarity, without its full stop. */
export function review(random: Random, good: boolean): string {
  const [work, aspect] = [topic(random, WORKS), topic(random, ASPECTS)];
  const kind = random.uniform();
  if (kind < 0.2) return remark(random, work, good);
  if (kind < 0.4) return `${remark(random, work, !good)} but ${remark(random, aspect, good)}`;
  if (kind < 0.6) return `although ${remark(random, aspect, !good)} , ${remark(random, work, good)}`;
  if (kind < 0.75) return `${remark(random, work, good)} and ${remark(random, aspect, good)}`;
  const person = random.pick(NAMES);
  const right = chance(random, 0.5);
  return `${person} said that ${remark(random, work, good === right)} and ${pronoun(person)} was ${right ? 'right' : 'wrong'}`;
}

/** A review whose adjectives all say what it says. */
export function plainReview(random: Random, good: boolean): string {
  const say = (list: readonly string[]) => `${topic(random, list)} was ${degree(random)}${adjective(random, good)}`;
  return chance(random, 0.4) ? say(WORKS) : `${say(WORKS)} and ${say(ASPECTS)}`;
}

/** A review with what its writer then did, for pretraining: the consequence tells what the adjectives mean. */
export function reviewWithEnd(random: Random, good: boolean): string {
  const subject = topic(random, chance(random, 0.5) ? WORKS : ASPECTS);
  const text = chance(random, 0.8)
    ? review(random, good)
    : `${subject} was ${adjective(random, good)} and ${adjective(random, good)}`;
  const end = good ? ['loved', 'enjoyed', 'praised'] : ['hated', 'disliked', 'blamed'];
  return `${text} . ${random.pick(NAMES)} ${random.pick(end)} it`;
}

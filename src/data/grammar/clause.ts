/** Clauses of the generated world: who does what to whom and where, and the sentences that say it. */
import type { Random } from '../../tensor/random';
import { ACTORS, ADJECTIVES, article, isFemale, KINDS, NAMES, PLACES, past, TRANSFERS, TRANSITIVE } from './lexicon';

/** Noun phrase; a name has no determiner. */
export interface Phrase {
  readonly det: '' | 'a' | 'the' | 'some' | 'no';
  readonly adjective: string | null;
  readonly noun: string;
}

/** A past event. The agent `no …` and `negated` both make it a denial; never both at once. */
export interface Clause {
  readonly agent: Phrase;
  readonly verb: string;
  readonly patient: Phrase;
  /** Preposition and place, e.g. `in the barn`. */
  readonly place: string | null;
  readonly negated: boolean;
}

/** Whether a clause says that something did not happen. */
export const isDenial = (clause: Clause): boolean => clause.negated || clause.agent.det === 'no';

/** True with this probability. */
export const chance = (random: Random, probability: number): boolean => random.uniform() < probability;

/** An item drawn by its share; the shares sum to 1. */
export function pickByShare<T>(random: Random, items: readonly (readonly [item: T, share: number])[]): T {
  let at = random.uniform();
  const [item] = items.find(([, share]) => (at -= share) < 0) ?? items[0];
  return item;
}

/** A name as a phrase. */
export const name = (noun: string): Phrase => ({ det: '', adjective: null, noun });
/** `in the garden`. */
export const placeOf = (random: Random): string => `${random.pick(['in', 'near'])} the ${random.pick(PLACES)}`;

/** A noun of some kind, now and then the kind itself. */
export function nounOf(random: Random, kinds: readonly string[], general = 0.25): string {
  const kind = random.pick(kinds);
  return chance(random, general) ? kind : random.pick(KINDS[kind]);
}

/** A random clause. Agents are names or `some …`, and `no …` in denials. */
export function clauseOf(random: Random, denial = false): Clause {
  const named = chance(random, 0.5);
  const adjective = () => (chance(random, 0.4) ? random.pick(ADJECTIVES) : null);
  const agent: Phrase = named
    ? name(random.pick(NAMES))
    : { det: denial ? 'no' : 'some', adjective: adjective(), noun: nounOf(random, ACTORS) };
  const patient: Phrase = { det: 'a', adjective: adjective(), noun: nounOf(random, Object.keys(KINDS)) };
  return {
    agent,
    verb: random.pick(TRANSITIVE),
    patient,
    place: chance(random, 0.5) ? placeOf(random) : null,
    negated: denial && named,
  };
}

export function sayPhrase({ det, adjective, noun }: Phrase): string {
  const rest = adjective ? `${adjective} ${noun}` : noun;
  if (det === '') return rest;
  return `${det === 'a' ? article(rest) : det} ${rest}`;
}

export type Order = 'active' | 'passive' | 'fronted';

/** The sentence without its full stop. `fronted` puts the place first; a denial is never passive. */
export function sayClause(clause: Clause, order: Order = 'active'): string {
  const [agent, patient] = [sayPhrase(clause.agent), sayPhrase(clause.patient)];
  const verb = clause.negated ? `did not ${clause.verb}` : past(clause.verb);
  const core =
    order === 'passive' && !isDenial(clause)
      ? `${patient} was ${past(clause.verb)} by ${agent}`
      : `${agent} ${verb} ${patient}`;
  if (clause.place === null) return core;
  return order === 'fronted' ? `${clause.place} ${core}` : `${core} ${clause.place}`;
}

/** A thing that changes hands. */
export interface Transfer {
  readonly giver: string;
  readonly thing: Phrase;
  readonly receiver: string;
  /** Row of `TRANSFERS`. */
  readonly kind: number;
}

export function twoNames(random: Random): [string, string] {
  const [a, b] = random.permutation(NAMES.length);
  return [NAMES[a], NAMES[b]];
}

export function transferOf(random: Random): Transfer {
  const [giver, receiver] = twoNames(random);
  const adjective = chance(random, 0.5) ? random.pick(ADJECTIVES) : null;
  const noun = nounOf(random, ['animal', 'vehicle', 'fruit', 'instrument'], 0);
  return { giver, receiver, thing: { det: 'a', adjective, noun }, kind: random.int(TRANSFERS.length) };
}

/** The transfer as its giver or as its receiver sees it. */
export function sayTransfer({ giver, receiver, thing, kind }: Transfer, side: 'giver' | 'receiver'): string {
  const [, gave, , received] = TRANSFERS[kind];
  const what = sayPhrase(thing);
  return side === 'giver' ? `${giver} ${gave} ${what} to ${receiver}` : `${receiver} ${received} ${what} from ${giver}`;
}

export const pronoun = (person: string): string => (isFemale(person) ? 'she' : 'he');

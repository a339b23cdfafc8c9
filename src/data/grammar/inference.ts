/**
 * What follows from what, after natural logic (MacCartney & Manning 2009).
 *
 * A hypothesis is the premise after some edits of its positive core: each keeps the meaning, makes the core more
 * general (`dog` → `animal`), more special, or something else. Denial turns the direction round: `anna did not see an
 * animal` entails `anna did not see a dog`.
 */
import type { Random } from '../../tensor/random';
import { type Clause, chance, clauseOf, isDenial, type Phrase, placeOf, sayClause } from './clause';
import {
  ADJECTIVES,
  COLOURS,
  KINDS,
  kindOf,
  NAMES,
  PLACES,
  QUALITIES,
  rivalsOf,
  synonymOf,
  TRANSITIVE,
} from './lexicon';

export type Relation = 'equal' | 'general' | 'special' | 'other';
export type Verdict = 'entailment' | 'neutral' | 'contradiction';

/** Two edits in a row. */
export function join(a: Relation, b: Relation): Relation {
  if (a === 'equal') return b;
  return b === 'equal' || a === b ? a : 'other';
}

/** @param core how the hypothesis's positive core stands to the premise's. */
export function verdictOf(core: Relation, premiseDenies: boolean, hypothesisDenies: boolean): Verdict {
  const holds = core === 'equal' || core === (premiseDenies ? 'special' : 'general');
  if (!holds) return 'neutral';
  return premiseDenies === hypothesisDenies ? 'entailment' : 'contradiction';
}

type Edit = { clause: Clause; relation: Relation } | null;

function editPhrase(random: Random, phrase: Phrase): { phrase: Phrase; relation: Relation } | null {
  const { adjective, noun, det } = phrase;
  if (det === '') {
    const other = random.pick(NAMES);
    return other === noun ? null : { phrase: { ...phrase, noun: other }, relation: 'other' };
  }
  const kind = kindOf(noun);
  switch (random.int(6)) {
    case 0:
    case 1:
      if (kind) return { phrase: { ...phrase, noun: kind }, relation: 'general' };
      return { phrase: { ...phrase, noun: random.pick(KINDS[noun]) }, relation: 'special' };
    case 2: {
      if (!kind) return null;
      const sibling = random.pick(KINDS[kind]);
      return sibling === noun ? null : { phrase: { ...phrase, noun: sibling }, relation: 'other' };
    }
    case 3: {
      const same = adjective && synonymOf(adjective);
      if (same) return { phrase: { ...phrase, adjective: same }, relation: 'equal' };
      return null;
    }
    default:
      if (adjective) return { phrase: { ...phrase, adjective: null }, relation: 'general' };
      return { phrase: { ...phrase, adjective: random.pick(ADJECTIVES) }, relation: 'special' };
  }
}

function editPlace(random: Random, clause: Clause): Edit {
  if (clause.place === null) return { clause: { ...clause, place: placeOf(random) }, relation: 'special' };
  if (chance(random, 0.7)) return { clause: { ...clause, place: null }, relation: 'general' };
  const place = placeOf(random);
  return place === clause.place ? null : { clause: { ...clause, place }, relation: 'other' };
}

export const PARTS = ['place', 'verb', 'agent', 'patient'] as const;

/** A random edit of one part of a clause; null when the one drawn does not apply. */
export function editClause(random: Random, clause: Clause, part: (typeof PARTS)[number]): Edit {
  if (part === 'place') return editPlace(random, clause);
  if (part === 'verb') {
    const same = synonymOf(clause.verb);
    if (same && chance(random, 0.7)) return { clause: { ...clause, verb: same }, relation: 'equal' };
    const verb = random.pick(TRANSITIVE);
    return verb === clause.verb || verb === same ? null : { clause: { ...clause, verb }, relation: 'other' };
  }
  const edit = editPhrase(random, clause[part]);
  return edit && { clause: { ...clause, [part]: edit.phrase }, relation: edit.relation };
}

/** The clause with its denial taken away or added. */
function turn(clause: Clause): Clause {
  const { agent, negated } = clause;
  if (agent.det === '') return { ...clause, negated: !negated };
  return { ...clause, agent: { ...agent, det: agent.det === 'no' ? 'some' : 'no' } };
}

export interface Inference {
  readonly premise: string;
  readonly hypothesis: string;
  readonly verdict: Verdict;
}

/** Properties exclude each other: what is red is not blue and not otherwise coloured. */
function properties(random: Random): Inference {
  const place = `in the ${random.pick(PLACES)}`;
  const noun = random.pick(KINDS[random.pick(Object.keys(KINDS))]);
  const first = random.pick(ADJECTIVES);
  const kind = random.int(3);
  const unrelated = (COLOURS.includes(first) ? QUALITIES : COLOURS) as string[];
  const second = kind === 0 ? (synonymOf(first) ?? first) : random.pick(kind === 1 ? rivalsOf(first) : unrelated);
  const [denies, asserts] = [chance(random, 0.3), chance(random, 0.5)];
  const say = (adjective: string, positive: boolean) =>
    `the ${noun} ${place} was ${positive ? '' : 'not '}${adjective}`;
  const compatible = kind === 0 ? (denies ? !asserts : asserts) : !asserts;
  const known = kind === 0 || (kind === 1 && !denies);
  return {
    premise: say(first, !denies),
    hypothesis: say(second, asserts),
    verdict: !known ? 'neutral' : compatible ? 'entailment' : 'contradiction',
  };
}

function events(random: Random): Inference {
  const premise = clauseOf(random, chance(random, 0.5));
  let clause = premise;
  let relation: Relation = 'equal';
  // each part once, so that no edit undoes another
  const parts = random.permutation(PARTS.length).slice(0, 1 + random.int(3));
  for (const part of parts) {
    const edit = editClause(random, clause, PARTS[part]);
    if (!edit) continue;
    clause = edit.clause;
    relation = join(relation, edit.relation);
  }
  const denies = isDenial(premise);
  if (chance(random, 0.5)) clause = turn(clause);
  const order = chance(random, 0.3) ? random.pick(['passive', 'fronted'] as const) : 'active';
  return {
    premise: sayClause(premise),
    hypothesis: sayClause(clause, order),
    verdict: verdictOf(relation, denies, isDenial(clause)),
  };
}

/** A premise, a hypothesis and what the one says about the other. */
export const inference = (random: Random): Inference => (chance(random, 0.25) ? properties(random) : events(random));

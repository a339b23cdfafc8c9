/** Pairs of sentences that say the same in other words, or nearly the same words with another meaning. */
import type { Random } from '../../tensor/random';
import {
  type Clause,
  chance,
  clauseOf,
  name,
  type Order,
  sayClause,
  sayTransfer,
  type Transfer,
  transferOf,
  twoNames,
} from './clause';
import { editClause, PARTS } from './inference';
import { rivalsOf, synonymOf, TRANSFERS } from './lexicon';

export interface Pair {
  readonly first: string;
  readonly second: string;
}

function reword(random: Random, clause: Clause): Clause {
  const swap = (word: string) => (chance(random, 0.7) ? (synonymOf(word) ?? word) : word);
  const { patient } = clause;
  const adjective = patient.adjective && swap(patient.adjective);
  return { ...clause, verb: swap(clause.verb), patient: { ...patient, adjective } };
}

/** One change of meaning. */
function distort(random: Random, clause: Clause): Clause {
  if (clause.patient.det === '' && chance(random, 0.7)) {
    return { ...clause, agent: clause.patient, patient: clause.agent };
  }
  while (true) {
    const edit = editClause(random, clause, random.pick(PARTS));
    if (edit && edit.relation !== 'equal') return edit.clause;
  }
}

const orders: readonly Order[] = ['active', 'passive', 'fronted'];

function eventPair(random: Random, same: boolean): Pair {
  let clause = clauseOf(random);
  if (chance(random, 0.5)) {
    const [agent, patient] = twoNames(random);
    clause = { ...clause, agent: name(agent), patient: name(patient) };
  }
  const [a, b] = random.permutation(orders.length);
  const told = reword(random, same ? clause : distort(random, clause));
  return { first: sayClause(clause, orders[a]), second: sayClause(told, orders[b]) };
}

function transferPair(random: Random, same: boolean): Pair {
  const transfer = transferOf(random);
  const { giver, receiver, thing, kind } = transfer;
  const { adjective } = thing;
  let told: Transfer = adjective
    ? { ...transfer, thing: { ...thing, adjective: synonymOf(adjective) ?? adjective } }
    : transfer;
  if (!same) {
    const change = random.int(3);
    if (change === 0 && adjective) told = { ...told, thing: { ...thing, adjective: random.pick(rivalsOf(adjective)) } };
    else if (change === 1) told = { ...told, kind: (kind + 1 + random.int(TRANSFERS.length - 1)) % TRANSFERS.length };
    else told = { ...told, giver: receiver, receiver: giver };
  }
  const sides = chance(random, 0.5) ? (['giver', 'receiver'] as const) : (['receiver', 'giver'] as const);
  return {
    first: sayTransfer(transfer, sides[0]),
    second: sayTransfer(told, sides[same || chance(random, 0.7) ? 1 : 0]),
  };
}

/** Two sentences, without their full stops. */
export const rephrased = (random: Random, same: boolean): Pair =>
  chance(random, 0.4) ? transferPair(random, same) : eventPair(random, same);

/** Questions about one of two events, and whether a sentence answers them. */
import type { Random } from '../../tensor/random';
import { type Clause, chance, clauseOf, name, placeOf, sayClause, sayPhrase, twoNames } from './clause';
import { kindOf, past, synonymOf } from './lexicon';

type Asked = 'who' | 'what' | 'where';

/** The question whose answer is one part of the clause. */
function ask(clause: Clause, asked: Asked): string {
  const { agent, verb, patient, place } = clause;
  const where = place ? ` ${place}` : '';
  switch (asked) {
    case 'who':
      return `who ${past(verb)} ${sayPhrase(patient)}${where}`;
    case 'what':
      return `what did ${sayPhrase(agent)} ${verb}${where}`;
    case 'where':
      return `where did ${sayPhrase(agent)} ${verb} ${sayPhrase(patient)}`;
  }
}

/** The same event in more general or other words, as a question would put it. */
function loosen(random: Random, clause: Clause): Clause {
  const { patient, verb } = clause;
  const general = chance(random, 0.5) ? kindOf(patient.noun) : undefined;
  return {
    ...clause,
    verb: chance(random, 0.5) ? (synonymOf(verb) ?? verb) : verb,
    patient: {
      ...patient,
      noun: general ?? patient.noun,
      adjective: chance(random, 0.5) ? null : patient.adjective,
    },
    place: chance(random, 0.4) ? null : clause.place,
  };
}

export interface QuestionAndSentence {
  readonly question: string;
  readonly sentence: string;
}

/**
 * A question, and a sentence of two events that answers it or seems to: in the latter case each part of the question
 * fits one of the two events, but no event fits it whole.
 */
export function questionAndSentence(random: Random, answered: boolean): QuestionAndSentence {
  while (true) {
    const [a, b] = twoNames(random);
    const first: Clause = { ...clauseOf(random), agent: name(a) };
    const second: Clause = { ...clauseOf(random), agent: name(b) };
    const [asked, about, beside] = chance(random, 0.5) ? [first, first, second] : [second, second, first];
    const word = random.pick(['who', 'what', 'where'] as const);
    const placed = { ...asked, place: word === 'where' ? (asked.place ?? placeOf(random)) : asked.place };
    let told = placed;
    let other = beside;
    if (!answered) {
      // exchange what the question names, so that every word of it is still there
      const part = word === 'who' ? 'verb' : 'agent';
      if (beside.verb === about.verb || synonymOf(beside.verb) === about.verb || sameThing(beside, about)) continue;
      if (word === 'where' && chance(random, 0.4)) told = { ...placed, place: null };
      else {
        told = { ...placed, [part]: beside[part] };
        other = { ...beside, [part]: placed[part] };
      }
    }
    const pair = asked === first ? [told, other] : [other, told];
    const orders = pair.map(() => (chance(random, 0.3) ? 'passive' : 'active') as 'passive' | 'active');
    const sentence = pair.map((clause, i) => sayClause(clause, orders[i])).join(' and ');
    return { question: ask(loosen(random, placed), word), sentence };
  }
}

/** A question about one event, and a sentence that tells it or another one. */
export function plainQuestion(random: Random, answered: boolean): QuestionAndSentence {
  const word = random.pick(['who', 'what', 'where'] as const);
  const clause = clauseOf(random);
  const asked = { ...clause, place: word === 'where' ? (clause.place ?? placeOf(random)) : clause.place };
  return { question: ask(asked, word), sentence: sayClause(answered ? asked : clauseOf(random)) };
}

/** A question about the one thing could be meant of the other. */
const sameThing = (a: Clause, b: Clause): boolean => {
  const kind = (clause: Clause) => kindOf(clause.patient.noun) ?? clause.patient.noun;
  return kind(a) === kind(b);
};

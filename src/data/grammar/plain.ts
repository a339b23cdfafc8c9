/**
 * Easy examples of the sets, which surface cues decide: a word's polarity, a denial, words that two sentences share.
 * The sets' own examples are made so that such cues say nothing; a mixture has something to learn early and something
 * that is learnt late.
 */
import type { Random } from '../../tensor/random';
import { chance, clauseOf, sayClause } from './clause';
import { editClause, PARTS } from './inference';
import { plainReview } from './opinion';
import { rephrased } from './paraphrase';
import { plainQuestion } from './question';
import { pairOf, questionOf, type UnderstandingSet } from './sets';

/** The second sentence follows from the first, is the denial of what follows, or is about another event. */
function plainInference(random: Random, label: string): string {
  const premise = clauseOf(random);
  if (label === 'neutral') return pairOf(sayClause(premise), sayClause(clauseOf(random, chance(random, 0.3))));
  while (true) {
    const edit = editClause(random, premise, random.pick(PARTS));
    if (edit?.relation !== 'general' && edit?.relation !== 'equal') continue;
    const { clause } = edit;
    if (label === 'entailment') return pairOf(sayClause(premise), sayClause(clause));
    const named = clause.agent.det === '';
    const agent = named ? clause.agent : { ...clause.agent, det: 'no' as const };
    return pairOf(sayClause(premise), sayClause({ ...clause, agent, negated: named }));
  }
}

/** Easy texts by set and label; a set that is not here has none. */
const PLAIN: Readonly<Record<string, UnderstandingSet['write']>> = {
  nli: plainInference,
  sentiment: (random, label) => `${plainReview(random, label === 'positive')} .`,
  'question-sentence': (random, label) => {
    const { question, sentence } = plainQuestion(random, label === 'entailment');
    return questionOf(question, sentence);
  },
  paraphrase: (random, label) => {
    const [told, other] = [rephrased(random, true), rephrased(random, true)];
    return pairOf(told.first, label === 'equivalent' ? told.second : other.second);
  },
};

/** The set with this share of easy examples. */
export function mixed(set: UnderstandingSet, share: number): UnderstandingSet {
  const plain = PLAIN[set.name];
  if (!plain || share === 0) return set;
  return { ...set, write: (random, label) => (chance(random, share) ? plain : set.write)(random, label) };
}

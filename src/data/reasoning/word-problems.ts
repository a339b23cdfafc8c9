/**
 * Word problems in two or three steps with worked solutions:
 *
 *     anna has 1 2 pears . anna buys 5 pears . then she sells 3 . how many pears has anna ?
 *     1 2 + 5 = 1 7 . 1 7 - 3 = 1 4 . answer : 1 4
 *
 * Validation and test problems use other verbs and other questions than training, and mostly other orders of steps.
 */
import type { Random } from '../../tensor/random';
import { pronoun } from '../grammar/clause';
import { NAMES } from '../grammar/lexicon';
import { equation, GAINING, LOSING, THINGS } from './arithmetic';
import { type Exercise, type ExerciseKind, from, type Split, spell } from './exercise';

/** How a story begins; the second gives the first step, a product. */
type Opening = 'has' | 'boxes';

/** Orders of gains (+) and losses (−) after each opening. */
const ORDERS: Readonly<Record<Split, readonly (readonly [Opening, string])[]>> = {
  train: [
    ['has', '++'],
    ['has', '+-'],
    ['has', '--'],
    ['has', '+-+'],
    ['boxes', '+'],
  ],
  validation: [
    ['has', '-+'],
    ['has', '++'],
    ['boxes', '-'],
  ],
  test: [
    ['has', '-+'],
    ['has', '+-'],
    ['has', '-+-'],
    ['boxes', '-'],
  ],
};

const QUESTIONS: Readonly<Record<Split, readonly ((person: string, thing: string) => string)[]>> = {
  train: [
    (person, thing) => `how many ${thing} has ${person} now ?`,
    (person, thing) => `${person} has how many ${thing} ?`,
  ],
  validation: [(person, thing) => `what number of ${thing} has ${person} ?`],
  test: [(person, thing) => `now how many are the ${thing} of ${person} ?`],
};

/** The number after the last `answer :`, or null. Digits are words. */
export function extractAnswer(response: string): number | null {
  const found = [...response.matchAll(/(?:^| )answer : (\d(?: \d)*)(?= |$)/g)].at(-1);
  return found ? Number(found[1].replaceAll(' ', '')) : null;
}

function write(random: Random, split: Split): Exercise {
  const [opening, order] = random.pick(ORDERS[split]);
  const which = random.int(QUESTIONS[split].length);
  const person = random.pick(NAMES);
  const thing = random.pick(THINGS);
  const story: string[] = [];
  const steps: string[] = [];
  let count = from(random, 5, 40);
  if (opening === 'has') story.push(`${person} has ${spell(count)} ${thing} .`);
  else {
    const [boxes, each] = [from(random, 2, 6), from(random, 3, 9)];
    story.push(`${person} has ${spell(boxes)} boxes with ${spell(each)} ${thing} each .`);
    const product = equation(boxes, '*', each);
    steps.push(product.text);
    count = product.result;
  }
  const verbs: string[] = [];
  for (const sign of order) {
    if (sign === '-' && count === 0) return write(random, split);
    const change = sign === '+' ? from(random, 2, 15) : from(random, 1, Math.min(15, count));
    const verb = random.pick((sign === '+' ? GAINING : LOSING)[split]);
    const who = verbs.length === 0 ? person : `then ${pronoun(person)}`;
    story.push(`${who} ${verb} ${spell(change)} ${thing} .`);
    const step = equation(count, sign === '+' ? '+' : '-', change);
    steps.push(step.text);
    count = step.result;
    verbs.push(verb);
  }
  const result = count;
  return {
    template: [opening, ...verbs, `question ${split} ${which}`].join(' '),
    prompt: `${story.join(' ')} ${QUESTIONS[split][which](person, thing)} \n`,
    answer: `${steps.join(' . ')} . answer : ${spell(result)}`,
    passes: (response) => extractAnswer(response) === result,
  };
}

export const wordProblems: ExerciseKind = { name: 'word-problems', context: 72, write };
